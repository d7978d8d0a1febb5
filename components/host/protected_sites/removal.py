"""Removing a site from the host."""

from __future__ import annotations

from .acme import facts_of, forget_certificate
from .announcement import forget_mark
from .commands import run, run_quietly
from .files import remove_folder, remove_link
from .nginx import check_nginx, nginx_runs, reload_nginx
from .requests import Request, live_bundle, other_owner


def remove(request: Request) -> None:
    """Removes a site from the host: from Nginx first, then the rest. What does not exist is not an error, so an
    interrupted removal can be repeated. As soon as Nginx no longer serves the site, it is no longer live."""
    site = request.site
    if other := other_owner(request):
        request.settle(True, f"kept: it now belongs to site {other}")
        return
    if not site.is_here():
        request.settle(True, "was not on this host")
        return
    ours = site.links_here()
    live = live_bundle(site)
    by_acme = live is not None and facts_of(live) is not None
    check_nginx({}, {site.nginx_link: None} if site.nginx_link in ours else {})
    if site.nginx_link in ours:
        remove_link(site.nginx_link)
    if nginx_runs():
        reload_nginx({site: None})
    if by_acme:
        forget_certificate(site)
    remove_link(site.current)
    run_quietly("systemctl", "stop", site.socket, site.service)
    for link in ours:
        remove_link(link)
    run("daemon-reload", "systemctl", "daemon-reload")
    run_quietly("systemctl", "reset-failed", site.socket, site.service)
    remove_folder(site.auth_cache)
    remove_folder(site.folder)
    forget_mark(f"site-{site.domain}")
    request.settle(True, "removed")
