"""Pushing a site, and rolling it back: what happens before the worker puts it live."""

from __future__ import annotations

import re

from .acme import ensure_certificate
from .addresses import look_up_new
from .announcement import keep_mark
from .bundle import Bundle, read_input
from .failure import Failure
from .host import host_name
from .log import log_failure
from .sites import Site
from .submission import submit


def push(repair: str | None) -> int:
    """Puts the bundle on standard input live. With `repair`, a mark, it repairs drift (announcement.py)."""
    bundle = Bundle.parse(read_input())
    site = Site(str(bundle.facts("site.json").get("domain")))
    with log_failure("push", site.domain):
        bundle.port()
        site.check_places(bundle)
        ensure_certificate(site, bundle)
        first = site.live() is None
        # Only a name that is new to this host may be a typo; one that stops resolving later does not fail a push.
        addresses = look_up_new(bundle.text_of("nginx.conf"), needed=True)
    failed = submit("push", site, bundle=bundle.text, addresses=addresses)
    if not failed:
        keep_mark(f"site-{site.domain}", repair, first=first)
    return failed


def rollback(domain: str, to: str | None) -> int:
    """Pushes an earlier generation again, by default the one before the live one."""
    site = Site(domain)
    live = site.live() or 0
    earlier = [number for number in site.numbers() if number < live]
    if to is None and not earlier:
        raise Failure("rollback", f"{domain} has no earlier generation on this host")
    if to is not None and not re.fullmatch(r"[0-9]{1,9}", to):
        raise Failure("input", f"--to: expected a number, got {to[:80]!r}")
    number = earlier[-1] if to is None else int(to)
    if number == live:
        print(f"{domain} on {host_name()}: generation {live} is live")
        return 0
    if number not in earlier:
        kept = ", ".join(map(str, earlier)) or "none"
        raise Failure("rollback", f"{domain}: expected an earlier generation ({kept}), got {number}")
    with log_failure("rollback", domain):
        bundle = site.bundle(number)
        ensure_certificate(site, bundle)
        addresses = look_up_new(bundle.text_of("nginx.conf"), needed=False)
    return submit("push", site, bundle=bundle.text, addresses=addresses, rollbackTo=number)
