"""The worker's part of a push: generations are written next to the live ones, checked, and put live as a group."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from .addresses import provide
from .acme import facts_of, forget_certificate
from .announcement import operator
from .bundle import Bundle
from .commands import in_memory, run
from .drift import differences
from .failure import Failure
from .files import (
    flush_folder,
    make_folder,
    read_text,
    remove_folder,
    remove_link,
    replace_file,
    replace_link,
    write_new,
)
from .groups import divided
from .inherited import reaching_in
from .instances import check_version, config_test, needs_new_socket, start_instance, start_together
from .journal import check_undone, forget, keep, write_journal
from .log import now
from .nginx import check_nginx, reload_nginx
from .nginx_version import check_nginx_version
from .places import NGINX_SITES, OAUTH2_PROXY, SITES, UNITS
from .probe import probe
from .requests import Request, settled, take_requests
from .seen import Seen
from .sessions import check_store, store_of
from .shared_files import ERROR_PAGE, LINK, folder_of, other_error_page
from .sites import Site
from .undo import NOT_FOR_INSTANCE, go_back

KEPT_GENERATIONS = 5
JOINING = 5  # seconds for which other pushes may join a group


class Push(NamedTuple):
    """A push whose generation is written out next to the live one."""

    request: Request
    site: Site
    bundle: Bundle
    old: int | None
    new: int
    changed: list[str]

    @property
    def restart(self) -> bool:
        return bool(set(self.changed) - NOT_FOR_INSTANCE)

    @property
    def units(self) -> set[str]:
        return {self.site.socket, self.site.service}

    @property
    def new_socket(self) -> bool:
        return self.old is not None and needs_new_socket(self.site, self.old, self.new)


def push_group(requests: list[Request]) -> None:
    """Puts pushes live with one check and one reload, and with them those that arrive while they are written out."""
    staged: list[Push] = []
    deadline = time.monotonic() + JOINING
    while requests:
        seen = Seen(request.site for request in requests)
        staged += [push for request in requests if (push := settled(functools.partial(stage, seen), request))]
        busy = {push.site.domain for push in staged}
        requests = take_requests(busy, "push") if time.monotonic() < deadline else []
    put_live(checked(staged))
    for push in staged:
        prune(push.site)


def checked(group: list[Push]) -> list[Push]:
    """Those pushes of a group whose files pass their checks; the others are settled."""
    try:
        check_files(group)
    except Exception as error:
        return divided(checked, group, error, give_up)
    return group


def give_up(push: Push, error: Exception) -> None:
    discard(push.site, push.new)
    push.request.fail(Failure.of(error))


def put_live(group: list[Push]) -> list[Push]:
    """Commits a group and settles its requests."""
    if not group:
        return []
    try:
        commit(group)
    except Exception as error:
        return divided(put_live, group, error, give_up)
    for push in group:
        before = "first" if push.old is None else f"was {push.old}"
        changed = ", ".join(push.changed) or "nothing; repaired drift"
        push.request.keep_repair(first=push.old is None)
        push.request.settle(
            True, f"live, generation {push.new} ({before}); changed: {changed}", changed=push.changed, old=push.old
        )
    forget()
    for push in group:
        with contextlib.suppress(OSError, Failure):
            remove_link(push.site.previous)
            if push.old is not None and facts_of(push.site.bundle(push.old)) and not facts_of(push.bundle):
                forget_certificate(push.site)
            if str(push.site.auth_cache) not in (read_text(push.site.current / "nginx.conf") or ""):
                remove_folder(push.site.auth_cache)
    return group


def stage(seen: Seen, request: Request) -> Push | None:
    """Writes out a push's generation; None if the live one is the same and healthy."""
    site, bundle = request.site, request.bundle
    bundle.port()
    site.check_places(bundle)
    facts = bundle.facts("site.json")
    check_version(facts.get("allowVulnerableOauth2Proxy") is True)
    check_nginx_version(facts.get("allowVulnerableNginx") is True)
    shared = folder_of(facts[LINK]) if LINK in facts else None
    if shared is not None and (damage := seen.damage_to(shared)):
        raise Failure("shared files", f"{damage}; set the host up first: run pulumi up without --target")
    old = site.live()
    if old is not None and is_healthy(site, bundle, old, seen):
        if "rollbackTo" in site.origin(old) and request.rollback_to is None:
            # From now on it is what the configuration says, and no longer a rollback.
            replace_file(site.generation(old) / "origin.json", json.dumps(origin_of(request)))
        request.keep_repair(first=False)
        request.settle(True, f"unchanged, generation {old}")
        return None
    for number in site.numbers():
        if number > (old or 0):
            discard(site, number)  # left by a program that died before it went live
    new = next_number(site)
    changed = set(site.changed(bundle))
    if shared is not None and other_error_page(shared, site.current / LINK):
        changed.add(ERROR_PAGE)
    push = Push(request, site, bundle, old, new, sorted(changed))
    aside = site.generations / f".{new}"
    try:
        remove_folder(aside)
        for folder in (site.folder, site.generations, aside):
            make_folder(folder, 0o755)
        for file in bundle.files:
            write_new(aside / file.name, file.text)
            if old is not None and file.name not in push.changed:
                # systemd considers a unit with a newer time changed, which would need a daemon-reload.
                before = (site.current / file.name).stat()
                os.utime(aside / file.name, ns=(before.st_atime_ns, before.st_mtime_ns))
        if shared is not None:
            (aside / LINK).symlink_to(shared)
        write_new(aside / "bundle", bundle.text)
        write_new(aside / "origin.json", json.dumps(origin_of(request)))
        write_new(aside / "generation.conf", f'set $protected_sites_generation "{new}";\n')
        flush_folder(aside)
        os.rename(aside, site.generation(new))
        for folder in (site.generations, site.folder, SITES):
            flush_folder(folder)
    except BaseException:
        discard(site, new)
        raise
    return push


