"""Pushing a site: what happens before the worker checks it and puts it live. As submission.py it imports next to nothing,
unless a certificate has to be requested first, or a name to be looked up."""

from __future__ import annotations

import os

from .plain_places import ADDRESSES
from .standard_input import read_input
from .submission import submit


def push(repair: str | None) -> int:
    """Puts the bundle on standard input live. With `repair`, a mark, it repairs drift (announcement.py)."""
    text = read_input()
    found = None
    if '"acme"' in text or has_new_names(text):
        from .preparation import prepare

        found = prepare(text)
    return submit("push", repair=repair, addresses=found, text=text)


def has_new_names(text: str) -> bool:
    """Whether a bundle has backends with names whose addresses are not on this host."""
    files = [part.partition(";")[0] for part in text.split(f" {ADDRESSES}/")[1:]]
    return not all(os.path.exists(f"{ADDRESSES}/{file}") for file in files)
