"""Standard input. Imports next to nothing, for the callers of a push (submission.py)."""

from __future__ import annotations

import os
import select
import time

from .failure import Failure

LARGEST = 1 << 20
PATIENCE = 600  # seconds


def read_input() -> str:
    """Standard input, whole."""
    data, deadline = b"", time.monotonic() + PATIENCE
    while len(data) <= LARGEST:
        if not select.select([0], [], [], max(0, deadline - time.monotonic()))[0]:
            raise Failure("input", f"not complete after {PATIENCE} s")
        more = os.read(0, LARGEST)
        if not more:
            break
        data += more
    if len(data) > LARGEST:
        raise Failure("input", f"longer than {LARGEST} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Failure("input", f"not UTF-8: {error}") from None
