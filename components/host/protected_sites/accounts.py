"""The end of accounts that the set-up has made."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import time
from pathlib import Path

from .commands import run, run_quietly
from .failure import Failure

PATIENCE = 10  # seconds for processes to end by themselves, and again once they are killed


def remove_account(user: str) -> None:
    """
    Takes a user away. Whoever takes a host down may have pushed as that user in the same run, and keeps those SSH
    connections open until it exits; of a user who is signed in, `userdel` takes nothing away.
    """
    try:
        uid = pwd.getpwnam(user).pw_uid
    except KeyError:
        return
    run_quietly("systemctl", "--quiet", "stop", f"user@{uid}.service")  # outlives the last session by ten seconds
    for kind in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + PATIENCE
        while (running := processes_of(uid)) and time.monotonic() < until:
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, kind)
            time.sleep(0.1)
    if running := processes_of(uid):
        raise Failure("users", f"{user} cannot be removed: process {running[0]} of that user does not end")
    run("users", "userdel", user)


def processes_of(uid: int) -> list[int]:
    """Whose /proc/<pid> is tells nothing: sshd's, which has been root's, stays root's."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nUid:\t{uid}\t" in status.read_text():
                found.append(int(status.parent.name))
    return found
