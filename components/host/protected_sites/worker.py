"""The worker: takes requests from the queue, all waiting pushes as one group."""

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
    """Everything in the queue; then done."""
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
                verdict.unlink()  # whoever waited for it is gone


def work_and_return() -> int:
    work()
    return 0


def go_back_if_unfinished(*, booting: bool = False) -> None:
    """Ends what a program that died had begun: goes back, and says so to whoever waits."""
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
            request.settle(True, f"live, {request.site.live_text()}; the push program ended before it could say so")
        elif request.kind == "remove" and not request.site.is_here():
            request.settle(True, "removed; the push program ended before it could say so")
        else:
            if request.kind == "push" and request.site.live() is None and not problems:
                with contextlib.suppress(OSError):
                    remove_folder(request.site.folder)  # of a first push, nothing stays
            what = "\n".join(["the push program ended before it had a verdict", *problems])
            request.fail(Failure("worker", what, switched=path.stem in requests))
    forget()


def recover(boot: bool) -> int:
    """What is left to do for a worker that has ended, which is nothing where it ended by itself."""
    if JOURNAL.exists() or any(QUEUE.glob("*.taken")):
        with lock():
            go_back_if_unfinished(booting=boot)
    return 0
