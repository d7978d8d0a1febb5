"""The command line of the program."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from .credentials import credentials
from .failure import Failure
from .push import push, rollback
from .rehearsal import rehearse
from .requests import submit
from .setup import authorize, setup, teardown
from .sites import Site
from .status import status
from .worker import recover, work_and_return


def out_of_time(*_: Any) -> None:
    raise Failure("waiting", "no verdict in time; see pushes.jsonl on the host for how it ends")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="protected-sites", description="Changes a proxy host of Protected Sites.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="makes this machine a proxy host (bundle on standard input)")
    commands.add_parser("teardown", help="puts back what was there before")
    commands.add_parser("authorize", help="sets who may push (public keys on standard input)")
    commands.add_parser("push", help="takes a site live (bundle on standard input)")
    commands.add_parser("remove", help="removes a site").add_argument("domain")
    commands.add_parser("rollback", help="pushes a site's previous generation again").add_argument("domain")
    proved = commands.add_parser("credentials", help="proves a site's credentials, then switches (standard input)")
    proved.add_argument("--patience", type=float, default=120, help="seconds to wait for Entra to know them")
    commands.add_parser("remove-credentials", help="removes a site's credentials").add_argument("domain")
    commands.add_parser("status", help="what is on this host").add_argument("--json", action="store_true")
    commands.add_parser("worker", help="started by systemd")
    commands.add_parser("recover", help="started by systemd").add_argument("--boot", action="store_true")
    rehearsal = commands.add_parser("rehearse", help="started by the worker")
    rehearsal.add_argument("--names", default="")
    rehearsal.add_argument("domains", nargs="+")
    given = parser.parse_args(arguments)
    actions: dict[str, Callable[[], int]] = {
        "setup": setup,
        "teardown": teardown,
        "authorize": authorize,
        "push": push,
        "remove": lambda: submit("remove", Site(given.domain).domain),
        "rollback": lambda: rollback(given.domain),
        "credentials": lambda: credentials(given.patience),
        "remove-credentials": lambda: submit("remove-credentials", Site(given.domain).domain),
        "status": lambda: status(given.json),
        "worker": work_and_return,
        "recover": lambda: recover(given.boot),
        "rehearse": lambda: rehearse([Site(domain) for domain in given.domains], given.names.split(",")),
    }
    os.umask(0o022)
    if given.command not in {"worker", "recover"}:
        signal.signal(signal.SIGALRM, out_of_time)
        signal.alarm(900 if given.command == "setup" else 600)
    try:
        if os.geteuid() != 0:
            raise Failure("start", "it must run as root")
        return actions[given.command]()
    except (Failure, OSError) as error:
        failure = Failure.of(error)
        what = "\n  ".join(failure.what.splitlines())
        print(f"protected-sites {given.command}: failed in step {failure.step!r}\n  {what}", file=sys.stderr)
    return 1
