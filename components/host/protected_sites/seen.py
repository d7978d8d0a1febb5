"""What is asked of the host once for all sites of a group, if one of them needs it."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

from .commands import unit_states
from .files import read_text
from .shared_files import damage_to
from .sites import Site


class Seen:
    def __init__(self, sites: Iterable[Site]) -> None:
        self.names = [unit for site in sites for unit in (site.socket, site.service)]
        self.damage_to = functools.cache(damage_to)  # many sites include the same version of the shared files

    @functools.cached_property
    def units(self) -> Mapping[str, Mapping[str, str]]:
        """The state of the sites' units, by their names."""
        return unit_states(*self.names)

    @functools.cached_property
    def ports(self) -> Set[int]:
        return listeners_of_systemd()


def listeners_of_systemd() -> set[int]:
    """The ports of 127.0.0.1 on which systemd itself listens. A `daemon-reload` that finds another ListenStream closes
    the old one at once, even if the file is then restored: the unit stays "active" with nothing listening."""
    held = set[str]()
    for descriptor in os.listdir("/proc/1/fd"):
        with contextlib.suppress(OSError):
            held.add(os.readlink(f"/proc/1/fd/{descriptor}"))
    ports = set[int]()
    for line in (read_text(Path("/proc/net/tcp")) or "").splitlines()[1:]:
        _, local, _, state, *_, inode = line.split()[:10]
        if state == "0A" and local.startswith("0100007F:") and f"socket:[{inode}]" in held:
            ports.add(int(local.removeprefix("0100007F:"), 16))
    return ports
