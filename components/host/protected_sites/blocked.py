"""The people who are blocked at every site of this host: one file, which the maps of Nginx include that all sites share
(components/render/nginx/blocked.ts)."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time

from .announcement import operator
from .bundle import read_input
from .failure import Failure
from .files import read_text, replace_file
from .host import host_name, lock
from .log import now, write_log
from .nginx import main_process, reload_nginx, workers
from .places import BLOCKED, BLOCKED_IN_FORCE, HOST, OURS
from .sites import Site, all_sites

# Before the first list.
NOBODY = f"# {OURS} (components/render/nginx/blocked.ts) for every site of this host; edits here are lost.\n"

ENTRY = re.compile(r"""("?)[\w.!#^~'*$\\-]+@[\w.!#^~'*$\\-]+\1 :blocked(?:-until-\d{11})?;""", re.ASCII)

# What requests get of those who are not blocked, and that have begun before; then they end as well.
GRACE = 3  # seconds


def block(*, every_site: bool) -> int:
    """Puts the list on standard input in force, in place of the one before. Nginx keeps the old one if this fails.
    With `every_site` it returns 1 if a site does not ask for the list."""
    text = read_input()
    entries = entries_of(text)
    if not HOST.exists():
        raise Failure("input", "this host has not been set up")
    since = time.monotonic()
    with lock():
        before, added, ended = read_text(BLOCKED), set[str](), 0
        changed = not is_in_force(text)
        if changed:
            replace_file(BLOCKED, text)
            try:
                reload_nginx({})
            except Failure:
                # Nginx has kept what it had; so that it also does at its next start.
                replace_file(BLOCKED, NOBODY if before is None else before)
                raise
            added = entries - set((read_text(BLOCKED_IN_FORCE) or "").splitlines())
            ended = end_old_workers() if added else 0
            # Last, so that it is all done again where this program has been interrupted.
            replace_file(BLOCKED_IN_FORCE, text)
    said = f"{host_name()}: {len(entries)} blocked, {'in force' if changed else 'unchanged'}"
    said += f"; ended {ended} old workers of Nginx and their connections" if ended else ""
    note(said, added=len(added), entries=len(entries), seconds=round(time.monotonic() - since, 2))
    print(said)
    without = [site.domain for site in all_sites() if lets_blocked_in(site)]
    for domain in without:
        print(f"{domain} on {host_name()}: {LETS_IN}")
    return 1 if every_site and without else 0


def entries_of(text: str) -> set[str]:
    """The lines of a list. Fails if one could be anything but a person: Nginx includes the file."""
    first, *lines, last = text.split("\n") if "\n" in text else ("", text)
    if not first.startswith(f"# {OURS}") or last:
        raise Failure("input", f"first line: expected a list of ours, got {first[:80]!r}")
    for line in lines:
        if not ENTRY.fullmatch(line):
            raise Failure("input", f"expected a person who is blocked, got {line[:200]!r}")
    if len(set(lines)) < len(lines):
        raise Failure("input", "somebody is on the list twice")
    return set(lines)


def is_in_force(text: str) -> bool:
    """Whether Nginx has read this list, and would again."""
    return text == read_text(BLOCKED) == read_text(BLOCKED_IN_FORCE)


def list_in_force() -> str:
    """The list; empty if Nginx has not read what is in the file, or would not again."""
    text = read_text(BLOCKED) or ""
    return text if is_in_force(text) else ""


def people_blocked() -> int:
    """How many the list in force blocks now: some of it may have ended."""
    ends = re.findall(r" :blocked(?:-until-(\d+))?;", list_in_force())
    return sum(end == "" or int(end) > time.time() for end in ends)


def blocked_drift() -> list[str]:
    """Whether the list is what was pushed last."""
    kept = read_text(BLOCKED_IN_FORCE)
    return [f"{BLOCKED} differs"] if kept is not None and kept != read_text(BLOCKED) else []


LETS_IN = "people who are blocked still get in, since its live generation does not know of them; push it again"


def lets_blocked_in(site: Site) -> bool:
    """Whether somebody is on the list, and the site does not ask for it: what was pushed of it is older than lists."""
    nginx = read_text(site.current / "nginx.conf")
    return nginx is not None and "$protected_sites_blocked" not in nginx and " :blocked" in (read_text(BLOCKED) or "")


def end_old_workers() -> int:
    """Ends the workers from before a reload: WebSockets, which nobody asks about again, and what else takes long."""
    main = main_process()
    deadline = time.monotonic() + GRACE
    while (old := workers(main, accepting=False)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for worker in old:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(worker), signal.SIGTERM)
    return len(old)


def note(verdict: str, **facts: int | float) -> None:
    """One line in the log of pushes."""
    by = os.environ.get("SUDO_USER", "root")
    write_log({"when": now(), "by": by, **operator(), "action": "block", "ok": True, "verdict": verdict, **facts})
