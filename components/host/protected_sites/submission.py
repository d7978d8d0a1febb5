"""The queue of requests: the side of the callers, who wait for the result."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import Any

from .announcement import operator
from .commands import run
from .failure import Failure
from .files import replace_file
from .host import boot_id, is_locked
from .log import log_failure
from .places import QUEUE, VERDICTS, WORKER
from .sites import Site


def submit(kind: str, site: Site, **content: Any) -> int:
    """Has the worker do something, and waits for the result."""
    if not QUEUE.is_dir():
        raise Failure("queue", f"{QUEUE} is missing; this host has not been set up")
    name = f"{time.time_ns()}-{os.getpid()}"
    path, verdict = QUEUE / f"{name}.json", VERDICTS / f"{name}.json"
    by = os.environ.get("SUDO_USER", "root")
    request = {"kind": kind, "domain": site.domain, "by": by, "operator": operator(), "boot": boot_id(), **content}
    replace_file(path, json.dumps(request), 0o600)
    asked, pause, glance = 0.0, 0.25, 0.02
    try:
        # Dozens may wait here at once: os.path instead of pathlib, and no systemctl while a worker is busy.
        while not os.path.exists(verdict):
            # Repeatedly: a worker that is about to exit may not have seen the request, one that has taken it may have died.
            if time.monotonic() - asked > pause:
                waits = path.exists() or path.with_suffix(".taken").exists()
                if not waits and not verdict.exists():
                    raise Failure("worker", "the host could not write the result; see its journal")
                if not is_locked():
                    run("worker", "systemctl", "start", "--no-block", WORKER)
                    pause = min(2 * pause, 5)
                asked = time.monotonic()
            time.sleep(glance)
            glance = min(1.05 * glance, 0.2)  # longer waits are for many sites, whose clients all wait
    except Failure as failure:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # still queued: then it will not run any more
            with log_failure(kind, site.domain):
                raise Failure(failure.step, f"{failure.what}\nthe request was withdrawn") from None
        raise
    said = json.loads(verdict.read_text())
    verdict.unlink()
    print(said["text"], file=sys.stdout if said["ok"] else sys.stderr)
    return 0 if said["ok"] else 1
