"""Drift: what on a host differs from what was pushed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .addresses import files_in, trouble_in
from .bundle import Bundle
from .failure import Failure
from .files import read_text
from .nginx import Visitor, answer_to
from .places import OAUTH2_PROXY, SHARED
from .probe import expect_refusals
from .seen import Seen
from .shared_files import LINK
from .sites import Site


def drift_of(site: Site, bundle: Bundle, live: int, seen: Seen) -> list[str]:
    """What of a site differs from the bundle of its live generation, and whether it is closed."""
    drift = differences(site, bundle, live, seen)
    with Visitor(site) as visitor:
        answer = answer_to(visitor)
        if answer != f"generation {live}":
            drift.append(f"Nginx answers as {answer}")
        elif not drift:
            try:
                expect_refusals(visitor, bundle)
            except Failure as failure:
                drift.append(failure.what)
    return drift


def differences(site: Site, bundle: Bundle, live: int, seen: Seen) -> list[str]:
    """What of a site's files and units differs from the bundle of its live generation."""
    drift = [] if bundle.files else [f"{site.generation(live)}/bundle is missing or truncated"]
    for name in site.changed(bundle):
        drift.append(f"{name} is missing" if read_text(site.current / name) is None else f"{name} differs")
    drift += [f"{link} is missing" for link in site.links(bundle) if not link.is_symlink()]
    drift += [f"{path} is missing" for path in addresses_of(site) if not path.exists()]
    drift += shared_drift(site, bundle, seen)
    # An inactive service is fine: the next connection to its socket starts it.
    for unit, well in ((site.socket, {"active"}), (site.service, {"active", "inactive"})):
        state = seen.units[unit]
        if state["ActiveState"] not in well:
            drift.append(f"{unit} is {state['ActiveState']}")
        if state["NeedDaemonReload"] == "yes":
            drift.append(f"{unit} has changed on disk since systemd loaded it")
        if unit == site.socket and state["ActiveState"] == "active" and bundle.files:
            if (port := bundle.port()) not in seen.ports:
                drift.append(f"{unit} is active, but systemd no longer listens on 127.0.0.1:{port}")
    return drift


def shared_drift(site: Site, bundle: Bundle, seen: Seen) -> list[str]:
    """Whether a live site includes the version of the shared files that it was pushed for, and they are what they were."""
    version = bundle.facts("site.json").get(LINK) if bundle.files else None
    if version is None:
        return []
    folder = SHARED / str(version)
    link = site.current / LINK
    if not link.is_symlink() or os.readlink(link) != str(folder):
        return [f"{link} does not point to {folder}"]
    return [damage] if (damage := seen.damage_to(folder)) else []


def addresses_of(site: Site) -> list[Path]:
    """The address files of a live site's backends that are given by name."""
    return files_in(read_text(site.current / "nginx.conf") or "")


def credentials_drift(site: Site) -> list[str]:
    missing = [
        name
        for name in ("client.env", "client-secret", "cookie-secret")
        if not (site.credentials / "current" / name).exists()
    ]
    return [f"credentials: {name} is missing" for name in missing]


def extra_of(site: Site, bundle: Bundle, seen: Seen) -> list[str]:
    """What somebody has added to a live site, which a push neither reads nor removes; and an outdated binary still running."""
    if not bundle.files:
        return []
    known = {"bundle", "generation.conf", "origin.json", LINK, *(file.name for file in bundle.files)}
    extra = [f"{name} is extra" for name in sorted({*os.listdir(site.current)} - known)]
    extra += [f"{path.stem}: {trouble}" for path in addresses_of(site) if (trouble := trouble_in(path))]
    for unit in (site.socket, site.service):
        state = seen.units[unit]
        extra += [f"{path} overrides the unit" for path in state["DropInPaths"].split() if f"/{unit}.d/" in path]
        main = state.get("MainPID", "0")
        with contextlib.suppress(OSError):
            if main != "0" and os.path.realpath(f"/proc/{main}/exe") != os.path.realpath(OAUTH2_PROXY):
                extra.append(f"{unit} runs {os.readlink(f'/proc/{main}/exe')}")
    return extra
