"""The oauth2-proxy of each site."""

from __future__ import annotations

import contextlib
import functools
import re
import time
from collections.abc import Sequence
from pathlib import Path

from .commands import run, run_quietly, still_alive, unit_log, unit_state
from .failure import Failure
from .files import read_text
from .http_request import connected_here, get
from .places import OAUTH2_PROXY, SERVICE_USER
from .seen import Seen
from .sites import Site

# The first version that fixes each; see https://github.com/oauth2-proxy/oauth2-proxy/security/advisories
ADVISORIES = {
    "GHSA-7rh7-c77v-6434": (7, 11, 0),
    "GHSA-vjrc-mh2v-45x6": (7, 13, 0),
    "GHSA-5hvv-m4w4-gf6v": (7, 15, 2),
    "GHSA-7x63-xv5r-3p2x": (7, 15, 2),
    "CVE-2026-76835": (7, 15, 5),
    "GHSA-wr5q-7wxw-x568": (7, 15, 5),
    "GHSA-63jm-59jj-478j": (7, 15, 5),
    "GHSA-hhqp-vx7f-5c6m": (7, 15, 5),
}


def ping(port: int) -> bool:
    with contextlib.suppress(OSError), connected_here(port, timeout=1) as connection:
        return get(connection, f"127.0.0.1:{port}", "/ping", {}).status == 200
    return False


def await_instance(site: Site, port: int, since: float) -> None:
    deadline = time.monotonic() + 20
    while not ping(port):
        still_alive()
        state = unit_state(site.service)["SubState"]
        if state in {"auto-restart", "failed", "dead"} or time.monotonic() > deadline:
            raise Failure("instance", f"oauth2-proxy did not start ({state}): {unit_log(site.service, since)}")
        time.sleep(0.02)


def needs_new_socket(site: Site, before: int, after: int) -> bool:
    """Whether the generations' sockets differ, so that it has to be closed and reopened. Comments do not count."""
    one, other = (
        [line for line in (read_text(site.generation(number) / site.socket) or "").split("\n") if line[:1] != "#"]
        for number in (before, after)
    )
    return one != other


def start_together(sites: Sequence[Site]) -> None:
    """Starts the sockets and services of sites that are new here, by two calls for all. Where that fails, `start_instance`
    tries again and finds out why. Sites that are live are restarted one after the other, since people wait meanwhile."""
    if sites:
        run_quietly("systemctl", "start", *(site.socket for site in sites))
        run_quietly("systemctl", "restart", *(site.service for site in sites))


def start_instance(
    site: Site, port: int, *, restart: bool, new_socket: bool = False, seen: Seen | None = None
) -> None:
    """Starts a site's socket and service where they do not run. The socket stays open during a restart, so that no
    request is lost. `seen` is their state, if the caller has asked for it."""
    since = time.time()
    seen = seen or Seen([site])
    opened, runs = (seen.units[unit]["ActiveState"] == "active" for unit in (site.socket, site.service))
    if new_socket or (opened and port not in seen.ports):
        run("instance", "systemctl", "stop", site.socket, site.service)
        opened = runs = False
    if not opened:
        try:
            run("socket", "systemctl", "start", site.socket)
        except Failure:
            holder = "".join(re.findall(r'users:\(\("([^"]+)"', run_quietly("ss", "-Hltnp", f"sport = :{port}")))
            by = f" (port {port} is in use by {holder})" if holder else ""
            raise Failure("socket", unit_log(site.socket, since) + by) from None
    if restart or not runs:
        try:
            run("instance", "systemctl", "restart" if restart else "start", site.service)
        except Failure:
            # systemctl only points to other commands; the reason is in the unit's journal.
            raise Failure("instance", f"oauth2-proxy did not start: {unit_log(site.service, since)}") from None
    await_instance(site, port, since)


@functools.cache
def oauth2_proxy_says() -> str:
    """The version string of the installed oauth2-proxy, asked once for all sites of a group."""
    return run("oauth2-proxy version", str(OAUTH2_PROXY), "--version")


def check_version(allow_vulnerable: bool) -> None:
    if allow_vulnerable:
        return
    said = oauth2_proxy_says()
    number = re.search(r"\bv(\d+)\.(\d+)\.(\d+)", said)
    version = tuple(int(part) for part in number.groups()) if number else (0, 0, 0)
    open_advisories = [name for name, fixed in ADVISORIES.items() if version < fixed]
    if open_advisories:
        found = ".".join(map(str, version)) if number else said.strip()[:80]
        safe = ".".join(map(str, max(ADVISORIES.values())))
        raise Failure(
            "oauth2-proxy version",
            f"{found} is known to be vulnerable ({', '.join(open_advisories)}); {safe} or newer is required",
        )


def config_test(site: Site, binary: Path, *before: str) -> None:
    """Has an oauth2-proxy check a site's configuration; `before` is put in front of the command."""
    run(
        "oauth2-proxy --config-test",
        *before,
        *("setpriv", f"--reuid={SERVICE_USER}", f"--regid={SERVICE_USER}", "--clear-groups"),
        *(str(binary), f"--config={site.configuration}", "--config-test"),
        env=site.environment(),
    )
