"""Follows the addresses of backends that are given by name; systemd starts it if there are any."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from .addresses import (
    NotResolved,
    all_files,
    look_up,
    name_of,
    provide,
    servers_in,
    servers_of,
    trouble_in,
    write,
)
from .failure import Failure
from .files import write_new
from .host import lock
from .nginx import check_nginx, nginx_runs, reload_nginx
from .places import ADDRESSES, JOURNAL, PROGRAM

# Seconds between two lookups of a name, and to wait for one.
EVERY = 5
PATIENCE = 5
# Seconds for which a name must not exist before its addresses are dropped: DHCP deletes a record to rewrite it.
GONE_FOR = 20
# Limit per name: every change is a reload, which leaves old workers behind as long as their WebSockets last.
CHANGES, IN_SECONDS = 6, 600

# Exists while Nginx has not read what was written.
UNREAD = ADDRESSES / ".unread"


class Follower:
    def __init__(self) -> None:
        self.asked: dict[str, Future[list[str]]] = {}
        self.gone: dict[str, float] = {}
        self.changes: dict[str, deque[float]] = {}
        self.pool = ThreadPoolExecutor(64)

    def look(self) -> dict[Path, tuple[list[str], str | None]]:
        """What to write: for each file whose lookup is done, its directives and what is wrong, if anything. A lookup
        that hangs does not delay the others."""
        files = all_files()
        for name in {name_of(path) for path in files} - set(self.asked):
            self.asked[name] = self.pool.submit(look_up, name)
        wait(self.asked.values(), timeout=PATIENCE)
        answers = {name: self.asked.pop(name) for name, asked in list(self.asked.items()) if asked.done()}
        return {path: self.wanted(path, answers[name_of(path)]) for path in files if name_of(path) in answers}

    def wanted(self, path: Path, answer: Future[list[str]]) -> tuple[list[str], str | None]:
        name = name_of(path)
        try:
            servers = servers_of(path, answer.result())
            self.gone.pop(name, None)
            if servers == servers_in(path) or self.may_change(name):
                return servers, None
            return servers_in(path), f"changed {CHANGES} times in {IN_SECONDS // 60} minutes"
        except NotResolved as error:
            if not error.gone:
                self.gone.pop(name, None)
            elif time.monotonic() - self.gone.setdefault(name, time.monotonic()) >= GONE_FOR:
                return servers_of(path, []), str(error)
            return servers_in(path), str(error)

    def may_change(self, name: str) -> bool:
        times = self.changes.setdefault(name, deque())
        while times and time.monotonic() - times[0] > IN_SECONDS:
            times.popleft()
        return len(times) < CHANGES

    def follow_once(self) -> None:
        wanted = self.look()
        moved = {path: servers for path, (servers, _) in wanted.items() if servers != servers_in(path)}
        changed = {path for path, (_, trouble) in wanted.items() if trouble != trouble_in(path)} | set(moved)
        if not changed and not UNREAD.exists():
            return
        with lock():
            if JOURNAL.exists():
                return  # recovery comes first
            if moved:
                self.check(moved)
                UNREAD.touch()
            for path in changed:
                if path.exists():  # a push may have removed it in the meantime
                    servers, trouble = wanted[path]
                    write(path, moved.get(path, servers_in(path)), trouble)
                    result = ", ".join(servers) if path in moved else "keeping its addresses"
                    print(f"{path.stem}: {trouble}; {result}" if trouble else f"{path.stem}: {result}", flush=True)
            for path in moved:
                self.changes.setdefault(name_of(path), deque()).append(time.monotonic())
            if UNREAD.exists():
                if nginx_runs():
                    reload_nginx({})
                UNREAD.unlink()

    def check(self, moved: dict[Path, list[str]]) -> None:
        with tempfile.TemporaryDirectory(dir="/run") as aside:
            candidates: dict[Path, str | None] = {}
            for path, servers in moved.items():
                write_new(Path(aside, path.name), "".join(f"{line}\n" for line in servers))
                candidates[path] = str(Path(aside, path.name))
            check_nginx({}, candidates)


def follow() -> int:
    """Runs until there are no names left, or another version of the program is installed, which systemd then starts."""
    program = PROGRAM.resolve()
    with lock():
        provide([], {})
    follower = Follower()
    failed = ""
    while all_files() and PROGRAM.resolve() == program:
        try:
            follower.follow_once()
            failed = ""
        except (Failure, OSError) as error:
            if (said := Failure.of(error).what) != failed:
                print(f"Nginx keeps its current addresses: {said}", flush=True)
            failed = said
        time.sleep(EVERY)
    return 0
