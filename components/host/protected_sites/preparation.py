"""What a push needs that takes time, and nobody else should wait for: a certificate, and addresses of backends."""

from __future__ import annotations

import json

from .acme import ensure_certificate
from .addresses import look_up_new
from .bundle import Bundle
from .log import log_failure
from .sites import Site


def prepare(text: str) -> str:
    """Has a bundle's certificate issued, if it has none yet. Returns the addresses of names that are new to this host."""
    bundle = Bundle.parse(text)
    site = Site(str(bundle.facts("site.json").get("domain")))
    with log_failure("push", site.domain):
        bundle.port()
        site.check_places(bundle)
        ensure_certificate(site, bundle)
        # Only a name that is new to this host may be a typo; one that stops resolving later does not fail a push.
        return json.dumps(look_up_new(bundle.text_of("nginx.conf"), needed=True))
