"""What is on the host, for people and for machines."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from .addresses import all_files, files_in
from .announcement import mark_of
from .blocked import LETS_IN, blocked_drift, lets_blocked_in, list_in_force
from .bundle import Bundle
from .commands import run_quietly, unit_state
from .drift import credentials_drift, drift_of, extra_of
from .failure import Failure
from .files import read_text
from .host import host_name
from .nginx import NOT_RUNNING, nginx_trouble
from .nginx_limits import limits_drift
from .nginx_version import nginx_says, openssl_number
from .places import (
    FOLLOWER,
    HOST,
    JOURNAL,
    MADE,
    NGINX_SHARED,
    NGINX_SITES,
    OAUTH2_PROXY,
    OAUTH2_PROXY_FILES,
    PROMETHEUS,
    SET_UP,
    SHARED,
    SITES,
    SUDO_RULE,
    UNITS,
)
from .probe import certificate_served, file_of
from .seen import Seen
from .shared_files import damage_to, files_of, version_of
from .shared_nginx import shared_texts
from .sites import Site, all_sites
from .units import sudo_rule, files_for


def site_status(site: Site, seen: Seen, trouble: list[str]) -> dict[str, Any]:
    """A site's status as JSON. `files` are the SHA-256 of what was pushed, for comparison with a configuration. A push
    repairs what is in `drift`, and leaves what is in `extra`."""
    live = site.live()
    drift, extra, files, served = ["no live generation"], [], {}, None
    if live is not None:
        bundle = site.bundle(live)
        drift, extra = drift_of(site, bundle, live, seen), extra_of(site, bundle, seen)
        files = {file.name: sha256_of(f"{file.place or ''}\n{file.text}") for file in bundle.files}
        try:
            served = certificate_served(site, bundle)
            if not served.is_new:
                extra.append(f"Nginx does not serve the certificate in {file_of(site, bundle)}; reload it")
        except (OSError, ValueError, Failure) as error:
            extra.append(f"the certificate: {error}")
        extra += [LETS_IN] if lets_blocked_in(site) else []
        if trouble:
            extra.append("this host's Nginx has problems")
    return {
        "domain": site.domain,
        "generation": live,
        "generations": [generation_status(site, number) for number in site.numbers() if number <= (live or 0)],
        "drift": drift,
        "credentialsDrift": credentials_drift(site),
        "extra": extra,
        "repair": mark_of(f"site-{site.domain}"),
        "credentialsRepair": mark_of(f"credentials-{site.domain}"),
        "files": files,
        "certificateStarts": served and served.starts,
        "certificateEnds": served and served.ends,
    }


def generation_status(site: Site, number: int) -> dict[str, Any]:
    return {"number": number, "sha256": sha256_of(site.bundle(number).text), **site.origin(number)}


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def program_digest() -> str:
    """The SHA-256 of this program's bundle (components/host/program.ts), from what is on disk now."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    sections = "".join(f"==> {file.name}\n{file.read_text()}" for file in files)
    return sha256_of(f"protected-sites bundle 1\n{sections}==> end\n")


def set_up_files() -> dict[Path, str]:
    """The files of the host's last setup, by path, without those that the program brings itself."""
    set_up = read_text(SET_UP)
    return {file.place: file.text for file in Bundle.parse(set_up).files if file.place} if set_up else {}


def shared_nginx(set_up: dict[Path, str], shared: dict[Path, str]) -> str:
    """What all sites share: as it was set up if the host's file still matches that, else the host's file."""
    here = read_text(NGINX_SHARED) or ""
    return set_up[NGINX_SHARED] if here == shared.get(NGINX_SHARED) else here


def host_drift(trouble: list[str], set_up: dict[Path, str], shared: dict[Path, str]) -> list[str]:
    """What of the host, apart from its sites, differs from its setup, which repairs it: Nginx that is not running, but
    not Nginx's own files."""
    facts = json.loads(read_text(HOST) or "{}")
    own = files_for(facts) | {SUDO_RULE: sudo_rule(str(facts.get("deployer", "protected-sites")))}
    own |= {place: text for place, text in set_up.items() if place != NGINX_SHARED}
    drift = [f"{place} differs" for place, text in (own | shared).items() if read_text(place) != text]
    if Path(__file__).parents[1].name != program_digest():
        drift.append(f"{Path(__file__).parent} differs")
    if (set_up_text := read_text(SET_UP)) and (files := files_of(Bundle.parse(set_up_text))):
        drift += [damage] if (damage := damage_to(SHARED / version_of(files))) else []
    drift += [f"{path} is missing" for path in files_in(read_text(NGINX_SHARED) or "") if not path.exists()]
    if all_files() and unit_state(FOLLOWER)["ActiveState"] not in {"active", "activating"}:
        drift.append(f"{FOLLOWER} is not active")
    drift += blocked_drift()
    drift += limits_drift(json.loads(read_text(MADE) or "{}"))
    return drift + [what for what in trouble if what == NOT_RUNNING]


def host_extra(sites: list[Site], trouble: list[str]) -> list[str]:
    """What a setup does not repair: problems of Nginx, an interrupted push, links of sites that are gone."""
    extra = [what for what in trouble if what != NOT_RUNNING]
    extra += ["a push is running, or was interrupted"] if JOURNAL.exists() else []
    known = {str(site.folder) for site in sites}
    for folder in (NGINX_SITES, OAUTH2_PROXY_FILES, PROMETHEUS, UNITS):
        for link in sorted(folder.iterdir()) if folder.is_dir() else []:
            target = os.readlink(link) if link.is_symlink() else ""
            if target.startswith(f"{SITES}/") and not any(target.startswith(f"{site}/") for site in known):
                extra.append(f"{link} is left over from a removed site")
    return extra


def status(as_json: bool) -> int:
    """Prints what is on the host. Changes nothing; returns 1 if there is drift or a problem."""
    sites = all_sites()
    seen = Seen(sites)
    trouble = nginx_trouble()
    nginx = nginx_says()
    set_up = set_up_files()
    # The setup's text, adapted to this host's Nginx.
    shared = shared_texts(set_up[NGINX_SHARED], nginx, openssl_number()) if NGINX_SHARED in set_up else {}
    found: dict[str, Any] = {
        "host": host_name(),
        "program": program_digest(),
        "sharedNginx": sha256_of(shared_nginx(set_up, shared)),
        "blocked": sha256_of(list_in_force()),
        "oauth2Proxy": run_quietly(str(OAUTH2_PROXY), "--version").strip(),
        "nginx": nginx,
        "drift": host_drift(trouble, set_up, shared),
        "extra": host_extra(sites, trouble),
        "repair": mark_of("host"),
        "sites": [site_status(site, seen, trouble) for site in sites],
    }
    lines = [f"this host  {line}" for line in (*found["drift"], *found["extra"])]
    healthy = not lines
    for site, shown in zip(sites, found["sites"], strict=True):
        wrong = [*shown["drift"], *shown["credentialsDrift"], *shown["extra"]]
        healthy = healthy and not wrong
        lines.append(f"{site.domain}  {site.live_text()}  {'; '.join(wrong) or 'as pushed'}")
    print(json.dumps(found, indent=2) if as_json else "\n".join(lines))
    return 0 if healthy else 1