def next_number(site: Site) -> int:
    """Larger than any generation's, including those that failed."""
    entries = site.generations.iterdir() if site.generations.is_dir() else ()
    return max((int(entry.name.split(".")[0]) for entry in entries if entry.name[0].isdigit()), default=0) + 1


def origin_of(request: Request) -> dict[str, Any]:
    origin = {"when": now(), "by": request.by, **operator()}
    return origin if request.rollback_to is None else origin | {"rollbackTo": request.rollback_to}


def is_healthy(site: Site, bundle: Bundle, live: int, seen: Seen) -> bool:
    """Whether a site is live with exactly this bundle, complete, running and closed."""
    if site.bundle(live).text != bundle.text:
        return False
    if differences(site, bundle, live, seen):
        return False
    with contextlib.suppress(Failure):
        probe(site, bundle, live)
        return True
    return False


def check_files(group: list[Push]) -> None:
    """Checks session stores, and has oauth2-proxy and systemd check what no rehearsal does: oauth2-proxy's settings for a
    Redis, which cannot be reached from there, and units."""
    for push in group:
        check_store(push.site, push.bundle)
    stores = [push for push in group if push.restart and store_of(push.site, push.bundle) is not None]
    units = [push for push in group if push.units & set(push.changed)]
    if not stores and not units:
        return
    from .candidates import as_if_live  # as the rehearsal, not for what has not changed

    links = {link: target for push in (*stores, *units) for link, target in push.site.links(push.bundle).items()}
    with as_if_live({push.site: push.new for push in (*stores, *units)}, links) as as_candidate:
        for push in stores:
            config_test(push.site, OAUTH2_PROXY, *as_candidate)
        sites = [push.site for push in units]
        paths = [str(UNITS / unit) for site in sites for unit in (site.socket, site.service)]
        verify = ("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *paths)
        said = run("systemd-analyze verify", *as_candidate, *verify) if paths else ""
        about = [line for line in said.splitlines() if any(site.domain in line for site in sites)]
        if about:
            raise Failure("systemd-analyze verify", "\n".join(line[:300] for line in about[:3]))


def commit(group: list[Push]) -> None:
    """Puts checked generations live, all of them or none."""
    from .rehearsal import rehearse_apart

    check_undone()
    links = {link: target for push in group for link, target in push.site.links(push.bundle).items()}
    generations = {push.site: push.new for push in group}
    found = [json.loads(push.request.values.get("addresses", "{}")) for push in group]
    addresses = {name: servers for of_push in found for name, servers in of_push.items()}
    provide([push.bundle.text_of("nginx.conf") for push in group], addresses)
    in_nginx = {link: target for link, target in links.items() if link.parent == NGINX_SITES}
    if reaching := reaching_in():
        raise Failure("nginx -t", "\n".join(reaching[:3]))
    nginx = check_nginx(generations, in_nginx)
    rehearse_apart(generations, links, nginx)
    requests = [push.request.path.stem for push in group]
    entries = [{"domain": push.site.domain, "old": push.old, "new": push.new} for push in group]
    for push in group:
        # Created now, so that rolling back needs no disk space.
        if push.old is not None:
            replace_link(push.site.previous, f"generations/{push.old}")
    write_journal(requests, sites=entries)
    try:
        for push in group:
            replace_link(push.site.current, f"generations/{push.new}")
        missing = [link for link in links if not link.is_symlink()]
        for link in missing:
            link.parent.mkdir(exist_ok=True)
            replace_link(link, links[link])
        load_units(group, missing)
        start_together([push.site for push in group if push.old is None])
        seen = Seen(push.site for push in group)
        for push in group:
            restart = push.restart and push.old is not None
            start_instance(push.site, push.bundle.port(), restart=restart, new_socket=push.new_socket, seen=seen)
        reload_nginx(generations)
        for push in group:
            probe(push.site, push.bundle, push.new)
        keep()
    except Exception as error:
        failure = Failure.of(error)
        problems = go_back(entries)
        what = "\n".join([failure.what, *problems])
        raise Failure(failure.step, what, switched=True) from error


def load_units(group: list[Push], missing: list[Path]) -> None:
    """Has systemd read the units that have changed, or were not linked. It then reads all units of the host and runs all
    generators, so not for units that are new to it."""
    other = {
        unit
        for push in group
        if push.units & set(push.changed) or any(link in missing for link in push.site.links(push.bundle))
        for unit in push.units
    }
    if other and in_memory(other):
        run("daemon-reload", "systemctl", "daemon-reload")


def discard(site: Site, number: int) -> None:
    """Sets a generation that did not go live aside; the last one is kept for inspection."""
    if site.live() == number:
        return  # not rolled back yet
    with contextlib.suppress(OSError):
        remove_folder(site.generations / f".{number}")
        if site.live() is None:
            remove_folder(site.folder)
            return
        for earlier in site.generations.glob("*.failed"):
            remove_folder(earlier)
        os.rename(site.generation(number), site.generations / f"{number}.failed")


def prune(site: Site) -> None:
    with contextlib.suppress(OSError):
        for number in site.numbers()[:-KEPT_GENERATIONS]:
            if number != site.live():
                # Renamed first: a half-deleted one must not pass for a generation.
                os.rename(site.generation(number), site.generations / f"{number}.removed")
        for removed in site.generations.glob("*.removed"):
            remove_folder(removed)
