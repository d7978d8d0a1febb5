"""Rolling a site back: an earlier generation is pushed again."""

from __future__ import annotations

import json
import re

from .acme import ensure_certificate
from .addresses import look_up_new
from .failure import Failure
from .host import host_name
from .log import log_failure
from .sites import Site
from .submission import submit


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
    return submit("push", rollbackTo=str(number), addresses=json.dumps(addresses), text=bundle.text)
