"""The command line of the program."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .credentials import credentials
from .deployer import refuse_more
from .failure import Failure
from .follow import follow
from .metrics import metrics
from .push import push, rollback
from .rehearsal import rehearse
from .requests import submit
from .sessions import forget_sessions
from .setup import authorize, setup, teardown
from .sites import Site
from .status import status
from .worker import recover, work_and_return


def out_of_time(*_: Any) -> None:
    raise Failure("waiting", "timed out waiting for the result; see pushes.jsonl on the host")


def remove(site: Site, of: str | None, kind: str) -> int:
    return submit(kind, site.domain, **({} if of is None else {"of": of}))


def main(arguments: list[str]) -> int:
    try:
        refuse_more(arguments)
    except Failure as failure:
        print(f"protected-sites: {failure.what}", file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(prog="protected-sites", description="Manages a proxy host of Protected Sites.")
    commands = parser.add_subparsers(dest="command", required=True)
    repairs: list[argparse.ArgumentParser] = []
    repairs.append(commands.add_parser("setup", help="sets this machine up as a proxy host (bundle on standard input)"))
    commands.add_parser("teardown", help="undoes the setup")
    commands.add_parser("authorize", help="sets the keys that may push (public keys on standard input)")
    repairs.append(commands.add_parser("push", help="puts a site live (bundle on standard input)"))
    removals = [commands.add_parser("remove", help="removes a site")]
    back = commands.add_parser("rollback", help="rolls a site back to an earlier generation")
    back.add_argument("domain")
    back.add_argument("--to", type=int, help="the generation's number; default: the one before the live one")
    switch = commands.add_parser("credentials", help="verifies a site's credentials with Entra, then switches to them (standard input)")
    repairs.append(switch)
    switch.add_argument("--patience", type=float, default=120, help="seconds to wait until Entra accepts them")
    removals.append(commands.add_parser("remove-credentials", help="removes a site's credentials"))
    for removal in removals:
        removal.add_argument("domain")
        removal.add_argument("--of", metavar="NAME", help="only if the site still has this name in the configuration")
    commands.add_parser("forget-sessions", help="deletes a removed site's sessions from its Redis (standard input)")
    commands.add_parser("status", help="shows what is on this host").add_argument("--json", action="store_true")
    exporter = commands.add_parser("metrics", help="prints this host's metrics for Prometheus")
    exporter.add_argument("--textfile", type=Path, help="a file for the node exporter, instead of standard output")
    commands.add_parser("worker", help="started by systemd")
    commands.add_parser("recover", help="started by systemd").add_argument("--boot", action="store_true")
    commands.add_parser("follow-addresses", help="started by systemd")
    rehearsal = commands.add_parser("rehearse", help="started by the worker")
    rehearsal.add_argument("--names", default="")
    rehearsal.add_argument("domains", nargs="+")
    for repairing in repairs:
        repairing.add_argument("--repair", metavar="MARK", help="the mark of the drift that this repairs")
    given = parser.parse_args(arguments)
    actions: dict[str, Callable[[], int]] = {
        "setup": lambda: setup(given.repair),
        "teardown": teardown,
        "authorize": authorize,
        "push": lambda: push(given.repair),
        "remove": lambda: remove(Site(given.domain), given.of, "remove"),
        "rollback": lambda: rollback(given.domain, given.to),
        "credentials": lambda: credentials(given.patience, given.repair),
        "remove-credentials": lambda: remove(Site(given.domain), given.of, "remove-credentials"),
        "forget-sessions": forget_sessions,
        "status": lambda: status(given.json),
        "metrics": lambda: metrics(given.textfile),
        "worker": work_and_return,
        "recover": lambda: recover(given.boot),
        "follow-addresses": follow,
        "rehearse": lambda: rehearse([Site(domain) for domain in given.domains], given.names.split(",")),
    }
    os.umask(0o022)
    if given.command not in {"worker", "recover", "follow-addresses"}:
        signal.signal(signal.SIGALRM, out_of_time)
        signal.alarm(900 if given.command == "setup" else 600)
    try:
        if os.geteuid() != 0:
            raise Failure("start", "must run as root")
        return actions[given.command]()
    except (Failure, OSError) as error:
        failure = Failure.of(error)
        what = "\n  ".join(failure.what.splitlines())
        print(f"protected-sites {given.command}: failed in step {failure.step!r}\n  {what}", file=sys.stderr)
    return 1
