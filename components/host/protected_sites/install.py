"""Installs the program on a host: atomically, and never over a file that is not ours.

It runs before the program exists there (components/host/host-setup.ts), so it imports nothing from it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import py_compile
import re
import shutil
import sys
from pathlib import Path

PROGRAM = Path("/usr/local/sbin/protected-sites")
VERSIONS = Path("/usr/local/lib/protected-sites")
LOCK = Path("/run/protected-sites.lock")


def install(bundle: str) -> None:
    """Installs the program in the bundle, in a folder named after the bundle's SHA-256."""
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit(f"Python 3.11 or newer is required, got {sys.version.split()[0]}")
    for path, ours in ((PROGRAM, is_ours()), (VERSIONS, not VERSIONS.is_symlink())):
        if os.path.lexists(path) and not ours:
            sys.exit(f"{path} already exists and is not managed by Protected Sites; move it away")
    os.umask(0o022)
    VERSIONS.mkdir(exist_ok=True)
    version = VERSIONS / hashlib.sha256(bundle.encode()).hexdigest()
    _, *sections = re.split(r"^==> (\S+)\n", bundle, flags=re.MULTILINE)
    files = dict(zip(sections[:-2:2], sections[1:-2:2], strict=True))  # the last one is the end mark
    if not is_whole(version, files):
        aside = VERSIONS / f".{os.getpid()}"
        try:
            write(aside, version, files)
        except py_compile.PyCompileError as error:
            sys.exit(f"this Python cannot compile the program: {error.msg.strip()}")
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    link = PROGRAM.with_name(f".{PROGRAM.name}.{os.getpid()}")
    link.unlink(missing_ok=True)
    link.symlink_to(version / "protected_sites" / "launcher.py")
    os.replace(link, PROGRAM)
    flush(PROGRAM.parent)
    remove_others(version)


def is_ours() -> bool:
    if PROGRAM.is_symlink():
        return os.readlink(PROGRAM).startswith(f"{VERSIONS}/")
    return PROGRAM.is_file() and b"Protected Sites" in PROGRAM.read_bytes()[:200]


def is_whole(version: Path, files: dict[str, str]) -> bool:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return all((version / "protected_sites" / name).read_text("utf-8") == text for name, text in files.items())
    return False


def write(aside: Path, version: Path, files: dict[str, str]) -> None:
    """Flushes everything before the folder gets its final name."""
    package = aside / "protected_sites"
    package.mkdir(parents=True)
    for name, text in files.items():
        path = package / name
        path.write_text(text, "utf-8")
        path.chmod(0o755 if name == "launcher.py" else 0o644)
        # Compiled here, and not cached by the launcher: what Python caches by itself is not flushed.
        py_compile.compile(str(path), dfile=str(version / "protected_sites" / name), doraise=True)
    for path in (*package.rglob("*"), package, aside):
        flush(path)
    shutil.rmtree(version, ignore_errors=True)
    os.rename(aside, version)
    flush(VERSIONS)
    flush(VERSIONS.parent)


def remove_others(version: Path) -> None:
    """Removes other versions, unless a worker, which may be one of them, is running; then the next install does."""
    with LOCK.open("a") as lock, contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for other in VERSIONS.iterdir():
            if other != version:
                shutil.rmtree(other)


def flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
