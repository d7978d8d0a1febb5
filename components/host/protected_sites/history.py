"""What has been done on this host: its log, also what logrotate has made of it, and blocks that have ended since."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections import deque
from typing import Any

from .blocked import entries_in_force, facts_of, has_ended
from .host import host_name
from .log import as_text
from .log_files import Reading, lines_of, lines_since, log_files, open_logs, question
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


def last_of_each_site(domains: set[str]) -> dict[str, dict[str, Any]]:
    """The last line about each of these sites, by its domain. Reads no further back than it has to."""
    last = dict[str, dict[str, Any]]()
    with contextlib.ExitStack() as stack:
        for _, file in reversed(open_logs(log_files(LOG), stack)):
            found = dict[str, dict[str, Any]]()
            with contextlib.suppress(OSError, EOFError, zlib.error):
                for line in lines_of(file):
                    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                        entry = json.loads(line)
                        found[entry["site"]] = entry
            last = found | last
            if domains <= last.keys():
                break
    return last
