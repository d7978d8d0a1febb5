"""Taking a site off the host."""

from __future__ import annotations

import os
from pathlib import Path

from .acme import facts_of, forget_certificate
from .announcement import forget_mark
from .commands import run, run_quietly
from .files import remove_folder, remove_link
from .nginx import check_nginx, nginx_runs, reload_nginx
from .requests import Request
from .sites import Site


def remove(request: Request) -> None:
    """Takes a site off the host: first out of Nginx, then the rest. What is not there is no failure."""
    site = request.site
    if other := other_owner(request):
        request.settle(True, f"kept: it is site {other}'s now")
        return
    links = [*site.places, site.start_link]
    ours = [link for link in links if link.is_symlink() and is_ours(site, link)]
    if not ours and not site.folder.exists():
        request.settle(True, "was not on this host")
        return
    live = site.live()
    by_acme = live is not None and facts_of(site.bundle(live)) is not None
    check_nginx({}, {site.nginx_link: None} if site.nginx_link in ours else {})
    if site.nginx_link in ours:
        remove_link(site.nginx_link)
    if nginx_runs():
        reload_nginx({site: None})
    run_quietly("systemctl", "stop", site.socket, site.service)
    for link in ours:
        remove_link(link)
    run("daemon-reload", "systemctl", "daemon-reload")
    run_quietly("systemctl", "reset-failed", site.socket, site.service)
    remove_folder(site.auth_cache)
    remove_folder(site.folder)
    forget_mark(f"site-{site.domain}")
    if by_acme:
        forget_certificate(site)
    request.settle(True, "removed")


def other_owner(request: Request) -> str | None:
    """The site's name in the configuration, where that is not the one that is to be removed: where a site gets another
    name, the engine pushes the new one and then removes the old one, with the same domain."""
    live = request.site.live()
    owner = None if live is None else request.site.bundle(live).facts("site.json").get("name")
    return owner if owner != request.content.get("of", owner) else None


def is_ours(site: Site, link: Path) -> bool:
    target = os.readlink(link)
    return target.startswith(f"{site.current}/") or target == f"../{site.socket}"
