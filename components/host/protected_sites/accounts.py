"""Removing accounts that the setup created."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import time
from pathlib import Path

from .commands import run, run_quietly
from .failure import Failure

PATIENCE = 10  # seconds to wait for processes to exit after SIGTERM, and again after SIGKILL


def remove_account(user: str) -> None:
    """
    Removes a user. An update that tears a host down may have pushed as that user, and keeps those SSH connections
    open until it exits; `userdel` does not remove a user who is logged in.
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
        raise Failure("users", f"{user} cannot be removed: process {running[0]} of that user does not exit")
    run("users", "userdel", user)


def processes_of(uid: int) -> list[int]:
    """The owner of /proc/<pid> does not help: that of an sshd process, which started as root, stays root."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nUid:\t{uid}\t" in status.read_text():
                found.append(int(status.parent.name))
    return found
