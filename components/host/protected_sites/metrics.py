"""This host's metrics for Prometheus, in addition to each instance's own."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from .addresses import trouble_in
from .blocked import people_blocked
from .bundle import Bundle
from .drift import addresses_of, drift_of
from .failure import Failure
from .files import read_text, replace_file
from .history import last_of_each_site
from .instances import ping
from .nginx import nginx_trouble
from .nginx_limits import connections_held
from .probe import certificate_served, is_closed
from .seen import Seen
from .sessions import check_store, store_of
from .sites import Site, all_sites

HELP = {
    "protected_sites_closed": "Whether requests without a session are refused, as far as the probe's requests show.",
    "protected_sites_up": "Whether the site's oauth2-proxy answers on its port; asking starts one that is not running.",
    "protected_sites_as_pushed": "Whether the site has no drift, is closed to anonymous requests, and Nginx could restart.",
    "protected_sites_backend_resolved": "Whether the names of the site's backends resolve; 1 without names.",
    "protected_sites_certificate_is_new": "Whether Nginx serves the certificate in its file.",
    "protected_sites_certificate_start_seconds": "Start of the validity of the certificate that Nginx serves, in seconds since 1970.",
    "protected_sites_certificate_end_seconds": "Expiry of the certificate that Nginx serves, in seconds since 1970.",
    "protected_sites_session_store_up": "Whether the site's Redis allows and has room for what its sessions need.",
    "protected_sites_client_secret_end_seconds": "Expiry of the client secret in use, in seconds since 1970.",
    "protected_sites_last_push_ok": "Whether the last push of the site, of its credentials or a rollback succeeded.",
    "protected_sites_last_push_seconds": "When that ended, in seconds since 1970.",
}


def metrics(textfile: str | None) -> int:
    """Prints the metrics, or writes them to a file atomically."""
    values = {name: dict[str, float]() for name in HELP}
    sites = all_sites()
    seen = Seen(sites)
    nginx_is_healthy = not nginx_trouble()
    pushes = last_of_each_site({site.domain for site in sites})
    for site in sites:
        of_site = metrics_of(site, seen, nginx_is_healthy) | metrics_of_push(pushes.get(site.domain, {}))
        for name, value in of_site.items():
            values[name][site.domain] = value
    lines: list[str] = []
    for name, sites in values.items():
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
        lines += [f'{name}{{site="{domain}"}} {value:.0f}' for domain, value in sites.items()]
    held, limit = connections_held()
    host = {
        "nginx_connections": ("Most sockets that one Nginx worker has open, to clients and to backends.", held),
        "nginx_connections_limit": ("Most sockets that one Nginx worker can open.", limit),
        "blocked_people": ("How many people are blocked at every site of this host.", people_blocked()),
    }
    for name, (help_text, value) in host.items():
        lines += [f"# HELP protected_sites_{name} {help_text}", f"# TYPE protected_sites_{name} gauge"]
        lines.append(f"protected_sites_{name} {value}")
    lines += [
        "# HELP protected_sites_written_seconds When these metrics were written, in seconds since 1970.",
        "# TYPE protected_sites_written_seconds gauge",
        f"protected_sites_written_seconds {time.time():.0f}",
    ]
    text = "".join(f"{line}\n" for line in lines)
    if textfile is None:
        print(text, end="")
    else:
        replace_file(Path(textfile), text)
    return 0


def metrics_of(site: Site, seen: Seen, nginx_is_healthy: bool) -> dict[str, float]:
    """Leaves out what cannot be determined: an alert fires on absent metrics."""
    live = site.live()
    if live is None:
        return {"protected_sites_up": 0, "protected_sites_as_pushed": 0}
    found: dict[str, float] = {}
    try:
        bundle = site.bundle(live)
        found["protected_sites_up"] = ping(bundle.port())
        drift = drift_of(site, bundle, live, seen)
        found["protected_sites_as_pushed"] = nginx_is_healthy and not drift
        # Without drift that has been probed.
        found["protected_sites_closed"] = not drift or is_closed(site, bundle)
        found["protected_sites_backend_resolved"] = not any(map(trouble_in, addresses_of(site)))
        certificate = certificate_served(site, bundle)
        found["protected_sites_certificate_start_seconds"] = certificate.starts
        found["protected_sites_certificate_end_seconds"] = certificate.ends
        found["protected_sites_certificate_is_new"] = certificate.is_new
        if store_of(site, bundle) is not None:
            found["protected_sites_session_store_up"] = has_store(site, bundle)
    except (Failure, OSError, ValueError):
        found.setdefault("protected_sites_up", 0)
        found.setdefault("protected_sites_as_pushed", 0)
    ends = read_text(site.credentials / "current" / "client-secret-ends")
    if ends:
        found["protected_sites_client_secret_end_seconds"] = datetime.fromisoformat(ends).timestamp()
    return found


def metrics_of_push(last: dict[str, Any]) -> dict[str, float]:
    """Of a site's last line in the log of pushes."""
    if not last:
        return {}
    ended = datetime.fromisoformat(last["when"]).timestamp()
    return {"protected_sites_last_push_ok": last["ok"], "protected_sites_last_push_seconds": ended}


def has_store(site: Site, bundle: Bundle) -> bool:
    with contextlib.suppress(Failure):
        check_store(site, bundle)
        return True
    return False
