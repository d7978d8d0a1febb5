"""What has been done on this host: the log of it, and blocks that have ended since."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from .blocked import entries_in_force, facts_of, has_ended
from .host import host_name
from .log import as_text
from .log_files import Reading, lines_since, question
from .places import LOG

MOST = 10_000  # entries; the oldest are left out


def history() -> int:
    """Prints the entries as JSON, the oldest first. Standard input: see `question`; what concerns no single site is
    reported for each."""
    since, domain = question()
    reading, found = Reading(), deque[tuple[float, dict[str, Any]]](maxlen=MOST)
    for when, line in lines_since(LOG, "when", since, reading):
        try:
            entry = json.loads(line)
            if entry.get("site") in {None, domain} or domain is None:
                found.append((when, entry))
        except (ValueError, TypeError, AttributeError, RecursionError):
            reading.invalid += 1
    # Nginx ends a block by itself; it becomes a line when the entry leaves the list.
    for entry in entries_in_force():
        if has_ended(entry) and entry.ends is not None and entry.ends >= since:
            verdict = f"{host_name()}: ended by the host's clock"
            ended = {"when": as_text(entry.ends), "action": "end of block", "ok": True, "verdict": verdict}
            found.append((entry.ends, ended | facts_of(entry)))
    entries = [entry for _, entry in sorted(found, key=lambda one: one[0])]
    print(json.dumps({"host": host_name(), "entries": entries, **reading.facts()}, separators=(",", ":")))
    return 0
