"""The worker: handles the queued requests, all queued pushes as one group."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from .addresses import forget_unused
from .credentials import go_back_to_credentials, remove_credentials, switch_credentials
from .failure import Failure
from .files import remove_folder
from .host import lock
from .places import JOURNAL, QUEUE, VERDICTS
from .push import push_group
from .removal import remove
from .requests import Request, settled, take_requests
from .undo import forget, go_back, kept

ACTIONS: dict[str, Callable[[Request], None]] = {
    "remove": remove,
    "credentials": switch_credentials,
    "remove-credentials": remove_credentials,
}


def work() -> None:
    """Handles everything in the queue."""
    with lock():
        go_back_if_unfinished()
        while requests := take_requests():
            pushes = [request for request in requests if request.kind == "push"]
            for request in requests:
                if request.kind != "push":
                    settled(ACTIONS[request.kind], request)
            push_group(pushes)
        if not JOURNAL.exists():
            forget_unused()
        for verdict in VERDICTS.iterdir():
            if not Path("/proc", verdict.stem.split("-")[-1]).exists():
                verdict.unlink()  # the caller is gone


def work_and_return() -> int:
    work()
    return 0


def go_back_if_unfinished(*, booting: bool = False) -> None:
    """Cleans up after a worker that died: rolls back, and reports that to the callers."""
    problems: list[str] = []
    requests: list[str] = []
    if JOURNAL.exists():
        journal = json.loads(JOURNAL.read_text())
        requests = journal["requests"]
        if journal["credentials"]:
            problems = go_back_to_credentials(**journal["credentials"], booting=booting)
        else:
            problems = go_back(journal["sites"], booting=booting)
    gone_live = kept()
    for path in sorted(QUEUE.glob("*.taken")):
        request = Request.read(path)
        if request is None:
            continue
        if request.verdict.exists():
            path.unlink()
        elif path.stem in gone_live:
            request.settle(True, f"live, {request.site.live_text()}; the worker died before it could report it")
        elif request.kind == "remove" and not request.site.is_here():
            request.settle(True, "removed; the worker died before it could report it")
        else:
            if request.kind == "push" and request.site.live() is None and not problems:
                with contextlib.suppress(OSError):
                    remove_folder(request.site.folder)  # nothing of a first push is kept
            what = "\n".join(["the worker died before the push was finished", *problems])
            request.fail(Failure("worker", what, switched=path.stem in requests))
    forget()


def recover(boot: bool) -> int:
    """Cleans up after a worker that has exited; nothing to do if it finished."""
    if JOURNAL.exists() or any(QUEUE.glob("*.taken")):
        with lock():
            go_back_if_unfinished(booting=boot)
    return 0
