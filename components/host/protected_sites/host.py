"""This host: its name, and the lock that lets one program at a time change it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Generator

from .commands import still_alive
from .files import read_text
from .places import HOST, LOCK


def host_name() -> str:
    with contextlib.suppress(ValueError, TypeError):
        return str(json.loads(read_text(HOST) or "").get("name"))
    return os.uname().nodename


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
