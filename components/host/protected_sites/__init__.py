"""Protected Sites: the program that manages a proxy host. Runs as root; Python 3.11, standard library only.

A site's files live in /etc/protected-sites/sites/<domain>/generations/<n>, and `current` points to one of them. The
paths that Nginx, systemd and oauth2-proxy read are links to `current/<file>`, so renaming a single link switches a
whole site. `current` only ever points to files that have been flushed to disk.

A push works like this:

1. `push` (over SSH) queues its input and starts the worker, which runs under systemd: a lost connection does not affect
   it. (push.py, submission.py)
2. The worker (one at a time, under a lock) takes all queued pushes together, and those that arrive meanwhile: it checks
   their input, writes each new generation next to the old one and checks all of them with the real programs in a mount
   namespace where the new files replace the old. (worker.py, transaction.py)
3. It rehearses: starts Nginx and the instances on the new files where nobody can reach them, which also tests their
   configuration, and probes that nobody gets in without signing in. (rehearsal.py, probe.py)
4. It writes a journal entry of what it is about to change, switches the links, starts or restarts instances, reloads
   Nginx once, and probes each site: the new generation answers, and nobody gets in without signing in.
5. If anything fails it rolls back to what was live, and reports it. If the worker itself dies, `recover` rolls back
   from the journal: as the worker's ExecStopPost, and at boot before Nginx starts. (journal.py, undo.py)

A push starts Python four times: the client, the worker, the rehearsal, `recover`. So each command imports what it needs,
and what takes long to import only where it is needed: dataclasses, argparse, http.client, urllib.request, subprocess, ssl. The
client and `recover`, which mostly have nothing else to do, do without pathlib, re and json as well (plain_places.py).

Secrets arrive on standard input and are written only to files that root and the instance can read.
"""
