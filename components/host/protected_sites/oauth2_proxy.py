"""The host's oauth2-proxy version."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import os
import re
import tarfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from .commands import run, unit_state
from .failure import Failure
from .files import make_folder, remove_link, replace_file, replace_link
from .https import opener
from .instances import check_version, config_test, start_instance
from .places import OAUTH2_PROXY, OAUTH2_PROXY_VERSIONS
from .sites import Site, all_sites


def install_oauth2_proxy(release: dict[str, Any], allow_vulnerable: bool, proxy: str | None) -> list[str]:
    """Downloads the release if needed; restarts the instances one by one, and rolls back if one fails to start."""
    version, archive_of_host = release["version"], archive_for(release, os.uname().machine)
    url, digest = archive_of_host["url"], archive_of_host["sha256"]
    binary = OAUTH2_PROXY_VERSIONS / version / "oauth2-proxy"
    done: list[str] = []
    if not binary.exists():
        if not url.startswith("https://"):
            raise Failure("oauth2-proxy", f"url must be https, got {url[:100]!r}")
        try:
            with opener(proxy).open(url, timeout=60) as response:
                archive = response.read(256 << 20)
        except (OSError, http.client.HTTPException) as error:
            raise Failure("oauth2-proxy", f"{url}: {error}") from None
        found = hashlib.sha256(archive).hexdigest()
        if found != digest:
            raise Failure("oauth2-proxy", f"{url}: expected SHA-256 {digest}, got {found}")
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            member = next((item for item in packed if item.isfile() and item.name.endswith("/oauth2-proxy")), None)
            content = packed.extractfile(member) if member else None
            if content is None:
                raise Failure("oauth2-proxy", f"{url} does not contain a file oauth2-proxy")
            make_folder(OAUTH2_PROXY_VERSIONS, 0o755)
            make_folder(binary.parent, 0o755)
            replace_file(binary, content.read(), 0o755)
        done.append(f"oauth2-proxy {version}")
    said = run("oauth2-proxy", str(binary), "--version")
    if f"v{version}" not in said.split():
        raise Failure("oauth2-proxy", f"{binary}: expected v{version}, got {said.strip()[:80]!r}")
    for site in live_sites():
        with of_site(site):
            config_test(site, binary)  # before anything changes: versions differ in their options
    old = os.readlink(OAUTH2_PROXY) if OAUTH2_PROXY.is_symlink() else None
    if old != str(binary):
        replace_link(OAUTH2_PROXY, str(binary))
        done.append(f"{OAUTH2_PROXY} is {version}")
    try:
        check_version(allow_vulnerable)
        run_everywhere(binary)
    except Failure as failure:
        if old is None:
            remove_link(OAUTH2_PROXY)
        elif old != str(binary):
            replace_link(OAUTH2_PROXY, old)
            run_everywhere(Path(old))
        raise Failure(failure.step, f"{failure.what}\nlive now: {old or 'no oauth2-proxy'}") from None
    return done


def archive_for(release: dict[str, Any], machine: str) -> dict[str, str]:
    if machine == "x86_64":
        return release
    if machine == "aarch64" and "arm64" in release:
        return release["arm64"]
    raise Failure("oauth2-proxy", f"no archive for this host's architecture ({machine}); set oauth2Proxy.arm64")


def run_everywhere(binary: Path) -> None:
    """Has every instance run the binary, one after the other; also after an interrupted upgrade."""
    for site in live_sites():
        with of_site(site):
            main = unit_state(site.service)["MainPID"]
            runs_other = main != "0" and os.path.realpath(f"/proc/{main}/exe") != str(binary)
            start_instance(site, open_port(site), restart=runs_other)


def live_sites() -> list[Site]:
    return [site for site in all_sites() if site.live() is not None]


def open_port(site: Site) -> int:
    """The site's port according to systemd: a host whose bundle of a site is damaged can still be upgraded."""
    listens = unit_state(site.socket).get("Listen", "")
    port = re.match(r"127\.0\.0\.1:(\d+) ", listens)
    if port is None:
        raise Failure("socket", f"{site.socket} must listen on a port of 127.0.0.1, got {listens[:80]!r}")
    return int(port[1])


@contextlib.contextmanager
def of_site(site: Site) -> Generator[None]:
    """Puts the site's domain into a failure: a host's setup is about all its sites."""
    try:
        yield
    except Failure as failure:
        raise Failure(failure.step, f"{site.domain}: {failure.what}") from None
