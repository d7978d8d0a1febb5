"""The addresses of backends that are given by name.

Nginx resolves names when it reads its configuration, and rejects all of it if one of them does not resolve. So a site's
files contain no names: each is resolved here, the way any program on this host does it (/etc/hosts, search domains,
DNS), and its addresses are written to a file of their own, which Nginx includes and all sites with that backend share.
A push writes the files that are missing; `follow-addresses` keeps resolving, and reloads Nginx after a change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .commands import run_quietly
from .failure import Failure
from .files import make_folder, read_text, replace_file
from .places import ADDRESSES, FOLLOWER, NGINX_SHARED, OURS
from .sites import all_sites

FILE = re.compile(r"([a-z0-9.-]+)_(\d+)(_backup)?\.conf")

# Nothing answers there, and Nginx does not try: an upstream must have a server that is not a backup.
NOBODY = "server 127.0.0.1:1 down;"


class NotResolved(Exception):
    """Why a name has no addresses. `gone`: the resolver said that it does not exist."""

    def __init__(self, why: str, *, gone: bool) -> None:
        super().__init__(why)
        self.gone = gone


def files_in(nginx: str) -> list[Path]:
    """The address files that an Nginx file includes."""
    return [ADDRESSES / name for name in re.findall(rf"^\s*include {ADDRESSES}/([^/;\s]+);", nginx, re.MULTILINE)]


def all_files() -> list[Path]:
    return sorted(path for path in ADDRESSES.glob("*.conf") if FILE.fullmatch(path.name))


def name_of(path: Path) -> str:
    found = FILE.fullmatch(path.name)
    if found is None:
        raise Failure("backend", f"{path} is not an address file")
    return found[1]


def look_up(name: str) -> list[str]:
    """All addresses of a name, sorted: their order means nothing to Nginx."""
    import socket  # most pushes look nothing up

    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except socket.gaierror as error:
        # The name does not exist; any other error means that resolving failed.
        no_such_name = {socket.EAI_NONAME, socket.EAI_NODATA, getattr(socket, "EAI_ADDRFAMILY", socket.EAI_NONAME)}
        raise NotResolved(str(error.strerror), gone=error.errno in no_such_name) from None
    except (OSError, UnicodeError) as error:
        raise NotResolved(str(error), gone=False) from None
    # A link-local address comes with an interface name, which Nginx does not understand.
    addresses = sorted({str(address[0]) for *_, address in found if "%" not in str(address[0])})
    if not addresses:
        raise NotResolved("no address that Nginx can use", gone=True)
    return addresses


def servers_of(path: Path, addresses: Iterable[str]) -> list[str]:
    """The directives for a name's addresses; without any, those that make the upstream fail at once."""
    found = FILE.fullmatch(path.name)
    port, backup = (found[2], " backup" if found[3] else "") if found else ("1", "")
    hosts = [f"[{address}]" if ":" in address else address for address in addresses]
    # As the renderer writes an address (addresses.ts).
    return [f"server {host}:{port} max_fails=0{backup};" for host in hosts] or ([] if backup else [NOBODY])


def servers_in(path: Path) -> list[str]:
    return [line for line in (read_text(path) or "").splitlines() if line.startswith("server ")]


def trouble_in(path: Path) -> str | None:
    """Why a file's name does not resolve, if it does not."""
    said = re.search(r"^# trouble: (.*)$", read_text(path) or "", re.MULTILINE)
    return said[1] if said else None


def write(path: Path, servers: Iterable[str], trouble: str | None = None) -> None:
    lines = [f"# {OURS} (components/host/protected_sites): the addresses of {name_of(path)}; edits here are lost."]
    lines += [f"# trouble: {trouble}"] if trouble else []
    make_folder(ADDRESSES, 0o755)
    replace_file(path, "".join(f"{line}\n" for line in (*lines, *servers)))


def look_up_new(nginx: str, *, needed: bool) -> dict[str, list[str]]:
    """The addresses of those names in an Nginx file that are new to this host. Without `needed`, a name that does not
    resolve is left to the follower: until then its site answers 502."""
    found: dict[str, list[str]] = {}
    for name in sorted({name_of(path) for path in files_in(nginx) if not path.exists()}):
        try:
            found[name] = look_up(name)
        except NotResolved as error:
            if needed:
                raise Failure("backend", f"{name} does not resolve on this host: {error}") from None
    return found


def provide(texts: Iterable[str], known: Mapping[str, list[str]]) -> None:
    """Writes the address files that are missing, for the given Nginx files and for what is live."""
    live = [read_text(site.current / "nginx.conf") or "" for site in all_sites()]
    wanted = {path for text in (*texts, *live, read_text(NGINX_SHARED) or "") for path in files_in(text)}
    for path in sorted(wanted):
        if not path.exists():
            addresses = known.get(name_of(path), [])
            write(path, servers_of(path, addresses), None if addresses else "not resolved yet")
    if wanted:
        run_quietly("systemctl", "start", "--no-block", FOLLOWER)


def forget_unused() -> None:
    """Removes the files that nothing live includes."""
    live = [read_text(site.current / "nginx.conf") or "" for site in all_sites()]
    used = {path for text in (*live, read_text(NGINX_SHARED) or "") for path in files_in(text)}
    for path in all_files():
        if path not in used:
            path.unlink()
