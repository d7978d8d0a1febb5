"""The log of what has been done on this host, and by whom: one line of JSON each."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from .places import LOG


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def write_log(entry: dict[str, Any]) -> None:
    """Appends a line, which is on the disk when this returns."""
    with LOG.open("a") as log:
        log.write(f"{json.dumps(entry)}\n")
        log.flush()
        os.fsync(log.fileno())
