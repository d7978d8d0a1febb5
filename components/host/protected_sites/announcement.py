"""What the Pulumi program tells a host before an update: who updates, from which commit, and what it repairs.

It must not be a resource's input: every resource would change with every commit.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, cast

from .files import flush_folder, make_folder, read_text, replace_file
from .places import ANNOUNCEMENT, REPAIRS

VALID_FOR = 3600  # seconds: no update takes longer, and a push after that comes from somebody else


def announced() -> dict[str, Any]:
    """The announcement of the running update; empty if there is none."""
    try:
        if time.time() - ANNOUNCEMENT.stat().st_mtime > VALID_FOR:
            return {}
        said = json.loads(read_text(ANNOUNCEMENT) or "{}")
    except (OSError, ValueError):
        return {}
    return cast(dict[str, Any], said) if isinstance(said, dict) else {}


def operator() -> dict[str, Any]:
    """Who updates: `who`, `commit`, `dirty` (files that are not committed) and `stack`, as far as they were given."""
    said = announced()
    return {key: said[key] for key in ("who", "commit", "dirty", "stack") if key in said}


# A push that repairs drift carries a mark, which is an input of the resource in the stack's state and is stored on the
# host. The next run of the program reads it and gives the resource the same mark, so that it shows no change.


def mark_of(what: str) -> str:
    return read_text(REPAIRS / what) or ""


def keep_mark(what: str, mark: str | None, *, first: bool) -> None:
    """Stores the mark; what is created, or recreated after it was lost, gets the one that was announced."""
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
