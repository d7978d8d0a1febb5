"""The log of what has been done on this host, and by whom: one line of JSON each."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Generator
from typing import Any

from .announcement import operator
from .failure import Failure
from .places import LOG


def now() -> str:
    return as_text(time.time())


def as_text(seconds: float) -> str:
    """A time in UTC, as the log has it. seconds: since 1970"""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def write_log(entry: dict[str, Any]) -> None:
    """Appends a line, which is on the disk when this returns."""
    with LOG.open("a") as log:
        log.write(f"{json.dumps(entry)}\n")
        log.flush()
        os.fsync(log.fileno())


def log_result(action: str, *, ok: bool, verdict: str, **facts: Any) -> None:
    """Appends a line about what this process has done or tried, for whoever called it."""
    by = os.environ.get("SUDO_USER", "root")
    write_log({"when": now(), "by": by, **operator(), "action": action, "ok": ok, "verdict": verdict, **facts})


@contextlib.contextmanager
def log_failure(action: str, site: str) -> Generator[None]:
    """Appends a line if what follows fails: before there is a request, whose result the worker logs."""
    try:
        yield
    except Exception as error:
        failure = Failure.of(error)
        with contextlib.suppress(OSError):  # before the first setup there is no folder for it
            log_result(action, ok=False, verdict=failure.what, site=site, step=failure.step)
        raise
