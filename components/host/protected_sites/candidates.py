"""Running commands that see candidates as live."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path

from .sites import Site


@contextlib.contextmanager
def as_if_live(generations: Mapping[Site, int], links: Mapping[Path, str | None]) -> Generator[list[str]]:
    """Arguments to put before a command so that it sees the given generations and links (None: no link) as live.

    The command runs in a mount namespace of its own, where copies of the folders with links, and folders with the
    candidates' `current`, are mounted over the real ones. Nothing outside of it changes.
    """
    with tempfile.TemporaryDirectory(prefix="protected-sites-", dir="/run") as aside:
        mounts: list[tuple[Path, Path]] = []
        for folder in sorted({link.parent for link in links}):
            copy = Path(aside, str(folder).strip("/").replace("/", "-"))
            if folder.is_dir():
                shutil.copytree(folder, copy, symlinks=True)
                mounts.append((copy, folder))
            for link, target in links.items():
                if link.parent == folder and folder.is_dir():
                    (copy / link.name).unlink(missing_ok=True)
                    if target is not None:
                        (copy / link.name).symlink_to(target)
        for site, number in generations.items():
            copy = Path(aside, "sites", site.domain)
            (copy / "generations").mkdir(parents=True)
            (copy / "current").symlink_to(f"generations/{number}")
            mounts += [(site.generations, copy / "generations"), (copy, site.folder)]
        table = Path(aside, "fstab")
        table.write_text("".join(f"{source} {target} none rbind 0 0\n" for source, target in mounts))
        script = 'mount --all --fstab "$0" && exec "$@"'
        yield ["unshare", "--mount", "--propagation=private", "/bin/sh", "-c", script, str(table)]
