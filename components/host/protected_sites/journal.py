"""The journal: what a push is about to change, so that it can be rolled back until one rename has decided."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from .failure import Failure
from .files import flush_folder, read_text, replace_file
from .places import COMMITTED, JOURNAL, LOG, STATE


def write_journal(requests: list[str], **entries: Any) -> None:
    """Records what is about to change, so that it can be rolled back."""
    replace_file(JOURNAL, json.dumps({"requests": requests, "sites": [], "credentials": []} | entries), 0o600)


def keep() -> None:
    """Makes the change final: one rename decides. Nothing that follows may undo it."""
    os.replace(JOURNAL, COMMITTED)
    with contextlib.suppress(OSError):  # without it, a power cut would roll the change back
        flush_folder(STATE)


def kept() -> set[str]:
    """The requests whose change is final, but whose results may not be written yet."""
    return set(json.loads(read_text(COMMITTED) or '{"requests": []}')["requests"])


def forget() -> None:
    """Called when all results are written."""
    with contextlib.suppress(OSError):
        COMMITTED.unlink(missing_ok=True)


def check_undone() -> None:
    """Raises a Failure if an earlier journal is still needed to roll back."""
    if JOURNAL.exists():
        raise Failure("recovery", f"an earlier push has not been rolled back yet; see {LOG} for the reason")


def end_journal() -> None:
    JOURNAL.unlink(missing_ok=True)
    flush_folder(STATE)


class RollBack:
    """Does all it can: a part that fails does not keep the rest from being rolled back."""

    def __init__(self) -> None:
        self.problems = list[str]()

    def attempt(self, action: Callable[..., Any], *given: Any) -> None:
        try:
            action(*given)
        except Exception as error:
            self.problems.append(f"while rolling back: {error}")
