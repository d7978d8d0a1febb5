"""The worker's part of a change of credentials: puts verified ones live, rolls them back, removes them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, NamedTuple

from .announcement import forget_mark
from .credentials import CERTIFICATE_FILES, served_from
from .failure import Failure
from .files import read_text, remove_folder, remove_link, replace_link
from .groups import divided
from .journal import RollBack, check_undone, end_journal, forget, keep, write_journal
from .requests import Request, other_owner, settled
from .sites import Site


class Switch(NamedTuple):
    """From live credentials to verified ones, which are written out next to them."""

    site: Site
    old: str | None
    new: str

    def changed(self) -> list[str]:
        # Without old ones, that folder does not exist.
        old, new = (self.site.credentials / str(number) for number in (self.old, self.new))
        return sorted(name for name in names_in(old) | names_in(new) if read_text(old / name) != read_text(new / name))

    def restarts(self) -> bool:
        """Whether the instance has to start again. The client secret, it reads at each use."""
        return self.site.live() is not None and not {"client.env", "cookie-secret"}.isdisjoint(self.changed())

    def renews(self) -> bool:
        """Whether Nginx has to load another certificate."""
        return self.site.live() is not None and not CERTIFICATE_FILES.keys().isdisjoint(self.changed()) and served_from(self.site)


class Asked(NamedTuple):
    """A request, and what it means, looked up before anything is switched."""

    request: Request
    switch: Switch
    changed: list[str]
    restarts: bool
    renews: bool


def switch_group(requests: list[Request]) -> None:
    """Puts verified credentials live, one site after the other. Only new certificates, which another CA of the stack means
    for every site at once, go live together: each reload of Nginx leaves its old workers to their connections."""
    group = [asked for request in requests if (asked := settled(look_up, request))]
    renewing = [asked for asked in group if asked.renews]
    for asked in group:
        if asked not in renewing:
            put_live([asked])
    if renewing:
        put_live(renewing)


def look_up(request: Request) -> Asked:
    site, new = request.site, request.values["number"]
    if not (site.credentials / new).is_dir():
        raise Failure("credentials", "superseded by another push; push them again")
    current = site.credentials / "current"
    switch = Switch(site, os.readlink(current) if current.is_symlink() else None, new)
    return Asked(request, switch, switch.changed(), switch.restarts(), switch.renews())


def put_live(group: list[Asked]) -> list[Asked]:
    """Commits a group and settles its requests."""
    try:
        commit(group)
    except Exception as error:
        return divided(put_live, group, error, give_up)
    for asked in group:
        how = "instance restarted" if asked.restarts else "no restart needed"
        how = f"certificate renewed, {how}" if asked.renews else how
        asked.request.settle(True, f"credentials live ({how})", changed=asked.changed)
    forget()
    for site, _, new in (asked.switch for asked in group):
        for entry in site.credentials.iterdir():
            if entry.name not in {new, "current"}:
                with contextlib.suppress(OSError):
                    remove_folder(entry)
    return group


def give_up(asked: Asked, error: Exception) -> None:
    asked.request.fail(Failure.of(error))  # first: it takes the secrets in that folder out of the message
    with contextlib.suppress(OSError):
        remove_folder(asked.switch.site.credentials / asked.switch.new)


def commit(group: list[Asked]) -> None:
    """Puts credentials live, all of them or none."""
    check_undone()
    switches = [asked.switch for asked in group]
    entries = [{"domain": site.domain, "old": old, "new": new} for site, old, new in switches]
    write_journal([asked.request.path.stem for asked in group], credentials=entries)
    try:
        for site, _, new in switches:
            replace_link(site.credentials / "current", new)
        for switch in switches:
            restart_for(switch)
        if renewed := [asked.switch.site for asked in group if asked.renews]:
            take_certificates(renewed)
        keep()
    except Exception as error:
        failure = Failure.of(error)
        problems = switch_back(switches)
        raise Failure(failure.step, "\n".join([failure.what, *problems]), switched=True) from None


def restart_for(switch: Switch) -> None:
    live = switch.site.live()
    if live is not None and switch.restarts():
        from .instances import start_instance  # most new credentials restart nothing

        start_instance(switch.site, switch.site.bundle(live).port(), restart=True)


def take_certificates(sites: list[Site]) -> None:
    """Reloads Nginx for new certificates, and checks that clients get them."""
    from .nginx import check_nginx, reload_nginx, served_certificate
    from .probe import first_of

    check_nginx({}, {})
    reload_nginx({site: site.live() for site in sites})
    for site in sites:
        if served_certificate(site.domain) != first_of(site.credentials / "current" / "fullchain.pem"):
            raise Failure("certificate", f"Nginx does not serve the new certificate for {site.domain}")


def go_back_to_credentials(entries: list[dict[str, Any]], *, booting: bool) -> list[str]:
    """Rolls back a switch that was interrupted; safe to repeat. Returns what failed."""
    switches = [Switch(Site(entry["domain"]), entry["old"], entry["new"]) for entry in entries]
    problems = switch_back(switches, booting=booting)
    if not problems:
        for site, _, new in switches:
            with contextlib.suppress(OSError):
                remove_folder(site.credentials / new)
    return problems


def switch_back(switches: list[Switch], *, booting: bool = False) -> list[str]:
    """Goes back to the credentials that were live before. At boot nothing runs yet. Returns what failed."""
    roll_back = RollBack()
    for switch in switches:
        roll_back.attempt(link_back, switch)
    links_are_back = not roll_back.problems
    if not booting:
        for switch in switches:
            roll_back.attempt(restart_for, switch)
        roll_back.attempt(reload_for, switches)
    if links_are_back:  # else the journal stays, and the next worker or the next boot tries again
        roll_back.attempt(end_journal)
    return roll_back.problems


def reload_for(switches: list[Switch]) -> None:
    if renewed := {switch.site: switch.site.live() for switch in switches if switch.renews()}:
        from .nginx import reload_nginx

        reload_nginx(renewed)


def link_back(switch: Switch) -> None:
    current = switch.site.credentials / "current"
    if switch.old is None:
        remove_link(current)
    elif os.readlink(current) != switch.old:
        replace_link(current, switch.old)


def names_in(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def remove_credentials(request: Request) -> None:
    site = request.site
    if other := other_owner(request):
        request.settle(True, f"credentials kept: they now belong to site {other}")
        return
    if site.live() is not None:
        raise Failure("credentials", f"{site.domain} is still live on this host; remove it first")
    remove_link(site.credentials / "current")
    remove_folder(site.credentials)
    forget_mark(f"credentials-{site.domain}")
    request.settle(True, "credentials removed")
