"""What the stack's program says to a host before an update: who updates, from which commit, and what it repairs.

No resource's input may hold it: it would be a change of every resource at every commit.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, cast

from .files import flush_folder, make_folder, read_text, replace_file
from .places import ANNOUNCEMENT, REPAIRS

VALID_FOR = 3600  # seconds: nobody updates for longer, and who comes later by another way is somebody else


def announced() -> dict[str, Any]:
    """The announcement of the update that goes on; empty where there is none."""
    try:
        if time.time() - ANNOUNCEMENT.stat().st_mtime > VALID_FOR:
            return {}
        said = json.loads(read_text(ANNOUNCEMENT) or "{}")
    except (OSError, ValueError):
        return {}
    return cast(dict[str, Any], said) if isinstance(said, dict) else {}


def operator() -> dict[str, Any]:
    """Who updates: `who`, `commit`, `dirty` (files that are not committed) and `stack`, as far as they were said."""
    said = announced()
    return {key: said[key] for key in ("who", "commit", "dirty", "stack") if key in said}


# A push that puts drift right carries a mark, which the resource in the stack's state has as an input and the host
# keeps. The next run of the program asks for it and gives the resource the same again, so that it has not changed.


def mark_of(what: str) -> str:
    return read_text(REPAIRS / what) or ""


def keep_mark(what: str, mark: str | None, *, first: bool) -> None:
    """What is made for the first time, or anew after it was lost, gets the mark that was announced for it."""
    if mark is None and first:
        mark = str(announced().get("repair", ""))
    if mark and mark != mark_of(what):
        make_folder(REPAIRS, 0o755)
        replace_file(REPAIRS / what, mark)


def forget_mark(what: str) -> None:
    place: Path = REPAIRS / what
    if place.exists():
        place.unlink()
        flush_folder(REPAIRS)
