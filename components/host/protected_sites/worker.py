"""The worker: handles the queued requests, those of a kind together."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from .addresses import forget_unused
from .failure import Failure
from .files import remove_folder
from .host import lock
from .journal import forget, kept
from .places import JOURNAL, QUEUE, VERDICTS
from .requests import Request, settled, take_requests


def work() -> int:
    """Handles everything in the queue."""
    with lock():
        go_back_if_unfinished()
        while requests := take_requests():
            by_kind = dict[str, list[Request]]()
            for request in requests:
                by_kind.setdefault(request.kind, []).append(request)
            # A push comes last: it may need the port of a site that goes.
            for kind in sorted(by_kind, key=lambda kind: kind == "push"):
                act(kind, by_kind[kind])
        if not JOURNAL.exists():
            forget_unused()
        for verdict in VERDICTS.iterdir():
            if not Path("/proc", verdict.stem.split("-")[-1]).exists():
                verdict.unlink()  # the caller is gone
    return 0


def act(kind: str, requests: list[Request]) -> None:
    match kind:
        case "push":
            from .transaction import push_group

            push_group(requests)
        case "remove":
            from .removal import remove_group

            remove_group(requests)
        case "credentials":
            from .credential_switch import switch_group

            switch_group(requests)
        case "remove-credentials":
            from .credential_switch import remove_credentials

            for request in requests:
                settled(remove_credentials, request)
        case _:
            for request in requests:
                request.fail(Failure("input", f"{kind!r} is not a kind of request"))


def go_back_if_unfinished(*, booting: bool = False) -> None:
    """Cleans up after a worker that died: rolls back, and reports that to the callers."""
    problems: list[str] = []
    requests: list[str] = []
    if JOURNAL.exists():
        journal = json.loads(JOURNAL.read_text())
        requests = journal["requests"]
        if journal["credentials"]:
            from .credential_switch import go_back_to_credentials

            # A program from before there were groups wrote one.
            entries = journal["credentials"] if isinstance(journal["credentials"], list) else [journal["credentials"]]
            problems = go_back_to_credentials(entries, booting=booting)
        else:
            from .undo import go_back

            problems = go_back(journal["sites"], booting=booting)
    gone_live = kept()
    for path in sorted(QUEUE.glob("*.taken")):
        request = Request.read(path)
        if request is None:
            continue
        if request.verdict.exists():
            path.unlink()
        elif path.stem in gone_live:
            if request.kind == "push":
                request.keep_repair(first=request.site.numbers() == [request.site.live()])
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
    """Cleans up after a worker that has exited."""
    with lock():
        go_back_if_unfinished(booting=boot)
    return 0
