"""What is on the host, for people and for machines."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from .commands import run_quietly
from .drift import drift_of, extra_of
from .files import read_text
from .host import host_name
from .nginx import nginx_runs
from .places import (
    HOST,
    JOURNAL,
    NGINX_SHARED,
    NGINX_SITES,
    OAUTH2_PROXY,
    OAUTH2_PROXY_FILES,
    RECOVER,
    SITES,
    SUDO_RULE,
    UNITS,
    WORKER,
)
from .probe import certificate_end
from .sites import Site, all_sites
from .units import RECOVER_UNIT, WORKER_UNIT, sudo_rule


def site_status(site: Site) -> dict[str, Any]:
    """A site for machines. Its `files` are the SHA-256 of what was pushed, for comparison with a configuration."""
    live = site.live()
    found: dict[str, Any] = {"domain": site.domain, "generation": live, "generations": site.numbers()}
    drift, files, end = [*drift_of(site), *extra_of(site)], {}, None
    if live is not None:
        bundle = site.bundle(live)
        files = {file.name: sha256_of(f"{file.place or ''}\n{file.text}") for file in bundle.files}
        try:
            end = certificate_end(site, bundle)
        except (OSError, ValueError) as error:
            drift.append(f"the certificate: {error}")
    return found | {"drift": drift, "files": files, "certificateEnds": end}


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def program_digest() -> str:
    """The SHA-256 of this program as the bundle that it came in (components/host/program.ts), from what is on the disk
    now."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    sections = "".join(f"==> {file.name}\n{file.read_text()}" for file in files)
    return sha256_of(f"protected-sites bundle 1\n{sections}==> end\n")


def host_drift(sites: list[Site]) -> list[str]:
    """What of the host, apart from its sites, is not as it was set up; and links of sites that are gone."""
    deployer = str(json.loads(read_text(HOST) or "{}").get("deployer", "protected-sites"))
    own = {UNITS / WORKER: WORKER_UNIT, UNITS / RECOVER: RECOVER_UNIT, SUDO_RULE: sudo_rule(deployer)}
    drift = [f"{place} differs" for place, text in own.items() if read_text(place) != text]
    if JOURNAL.exists():
        drift.append("a push is under way, or was cut off")
    if not nginx_runs():
        drift.append("nginx.service is not active")
    known = {str(site.folder) for site in sites}
    for folder in (NGINX_SITES, OAUTH2_PROXY_FILES, UNITS):
        for link in sorted(folder.iterdir()) if folder.is_dir() else []:
            target = os.readlink(link) if link.is_symlink() else ""
            if target.startswith(f"{SITES}/") and not any(target.startswith(f"{site}/") for site in known):
                drift.append(f"{link} is left of a site that is gone")
    return drift


def status(as_json: bool) -> int:
    """What is on the host. Changes nothing; 1 if something is not as it should be."""
    sites = all_sites()
    found: dict[str, Any] = {
        "host": host_name(),
        "program": program_digest(),
        "sharedNginx": sha256_of(read_text(NGINX_SHARED) or ""),
        "oauth2Proxy": run_quietly(str(OAUTH2_PROXY), "--version").strip(),
        "nginx": run_quietly("nginx", "-v").strip().removeprefix("nginx version: "),
        "unfinished": JOURNAL.exists(),
        "drift": host_drift(sites),
        "sites": [site_status(site) for site in sites],
    }
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for line in found["drift"]:
            print(f"this host  {line}")
        for site, shown in zip(sites, found["sites"], strict=True):
            print(f"{site.domain}  {site.live_text()}  {'; '.join(shown['drift']) or 'as pushed'}")
    return 1 if found["drift"] or any(shown["drift"] for shown in found["sites"]) else 0
