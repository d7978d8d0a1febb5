"""Rolling back a push that failed or was interrupted."""

from __future__ import annotations

import os
from typing import Any

from .commands import run, run_quietly
from .files import flush_folder, remove_link
from .instances import needs_new_socket, start_instance
from .journal import RollBack, end_journal
from .nginx import nginx_runs, reload_nginx
from .shared_files import LINK, other_error_page
from .sites import Site

# Files of a site that its instance does not read: changing them needs no restart.
NOT_FOR_INSTANCE = {
    "site.json",
    "nginx.conf",
    "inherited.conf",
    "prometheus.json",
    "begin.html",
    "return.html",
    "not-saved.html",
    "signed-out.html",
    "forbidden.html",
    "expired.html",
    "bad-request.html",
    "unavailable.html",
    "too-many.html",
    "maintenance.html",
}


def go_back(entries: list[dict[str, Any]], *, booting: bool = False) -> list[str]:
    """Rolls back to what was live before a commit; safe to repeat. Returns what failed. At boot nothing runs yet."""
    roll_back = RollBack()
    back = [(Site(entry["domain"]), entry["old"], entry["new"]) for entry in entries]

    for site, old, _ in back:
        roll_back.attempt(take_out if old is None else switch_back, site)
    links_are_back = not roll_back.problems
    roll_back.attempt(run, "daemon-reload", "systemctl", "daemon-reload")
    if not booting:
        for site, old, new in back:
            if old is not None:
                roll_back.attempt(restart_as_before, site, old, new)
        if nginx_runs():
            roll_back.attempt(reload_nginx, {site: old for site, old, _ in back})
    if links_are_back:  # else the journal stays, and the next worker or the next boot tries again
        roll_back.attempt(end_journal)
    return roll_back.problems


def switch_back(site: Site) -> None:
    if site.previous.is_symlink():
        os.replace(site.previous, site.current)
        flush_folder(site.folder)


def take_out(site: Site) -> None:
    """Removes the links of a site that did not exist before, and stops what they started."""
    run_quietly("systemctl", "stop", site.socket, site.service)
    for link in (*site.places, site.start_link, site.current):
        remove_link(link)


def restart_as_before(site: Site, old: int, new: int) -> None:
    bundle = site.bundle(old)
    differing = {file.name for file in set(bundle.files) ^ set(site.bundle(new).files)}
    links = (site.generation(number) / LINK for number in (old, new))
    restart = bool(differing - NOT_FOR_INSTANCE) or other_error_page(*links)
    start_instance(site, bundle.port(), restart=restart, new_socket=needs_new_socket(site, new, old))
