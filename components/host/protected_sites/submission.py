"""The queue of requests: the side of the callers, who wait for the result.

Each push is a caller, and dozens of them may start at once. So this imports nothing that takes long, not even pathlib, re
or json, as long as nothing fails.

A request is a file: lines with a name and a value each, an empty line, and the text that comes with it. A result is one, too:
its first line says whether all went well.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time

from .failure import Failure
from .plain_places import LOCK, QUEUE, STARTING, VERDICTS, WORKER

PATIENCE = 600  # seconds until a caller gives up
START = 5  # seconds that a worker may take to start before other callers try as well
WELL = "ok"  # the first line of a good result


def submit(kind: str, *, text: str = "", **values: str | None) -> int:
    """Has the worker do something, and waits for the result."""
    if not os.path.isdir(QUEUE):
        raise Failure("queue", f"{QUEUE} is missing; this host has not been set up")
    name = f"{time.time_ns()}-{os.getpid()}"
    queued = f"{QUEUE}/{name}.request"
    by = os.environ.get("SUDO_USER", "root")
    write(queued, request_of(kind=kind, by=by, boot=boot_id(), **values) + text)
    try:
        ok, said = result_of(name)
    except Failure as failure:
        if os.path.exists(queued):
            withdraw(queued, failure)
        raise
    print(said, file=sys.stdout if ok else sys.stderr)
    return 0 if ok else 1


def withdraw(queued: str, failure: Failure) -> None:
    """Has a request that is still queued not run any more."""
    from pathlib import Path

    from .log import log_failure
    from .requests import Request

    if request := Request.read(Path(queued)):
        os.unlink(queued)
        with log_failure(request.kind, request.domain):
            raise Failure(failure.step, f"{failure.what}\nthe request was withdrawn") from None


def request_of(**values: str | None) -> str:
    given = {name: value for name, value in values.items() if value is not None}
    if any("\n" in value for value in given.values()):
        raise Failure("input", f"{', '.join(given)} must not contain line breaks")
    return "".join(f"{name} {value}\n" for name, value in given.items()) + "\n"


def write(path: str, text: str) -> None:
    """As files.replace_file does. A request is flushed, since after a power cut it tells `recover` what was being done."""
    folder = os.path.dirname(path)
    aside = f"{folder}/.{os.path.basename(path)}.new"  # with no suffix that the worker looks for: Path.glob finds hidden files
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def result_of(name: str) -> tuple[bool, str]:
    """Waits for the result of a request: whether it went well, and what there is to say."""
    verdict = f"{VERDICTS}/{name}"
    request = f"{QUEUE}/{name}"
    begin = time.monotonic()
    asked, pause, glance = 0.0, 0.25, 0.02
    starting = os.open(STARTING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not os.path.exists(verdict):
            now = time.monotonic()
            if now - begin > PATIENCE:
                raise Failure("waiting", "timed out waiting for the result; see pushes.jsonl on the host")
            # Repeatedly: a worker that is about to exit may not have seen the request, one that has taken it may have died.
            if now - asked > pause:
                waits = os.path.exists(f"{request}.request") or os.path.exists(f"{request}.taken")
                if not waits and not os.path.exists(verdict):
                    raise Failure("worker", "the host could not write the result; see its journal")
                if is_locked():
                    fcntl.flock(starting, fcntl.LOCK_UN)
                elif takes(starting) or now - begin > START:
                    start_worker()
                    pause = min(2 * pause, 5)
                asked = now
            time.sleep(glance)
            glance = min(1.05 * glance, 0.2)  # longer waits are for many sites, whose callers all wait
    finally:
        os.close(starting)
    with open(verdict, encoding="utf-8") as file:
        first, _, said = file.read().partition("\n")
    os.unlink(verdict)
    return first == WELL, said


def is_locked() -> bool:
    """Whether a program is changing the host: the worker, mostly."""
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def takes(lock: int) -> bool:
    """Whether nobody else holds the lock; then this program does."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def start_worker() -> None:
    # Not by subprocess, which takes longer to import than systemctl to run.
    process = os.posix_spawn(
        "/usr/bin/systemctl", ["systemctl", "start", "--no-block", WORKER], {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    )
    if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != 0:
        raise Failure("worker", f"systemctl could not start {WORKER}")
