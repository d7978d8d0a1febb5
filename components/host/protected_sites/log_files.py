"""Reading logs that grow and are rotated, for the summaries of them. Trusts no line nor its length, and changes nothing."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import stat
import zlib
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from .failure import Failure
from .sites import Site
from .standard_input import read_input

LONGEST_LINE = 1 << 20  # bytes; Nginx's own limits are far below


def question() -> tuple[float, str | None]:
    """What is asked on standard input, a JSON object: `since`, in seconds since 1970, and `site`, the domain of the only
    site that is wanted."""
    try:
        given = json.loads(read_input())
        since, domain = float(given["since"]), given.get("site")
        return since, None if domain is None else Site(domain).domain
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failure("input", "must be a JSON object with since, in seconds since 1970, and optionally site") from None


class Reading:
    """What has been read of one log."""

    def __init__(self) -> None:
        self.lines = 0  # of the period
        self.invalid = 0  # lines that are none of ours
        self.begins: float | None = None  # the time of its oldest line, if that is later than the period's beginning
        self.unread: list[str] = []  # files that could not be read to their end

    def facts(self) -> dict[str, Any]:
        return {"lines": self.lines, "invalid": self.invalid, "begins": self.begins, "unread": self.unread}


class LogFile(NamedTuple):
    path: Path
    found: os.stat_result


def log_files(log: Path) -> list[LogFile]:
    """The log and what logrotate has made of it, the oldest first."""
    rotated = re.compile(rf"{re.escape(log.name)}(?:[.-][0-9]+)*(?:\.gz)?")
    here = {entry.name for entry in log.parent.iterdir()} if log.parent.is_dir() else set[str]()
    names = {name for name in here if rotated.fullmatch(name)}
    # While logrotate compresses a file, both are there.
    paths = [log.parent / name for name in names if not name.endswith(".gz") or name.removesuffix(".gz") not in names]
    files = [LogFile(path, path.lstat()) for path in paths]
    return sorted((file for file in files if stat.S_ISREG(file.found.st_mode)), key=lambda file: file.found.st_mtime)


def lines_since(log: Path, key: str, since: float, reading: Reading) -> Generator[tuple[float, bytes]]:
    """The lines of a log since a time (seconds since 1970), each with its own; and fills in `reading`.

    key: the first member of each line, with its time."""
    files = log_files(log)
    wanted = [file for file in files if file.found.st_mtime >= since]
    reaches = len(wanted) < len(files)
    oldest: float | None = None
    stamp = re.compile(rb'\{"%s": ?"([0-9T:+Z-]{20,25})"' % key.encode())
    text, when = b"", None
    with contextlib.ExitStack() as stack:
        for path, file in open_logs(wanted, stack):
            try:
                for line in lines_of(file):
                    found = stamp.match(line)
                    if found and found[1] != text:  # most lines have the time of the one before
                        text, when = found[1], seconds_of(found[1])
                        oldest = when if oldest is None else min(oldest, when or oldest)
                    if found is None or when is None:
                        reading.invalid += 1
                    elif when < since:
                        reaches = True
                    else:
                        reading.lines += 1
                        yield when, line
            except (OSError, EOFError, zlib.error) as error:
                reading.unread.append(f"{path}: {error}")
    reading.begins = None if reaches else oldest


def open_logs(files: list[LogFile], stack: contextlib.ExitStack) -> list[tuple[Path, IO[bytes]]]:
    """All of them before the first is read: logrotate renames them."""
    return [(file.path, stack.enter_context(open_log(file))) for file in files]


def open_log(file: LogFile) -> IO[bytes]:
    """Opens a file that was found. Fails if another one has its name by now."""
    rotating = Failure("logs", f"{file.path} is being rotated; run this again")
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise rotating from None
    opened = os.fdopen(descriptor, "rb")
    if os.fstat(descriptor).st_ino != file.found.st_ino:
        opened.close()
        raise rotating
    return cast(IO[bytes], gzip.GzipFile(fileobj=opened)) if file.path.suffix == ".gz" else opened


def lines_of(file: IO[bytes]) -> Generator[bytes]:
    """Its whole lines: the last one may be being written. Of one that is too long, only what comes last is a line."""
    rest = b""
    while chunk := file.read(1 << 18):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > LONGEST_LINE:
            rest = b""


def seconds_of(text: bytes) -> float | None:
    """A time as Nginx and this program write it, in seconds since 1970."""
    try:
        return datetime.fromisoformat(text.decode()).timestamp()
    except ValueError:
        return None
