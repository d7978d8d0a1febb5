"""A rehearsal: new generations are started and probed where nobody can reach them."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from .commands import error_in, run
from .failure import Failure
from .files import read_text
from .instances import ping
from .nginx import answers_as
from .places import NGINX_SITES, OAUTH2_PROXY, OAUTH2_PROXY_FILES, SERVICE_USER
from .probe import probe
from .sites import Site


def rehearse_apart(generations: Mapping[Site, int], links: Mapping[Path, str], nginx: str) -> None:
    """Probes sites before anybody can reach them: in network, mount and process namespaces that end with the rehearsal.
    `nginx` is the text of all Nginx files."""
    from .candidates import as_if_live  # the rehearsal itself does not need it

    seen = {link: target for link, target in links.items() if link.parent in {NGINX_SITES, OAUTH2_PROXY_FILES}}
    with as_if_live(generations, seen) as as_candidate:
        # No name resolves there, and Nginx does not start if one of its names does not resolve.
        named = r"(?:\b(?:server|\w+_pass)\s+(?:\w+://)?|syslog:server=)([\w.-]*[A-Za-z][\w.-]*)"
        names = sorted(set(re.findall(named, nginx)))
        apart = ("unshare", "--net", "--pid", "--fork", "--kill-child")
        domains = [site.domain for site in generations]
        rehearsal = (str(Path(__file__).with_name("launcher.py")), "rehearse", ",".join(names), *domains)
        run("rehearsal", *apart, *as_candidate, *rehearsal, timeout=40)


def rehearse(domains: list[str], names: list[str]) -> int:
    """The rehearsal itself, which can reach only this Nginx and the sites' instances. `names` are those of Nginx's
    backends: each resolves to this host, where nothing else listens."""
    sites = [Site(domain) for domain in domains]
    run("rehearsal", "ip", "link", "set", "lo", "up")
    for version in ("ipv4", "ipv6"):  # Nginx may listen on other addresses of this host, which do not exist here
        with contextlib.suppress(OSError):
            Path(f"/proc/sys/net/{version}/ip_nonlocal_bind").write_text("1")
    hosts = (read_text(Path("/etc/hosts")) or "") + "".join(f"\n127.0.0.1 {name}" for name in names) + "\n"
    for covered in ("/run", "/var/log/nginx"):  # Nginx's pid file, its logs
        run("rehearsal", "mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", covered)
    Path("/run/hosts").write_text(hosts)
    run("rehearsal", "mount", "--bind", "/run/hosts", "/etc/hosts")
    try:
        nginx = subprocess.Popen(["nginx", "-g", "daemon off;"], stdin=subprocess.DEVNULL)
        bundles = {site: site.bundle(site.live() or 0) for site in sites}
        instances = {site: start_apart(site, bundle.port()) for site, bundle in bundles.items()}
        nginx_answers = False  # for all sites, as soon as for one
        for site, bundle in bundles.items():
            number = site.live() or 0
            deadline = time.monotonic() + 15
            while not (nginx_answers and ping(bundle.port())):
                check_instances(instances)
                nginx_answers = nginx_answers or answers_as(site) == f"generation {number}"
                if nginx.poll() is not None or time.monotonic() > deadline:
                    raise Failure("rehearsal", f"{site.domain}: expected generation {number}, got {answers_as(site)}")
                time.sleep(0.02)
            probe(site, bundle, number)
        check_instances(instances)
    except Failure as failure:
        print(failure.what, file=sys.stderr)
        return 1
    return 0


def check_instances(instances: Mapping[Site, subprocess.Popen[bytes]]) -> None:
    """Raises a Failure for an instance that has exited, with what it said: that is how it rejects its configuration."""
    for site, instance in instances.items():
        if instance.poll() is not None:
            said = error_in(log_of(site).read_text(errors="replace")) or f"exited with {instance.returncode}"
            raise Failure("rehearsal", f"{site.domain}: oauth2-proxy: {said}")


def log_of(site: Site) -> Path:
    return Path("/run", f"{site.service}.log")


def start_apart(site: Site, port: int) -> subprocess.Popen[bytes]:
    """Starts an instance without systemd, and hands its socket over as systemd would."""
    with socket.create_server(("127.0.0.1", port)) as listening, log_of(site).open("wb") as log:
        os.dup2(listening.fileno(), 3)
        handed_over = ("/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh")
        user = ("setpriv", f"--reuid={SERVICE_USER}", f"--regid={SERVICE_USER}", "--clear-groups")
        return subprocess.Popen(
            # A Redis cannot be reached from here, and nobody signs in: where sessions are stored does not matter.
            [*handed_over, *user, str(OAUTH2_PROXY), f"--config={site.configuration}", "--session-store-type=cookie"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | site.environment(),
            pass_fds=(3,),
        )
