"""Who has used the sites of this host: a summary of their access logs (components/render/nginx/access-log.ts)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from .host import host_name
from .log_files import Reading, lines_since, question
from .places import NGINX_LOGS
from .sites import all_sites

# Reads a line in a third of the time that JSON takes. Nginx writes a quote in a value as \", so `,"` begins a member.
LINE = re.compile(
    rb'\{"time":"[^"]*","site":"[^"]*","request_id":"[^"]*","client":"([^"]*)","user":"([^"\\]*(?:\\.[^"\\]*)*)".*'
    rb',"status":"([0-9]+)","bytes":"[0-9]+","seconds":"([0-9]+\.[0-9]+)","backend_seconds":"([^"]*)"'
)
REFUSED = {b"401", b"403"}

MOST = 20_000  # rows of a site: further addresses of a person are one row, without an address
LONGEST = 320  # characters of a person or an address; a UPN has at most 113


def who() -> int:
    """Prints the summary as JSON. Standard input: see `question`."""
    os.nice(10)  # requests come first
    since, domain = question()
    sites = [site.domain for site in all_sites() if domain in {None, site.domain}]
    found = [summary_of(site, NGINX_LOGS / f"{site}.log", since) for site in sites]
    print(json.dumps({"host": host_name(), "sites": found}, separators=(",", ":")))
    return 0


class Use:
    """Requests of a person from an address, or of nobody who is named."""

    __slots__ = ("first", "last", "refused", "refused_by_backend", "requests")

    def __init__(self) -> None:
        self.first, self.last = float("inf"), 0.0
        self.requests = self.refused = self.refused_by_backend = 0

    def counts(self) -> dict[str, int]:
        return {"requests": self.requests, "refused": self.refused, "refusedByBackend": self.refused_by_backend}


def summary_of(domain: str, log: Path, since: float) -> dict[str, Any]:
    """Who used a site from where. Requests in which nobody is named only count."""
    reading, uses, unnamed = Reading(), dict[tuple[bytes, bytes], Use](), Use()
    for ended, text in lines_since(log, "time", since, reading):
        line = LINE.match(text)
        if line is None:
            reading.invalid += 1
            continue
        client, user, status, seconds, backend_seconds = line.groups()
        use = unnamed if user == b"" else uses.get((user, client))
        if use is None:
            use = uses.setdefault((user, client if len(uses) < MOST else b""), Use())
        use.requests += 1
        use.first = min(use.first, ended - float(seconds))
        use.last = max(use.last, ended)
        if status in REFUSED:
            # Without a backend's answer it was Nginx.
            use.refused += backend_seconds == b""
            use.refused_by_backend += backend_seconds != b""
    return {
        "domain": domain,
        **reading.facts(),
        "unnamed": unnamed.counts(),
        "uses": [
            {"user": text_of(user).lower(), "client": text_of(client), "first": use.first, "last": use.last, **use.counts()}
            for (user, client), use in uses.items()
        ],
    }


def text_of(value: bytes) -> str:
    """A value as it was before Nginx wrote it into JSON."""
    text = value.decode(errors="replace")
    try:
        return str(json.loads(f'"{text}"'))[:LONGEST]
    except ValueError:
        return text[:LONGEST]
