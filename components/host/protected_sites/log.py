"""The log of what has been done on this host, and by whom: one line of JSON each."""

from __future__ import annotations

import contextlib
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


def last_of_each_site() -> dict[str, dict[str, Any]]:
    """The last line about each site, by its domain."""
    last: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(FileNotFoundError), LOG.open(errors="replace") as lines:
        for line in lines:
            with contextlib.suppress(ValueError):  # half a line, from a power cut or a full disk
                entry = json.loads(line)
                if "site" in entry:
                    last[entry["site"]] = entry
    return last
