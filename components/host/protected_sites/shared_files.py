"""The files that sites have alike: in a folder for each version of them, which never changes once it is there, so that
generations of several versions can be live, or be rolled back to, beside each other."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from .bundle import Bundle
from .failure import Failure
from .files import flush_folder, make_folder, read_text, remove_folder, write_new
from .places import SHARED, SITES

LINK = "shared"  # in a site's generation: to the version that it includes

ERROR_PAGE = "error.html"  # what an instance reads of it, when it starts


def version_of(texts: Mapping[str, str]) -> str:
    """As components/render/nginx/shared-files.ts calls the files."""
    content = "".join(f"{name}\n{texts[name]}" for name in sorted(texts))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def folder_of(version: object) -> Path:
    """Where a version's files lie."""
    if not isinstance(version, str) or not re.fullmatch(r"[0-9a-f]{16}", version):
        raise Failure("input", f"expected the version of the shared files, got {version!r:.80}")
    return SHARED / version


def damage_to(folder: Path) -> str | None:
    """What is wrong with a version's folder."""
    if folder.is_symlink() or not folder.is_dir():
        return f"{folder} is missing"
    texts = {file.name: read_text(file) or "" for file in folder.iterdir()}
    return None if version_of(texts) == folder.name else f"{folder} differs"


def other_error_page(one: Path, other: Path) -> bool:
    """Whether two versions' folders, or links to them, have different error pages."""
    return read_text(one / ERROR_PAGE) != read_text(other / ERROR_PAGE)


def files_of(bundle: Bundle) -> dict[str, str]:
    """The shared files of a host's setup."""
    return {file.name: file.text for file in bundle.files if file.place is None and file.name != "host.json"}


def install_shared_files(bundle: Bundle) -> list[str]:
    """Adds the setup's version. No site uses it before its own push has checked and rehearsed what it makes of it."""
    texts = files_of(bundle)
    version = version_of(texts)
    if not texts or damage_to(SHARED / version) is None:
        return []
    make_folder(SHARED, 0o755)
    aside = SHARED / f".{version}"
    remove_folder(aside)
    make_folder(aside, 0o755)
    for name, text in texts.items():
        write_new(aside / name, text)
    flush_folder(aside)
    remove_folder(SHARED / version)
    os.rename(aside, SHARED / version)
    flush_folder(SHARED)
    return [f"shared files {version}"]


def remove_unused(current: str) -> None:
    """Removes the versions that no generation on this host includes."""
    used = {os.path.basename(os.readlink(link)) for link in SITES.glob(f"*/generations/*/{LINK}") if link.is_symlink()}
    for folder in SHARED.iterdir() if SHARED.is_dir() else ():
        if folder.name not in used | {current}:
            remove_folder(folder)
