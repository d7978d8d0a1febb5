"""Protected Sites: the program that changes a proxy host. Runs as root; Python 3.11, standard library only.

A site's files lie in /etc/protected-sites/sites/<domain>/generations/<n>, and `current` points to one of them. The
places where Nginx, systemd and oauth2-proxy look are links to `current/<file>`, so one rename of one link switches a
whole site. `current` never points to anything that was not written out to the disk first.

A push goes like this:

1. `push` (over SSH) checks its input, writes a request into the queue and starts the worker, which belongs to
   systemd: a lost connection changes nothing. (push.py, requests.py)
2. The worker (one at a time, under a lock) takes all waiting pushes together: writes each new generation beside the
   old one and checks it with the real programs in a mount namespace where the new files stand in for the old.
   (worker.py, push.py)
3. It rehearses: starts Nginx and the instances on the new files where nobody can reach them, and asks for proof that
   nobody gets in without signing in. (rehearsal.py, probe.py)
4. It writes a journal entry of what it is about to change, switches the links, starts or restarts instances, reloads
   Nginx once, and asks each site for proof: the new generation answers, and nobody gets in without signing in.
5. If anything fails it goes back to what was live, and says so. If the worker itself dies, `recover` goes back, by
   way of the journal: as the worker's ExecStopPost, and at boot before Nginx starts. (undo.py)

Secrets come on standard input, go into files that root and the instance can read, and nowhere else.
"""
