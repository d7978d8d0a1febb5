"""Removing sites from the host."""

from __future__ import annotations

from .acme import facts_of, forget_certificate
from .announcement import forget_mark
from .commands import run, run_quietly
from .failure import Failure
from .files import remove_folder, remove_link
from .groups import divided
from .nginx import check_nginx, nginx_runs, reload_nginx
from .requests import Request, live_bundle, other_owner, settled


def remove_group(requests: list[Request]) -> None:
    """Removes sites from the host with one check and one reload: from Nginx first, then the rest. What does not exist is
    not an error, so an interrupted removal can be repeated. As soon as Nginx no longer serves a site, it is no longer live.
    """
    group = taken_out([request for request in requests if settled(is_to_go, request)])
    group = [request for request in group if settled(forget_live, request)]
    if not group:
        return
    units = [unit for request in group for unit in (request.site.socket, request.site.service)]
    run_quietly("systemctl", "stop", *units)
    group = [request for request in group if settled(remove_links, request)]
    try:
        run("daemon-reload", "systemctl", "daemon-reload")
    except Exception as error:
        for request in group:
            request.fail(Failure.of(error))
        return
    run_quietly("systemctl", "reset-failed", *units)
    for request in group:
        settled(remove_rest, request)


def is_to_go(request: Request) -> bool:
    if other := other_owner(request):
        request.settle(True, f"kept: it now belongs to site {other}")
        return False
    if not request.site.is_here():
        request.settle(True, "was not on this host")
        return False
    return True


def taken_out(group: list[Request]) -> list[Request]:
    """Those that Nginx no longer serves. A file of the host's own may need one of the others, which is then kept alone."""
    try:
        if group:
            take_out_of_nginx(group)
    except Exception as error:
        return divided(taken_out, group, error, lambda request, error: request.fail(Failure.of(error)))
    return group


def take_out_of_nginx(group: list[Request]) -> None:
    links = [request.site.nginx_link for request in group if request.site.nginx_link in request.site.links_here()]
    check_nginx({}, dict.fromkeys(links))
    for link in links:
        remove_link(link)
    if nginx_runs():
        reload_nginx({request.site: None for request in group})


def forget_live(request: Request) -> bool:
    live = live_bundle(request.site)
    if live is not None and facts_of(live) is not None:
        forget_certificate(request.site)
    remove_link(request.site.current)
    return True


def remove_links(request: Request) -> bool:
    for link in request.site.links_here():
        remove_link(link)
    return True


def remove_rest(request: Request) -> None:
    site = request.site
    remove_folder(site.auth_cache)
    remove_folder(site.folder)
    forget_mark(f"site-{site.domain}")
    request.settle(True, "removed")
