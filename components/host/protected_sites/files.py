"""Files that survive a power cut: written to a temporary name, flushed, renamed; then the folder is flushed."""

from __future__ import annotations

import os
from pathlib import Path

from .failure import Failure


def flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: str | bytes, mode: int = 0o644, group: int = 0) -> None:
    """Creates a file, which must not exist yet, not even as a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        os.fchown(file.fileno(), 0, group)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    try:
        write_new(aside, content, mode)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def replace_link(link: Path, target: str) -> None:
    aside = link.with_name(f".{link.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    os.replace(aside, link)
    flush_folder(link.parent)


def remove_link(link: Path) -> bool:
    if not link.is_symlink():
        return False
    link.unlink()
    flush_folder(link.parent)
    return True


def remove_folder(folder: Path) -> None:
    if folder.is_symlink():  # not ours, nor is what it points to
        folder.unlink()
    elif folder.exists():
        import shutil  # slow to import, and most commands remove nothing

        shutil.rmtree(folder)
        flush_folder(folder.parent)


def make_folder(folder: Path, mode: int, group: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    refuse_link(folder)
    os.chown(folder, 0, group)
    folder.chmod(mode)


def refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise Failure("folders", f"{folder} must be a folder, got a link")


def read_text(path: Path) -> str | None:
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None
