"""The people who are blocked at every site of this host: one file, which the maps of Nginx include that all sites share
(components/render/nginx/blocked.ts)."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from typing import NamedTuple

from .failure import Failure
from .files import read_text, replace_file
from .host import host_name, lock
from .log import as_text, log_result
from .nginx import main_process, reload_nginx, workers
from .places import BLOCKED, BLOCKED_IN_FORCE, HOST, OURS
from .sites import Site, all_sites
from .standard_input import read_input

# Before the first list.
NOBODY = f"# {OURS} (components/render/nginx/blocked.ts) for every site of this host; edits here are lost.\n"

ENTRY = re.compile(r"""("?)[\w.!#^~'*$\\-]+@[\w.!#^~'*$\\-]+\1 :blocked(?:-until-\d{11})?;""", re.ASCII)

# What requests get of those who are not blocked, and that have begun before; then they end as well.
GRACE = 3  # seconds


class Entry(NamedTuple):
    """A line of the list."""

    text: str  # as Nginx reads it
    why: str = ""

    @property
    def user(self) -> str:
        """Their UPN."""
        name = self.text.rpartition(" ")[0]
        name = unescaped(name[1:-1]) if name.startswith('"') else name
        return unescaped(name.removeprefix("~*^").removesuffix("$"))

    @property
    def ends(self) -> float | None:
        """When the block ends by itself, in seconds since 1970."""
        until = re.search(r"-until-([0-9]+);$", self.text)
        return float(until[1]) if until else None


def block(*, every_site: bool, unblocks: list[str] | None = None) -> int:
    """Puts the list on standard input in force, in place of the one before. Nginx keeps the old one if this fails.
    With `every_site` it returns 1 if a site does not ask for the list. Each change of it is a line in the log.

    unblocks: the only people who may leave the list; who else is missing stays blocked. None: whoever is missing leaves"""
    changes, unknown = list[Change](), [Change("block", None)]
    try:
        text = read_input()
        entries = entries_of(text)
        if not HOST.exists():
            raise Failure("input", "this host has not been set up")
        with lock():
            kept = [] if unblocks is None else missing_from(entries, unblocks)
            text += "".join(f"# {entry.why}\n{entry.text}\n" if entry.why else f"{entry.text}\n" for entry in kept)
            entries += kept
            changes = changes_to(entries)
            changed = not is_in_force(text)
            ended = put_in_force(text, entries) if changed else 0
    except Exception as error:
        failure = Failure.of(error)
        for change in changes or unknown:
            change.log(ok=False, verdict=failure.what, step=failure.step)
        raise
    said = f"{host_name()}: {len(entries)} blocked, {'in force' if changed else 'unchanged'}"
    said += f"; ended {ended} old workers of Nginx and their connections" if ended else ""
    for change in changes or (unknown if changed else []):
        change.log(ok=True, verdict=said)
    print(said)
    for entry in kept:
        why = f" ({entry.why})" if entry.why else ""
        print(f"{entry.user} on {host_name()}: stays blocked{why}; {NOT_LISTED}")
    without = [site.domain for site in all_sites() if lets_blocked_in(site)]
    for domain in without:
        print(f"{domain} on {host_name()}: {LETS_IN}")
    return 1 if every_site and without else 0


def put_in_force(text: str, entries: list[Entry]) -> int:
    """Has Nginx read the list. Returns how many of its old workers were ended."""
    before = read_text(BLOCKED)
    added = {entry.text for entry in entries} - {entry.text for entry in entries_in_force()}
    replace_file(BLOCKED, text, 0o600)
    try:
        reload_nginx({})
    except Failure:
        # Nginx has kept what it had; so that it also does at its next start.
        replace_file(BLOCKED, NOBODY if before is None else before, 0o600)
        raise
    ended = end_old_workers() if added else 0
    # Last, so that it is all done again where this program has been interrupted.
    replace_file(BLOCKED_IN_FORCE, text, 0o600)
    return ended


def entries_of(text: str) -> list[Entry]:
    """The people on a list, each with the comment before them: why. Fails if a line could be anything else to Nginx, which
    includes the file."""
    first, *lines, last = text.split("\n") if "\n" in text else ("", text)
    if not first.startswith(f"# {OURS}") or last:
        raise Failure("input", f"first line: expected a list of ours, got {first[:80]!r}")
    entries, why = list[Entry](), ""
    for line in lines:
        if ENTRY.fullmatch(line):
            entries.append(Entry(line, why))
            why = ""
        elif line.startswith("# "):
            why = line[2:]
        elif line:
            raise Failure("input", f"expected a person who is blocked, got {line[:200]!r}")
    if len({entry.text for entry in entries}) < len(entries):
        raise Failure("input", "somebody is on the list twice")
    return entries


def entries_in_force() -> list[Entry]:
    """The people on the list that Nginx has read last."""
    try:
        return entries_of(read_text(BLOCKED_IN_FORCE) or NOBODY)
    except Failure:  # somebody has edited it
        return []


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


class Change(NamedTuple):
    """What another list changes for somebody; without an entry, it is not known for whom."""

    action: str
    entry: Entry | None

    def log(self, *, ok: bool, verdict: str, **facts: str) -> None:
        about = {} if self.entry is None else facts_of(self.entry)
        with contextlib.suppress(OSError):  # a full disk keeps nobody in
            log_result(self.action, ok=ok, verdict=verdict, **about, **facts)


def facts_of(entry: Entry) -> dict[str, str]:
    """Of a block, for the log."""
    why = {"why": entry.why} if entry.why else {}
    return {"user": entry.user, **why, **({} if entry.ends is None else {"until": as_text(entry.ends)})}


def changes_to(entries: list[Entry]) -> list[Change]:
    """What the entries change, compared with the list in force."""
    before = entries_in_force()
    users = {entry.user for entry in entries}
    gone = [entry for entry in before if entry.user not in users]
    new = set(entries) - set(before)
    return [
        *(Change("block", entry) for entry in entries if entry in new),
        *(Change("end of block" if has_ended(entry) else "unblock", entry) for entry in gone),
    ]


def missing_from(entries: list[Entry], unblocks: list[str]) -> list[Entry]:
    """Who is blocked now, and neither in these entries nor to be unblocked: somebody else has blocked them since."""
    known = {name.lower() for name in [*unblocks, *(entry.user for entry in entries)]}
    return [entry for entry in entries_in_force() if entry.user.lower() not in known and not has_ended(entry)]


def has_ended(entry: Entry) -> bool:
    """Whether the block is over, by this host's clock."""
    return entry.ends is not None and entry.ends <= time.time()


def is_in_force(text: str) -> bool:
    """Whether Nginx has read this list, and would again."""
    return text == read_text(BLOCKED) == read_text(BLOCKED_IN_FORCE)


def list_in_force() -> str:
    """The list; empty if Nginx has not read what is in the file, or would not again."""
    text = read_text(BLOCKED) or ""
    return text if is_in_force(text) else ""


def people_blocked() -> int:
    """How many the list in force blocks now: some of it may have ended."""
    return sum(not has_ended(entry) for entry in entries_of(list_in_force() or NOBODY))


def blocked_drift() -> list[str]:
    """Whether the list is what was pushed last."""
    kept = read_text(BLOCKED_IN_FORCE)
    return [f"{BLOCKED} differs"] if kept is not None and kept != read_text(BLOCKED) else []


NOT_LISTED = "your file does not list them: `git pull`, and commit your own change; an update from a file without them lets them in"

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
