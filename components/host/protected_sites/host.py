"""This host: its name, and the lock that lets one program at a time change it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Generator
from pathlib import Path

from .commands import still_alive
from .files import read_text
from .places import HOST, LOCK


def host_name() -> str:
    with contextlib.suppress(ValueError, TypeError):
        return str(json.loads(read_text(HOST) or "").get("name"))
    return os.uname().nodename


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@contextlib.contextmanager
def lock() -> Generator[None]:
    """Lets one program at a time change the host."""
    with LOCK.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                still_alive()
                time.sleep(0.05)
        yield


def is_locked() -> bool:
    """Whether a program is changing the host."""
    with LOCK.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
