"""The worker's part of a change of credentials: puts verified ones live, rolls them back, removes them."""

from __future__ import annotations

import contextlib
import os

from .announcement import forget_mark
from .credentials import CERTIFICATE_FILES, served_from
from .failure import Failure
from .files import read_text, remove_folder, remove_link, replace_link
from .journal import check_undone, end_journal, forget, keep, write_journal
from .requests import Request, other_owner
from .sites import Site


def restart(site: Site, live: int) -> None:
    from .instances import start_instance  # most new credentials restart nothing

    start_instance(site, site.bundle(live).port(), restart=True)


def take_certificate(site: Site, live: int) -> None:
    """Reloads Nginx for a new certificate, and checks that clients get it."""
    from .nginx import check_nginx, reload_nginx, served_certificate
    from .probe import first_of

    check_nginx({}, {})
    reload_nginx({site: live})
    if served_certificate(site.domain) != first_of(site.credentials / "current" / "fullchain.pem"):
        raise Failure("certificate", f"Nginx does not serve the new certificate for {site.domain}")


def switch_credentials(request: Request) -> None:
    """Puts verified credentials live. oauth2-proxy reads the client secret at each use; the rest needs a restart."""
    check_undone()
    site, new = request.site, request.values["number"]
    if not (site.credentials / new).is_dir():
        raise Failure("credentials", "superseded by another push; push them again")
    current = site.credentials / "current"
    old = os.readlink(current) if current.is_symlink() else None
    live = site.live()
    names = {entry.name for folder in (current, site.credentials / new) if folder.is_dir() for entry in folder.iterdir()}
    changed = sorted(name for name in names if read_text(current / name) != read_text(site.credentials / new / name))
    outdated = live is not None and not {"client.env", "cookie-secret"}.isdisjoint(changed)
    renewed = live is not None and served_from(site) and is_other_certificate(site, new)
    write_journal([request.path.stem], credentials={"domain": site.domain, "old": old, "new": new})
    try:
        replace_link(current, new)
        if outdated and live is not None:
            restart(site, live)
        if renewed and live is not None:
            take_certificate(site, live)
        keep()
    except Exception as error:
        failure = Failure.of(error)
        what = site.redacted(failure.what)
        problems = go_back_to_credentials(site.domain, old, new)
        raise Failure(failure.step, "\n".join([what, *problems]), switched=True) from None
    how = ", ".join([*(["certificate renewed"] if renewed else []), "instance restarted" if outdated else "no restart needed"])
    request.settle(True, f"credentials live ({how})", changed=changed)
    forget()
    for entry in site.credentials.iterdir():
        if entry.name not in {new, "current"}:
            with contextlib.suppress(OSError):
                remove_folder(entry)


def is_other_certificate(site: Site, number: str) -> bool:
    return any(
        read_text(site.credentials / "current" / name) != read_text(site.credentials / number / name)
        for name in CERTIFICATE_FILES
    )


def go_back_to_credentials(domain: str, old: str | None, new: str, *, booting: bool = False) -> list[str]:
    """Rolls back to the credentials that were live before; safe to repeat. Returns what failed."""
    site, problems = Site(domain), list[str]()
    current, live = site.credentials / "current", site.live()
    try:
        if old is None:
            remove_link(current)
        elif os.readlink(current) != old:
            replace_link(current, old)
        end_journal()
        remove_folder(site.credentials / new)
        if live is not None and not booting:
            restart(site, live)
            if served_from(site):
                from .nginx import reload_nginx

                reload_nginx({site: live})
    except (Failure, OSError) as error:  # if the journal is still there, the next worker or the next boot tries again
        problems.append(f"while rolling back: {error}")
    return problems


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
