"""Nginx's limits, and how long old workers outlive a reload: what its configuration sets outside of all sites."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import tempfile
from pathlib import Path
from typing import Any

from .candidates import as_if_live
from .commands import run, run_quietly
from .files import read_text, write_new
from .nginx import main_process, reload_nginx, workers
from .places import NGINX_CONF, NGINX_MAIN, OURS

# Per worker: a WebSocket is two connections, and the kernel may well give 20,000 of them to the same worker, which
# refuses more than this while the others idle. Each takes 424 bytes from the worker's start.
CONNECTIONS = 40_960
FILES = 65_536

COUNT = re.compile(r"^([^#\n]*\bworker_connections\s+)(\d+)(\s*;)", re.MULTILINE)
INCLUDE = f"include {NGINX_MAIN};  # Protected Sites\n"


def possible_files() -> int:
    """How many files a process may open here. In a container root may not be allowed to raise the limit; Nginx would
    then keep the 1024 that it starts with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, FILES)))
    except (OSError, ValueError):
        return hard
    return FILES


def main_text(shutdown_timeout: str, others: str) -> str:
    """The text of our file, without what other files set: setting it twice is an error, so theirs wins."""
    wanted = {"worker_shutdown_timeout": shutdown_timeout, "worker_rlimit_nofile": possible_files()}
    return f"# {OURS} (components/host/protected_sites); edits here are lost.\n" + "".join(
        f"{name} {value};\n"
        for name, value in wanted.items()
        if not re.search(rf"^[^#\n]*\b{name}\s", others, re.MULTILINE)
    )


def with_connections(nginx_conf: str) -> str:
    """nginx.conf with enough connections. It is edited in place, since no other file can add to `events {}`."""
    if found := COUNT.search(nginx_conf):
        return COUNT.sub(rf"\g<1>{max(CONNECTIONS, int(found[2]))}\3", nginx_conf, count=1)
    return re.sub(r"^(\s*events\s*\{)", rf"\1\n    worker_connections {CONNECTIONS};", nginx_conf, count=1, flags=re.M)


def connections_in(nginx_conf: str) -> int:
    found = COUNT.search(nginx_conf)
    return int(found[2]) if found else 512  # Nginx's default


def set_limits(shutdown_timeout: str, made: dict[str, Any]) -> list[str]:
    """Lets Nginx hold at least 20,000 WebSockets, and closes those that outlive a reload for too long."""
    before = {NGINX_CONF: read_text(NGINX_CONF) or "", NGINX_MAIN: read_text(NGINX_MAIN)}
    whole = run("nginx -T", "nginx", "-T", "-q")
    others = "".join(part for part in re.split(r"^(?=# configuration file )", whole, flags=re.M) if f"{NGINX_MAIN}:" not in part)
    wanted = {NGINX_CONF: with_connections(before[NGINX_CONF] or ""), NGINX_MAIN: main_text(shutdown_timeout, others)}
    if wanted == before:
        return []
    with tempfile.TemporaryDirectory(dir="/run") as aside:
        def seen() -> str:
            candidates = {path: str(Path(aside, path.name)) for path in wanted}
            for path, text in wanted.items():
                Path(aside, path.name).unlink(missing_ok=True)
                write_new(Path(aside, path.name), text)
            with as_if_live({}, candidates) as as_candidate:
                return run("nginx -t", *as_candidate, "nginx", "-T", "-q")

        NGINX_MAIN.parent.mkdir(exist_ok=True)
        if f"# configuration file {NGINX_MAIN}:" not in seen():  # as in nginx.org's package
            wanted[NGINX_CONF] = INCLUDE + wanted[NGINX_CONF]
            seen()
    made.setdefault("worker_connections", connections_in(before[NGINX_CONF] or ""))
    made["nginx_main"] = wanted[NGINX_MAIN]
    for path, text in wanted.items():
        if text != before[path]:
            replace_as_it_was(path, text)
    raise_open_files()
    reload_nginx({})
    return [str(path) for path in wanted if wanted[path] != before[path]]


def replace_as_it_was(path: Path, text: str) -> None:
    """Keeps the file's mode: it may not be ours."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    write_new(aside, text, mode)
    os.replace(aside, path)


def raise_open_files() -> None:
    """For the running process, without a restart; a drop-in of nginx.service does it for the next."""
    if main := main_process():
        run_quietly("prlimit", f"--pid={main}", f"--nofile={possible_files()}:")


def limits_drift(made: dict[str, Any]) -> list[str]:
    drift = [] if read_text(NGINX_MAIN) == made.get("nginx_main") else [f"{NGINX_MAIN} differs"]
    if "nginx_main" in made and connections_in(read_text(NGINX_CONF) or "") < CONNECTIONS:
        drift.append(f"{NGINX_CONF} has fewer than {CONNECTIONS} worker_connections")
    return drift


def undo_limits(made: dict[str, Any]) -> None:
    """Restores the number in nginx.conf, unless somebody has changed it since."""
    if OURS in (read_text(NGINX_MAIN) or "").split("\n")[0]:
        NGINX_MAIN.unlink()
    now = read_text(NGINX_CONF) or ""
    back = now.replace(INCLUDE, "")
    if "worker_connections" in made and connections_in(now) == CONNECTIONS:
        back = COUNT.sub(rf"\g<1>{made['worker_connections']}\3", back, count=1)
    if back != now:
        replace_as_it_was(NGINX_CONF, back)


def connections_held() -> tuple[int, int]:
    """The most sockets that one worker has open, to clients and to backends, and how many it can open."""
    most, limit = 0, connections_in(read_text(NGINX_CONF) or "")
    for worker in workers(main_process(), accepting=True):
        held = 0
        if files := re.search(r"^Max open files +(\d+)", read_text(Path(f"/proc/{worker}/limits")) or "", re.MULTILINE):
            limit = min(limit, int(files[1]))
        with contextlib.suppress(OSError), os.scandir(f"/proc/{worker}/fd") as descriptors:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    held += os.readlink(descriptor.path).startswith("socket:")
        most = max(most, held)
    return most, limit
