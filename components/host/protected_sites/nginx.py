"""Nginx: requests to it, checking and reloading it."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path

from .commands import run, still_alive, unit_log
from .failure import Failure
from .files import read_text
from .http_request import Answer, connected_here, get
from .inherited import reaching_in
from .places import NGINX_ERRORS, NGINX_PID
from .sites import Site


class Visitor:
    """Requests paths of a site from this host's Nginx, on one connection as far as Nginx keeps it open. A visitor is for
    one probe: after a reload, a connection from before would still get the old configuration."""

    def __init__(self, site: Site, context: ssl.SSLContext | None = None) -> None:
        self.site = site
        self.context = context or any_certificate()
        self.connection: ssl.SSLSocket | None = None

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def ask(self, path: str, headers: Mapping[str, str]) -> Answer:
        kept = self.connection
        try:
            answer = self.request(path, headers)
        except OSError:
            self.leave()
            if kept is None:
                raise
            answer = self.request(path, headers)  # Nginx may close a connection that it has kept at any time
        if answer.is_last:
            self.leave()
        return answer

    def request(self, path: str, headers: Mapping[str, str]) -> Answer:
        self.connection = self.connection or connected(self.site.domain, self.context)
        return get(self.connection, self.site.domain, path, headers)

    def leave(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None


def connected(domain: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A new connection to this host's Nginx."""
    plain = connected_here(443, timeout=15)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each response takes 40 ms longer
        return context.wrap_socket(plain, server_hostname=domain.encode("ascii"))
    except BaseException:
        plain.close()
        raise


@functools.cache
def any_certificate() -> ssl.SSLContext:
    """Takes any certificate: whether it is the right one is asked apart from the rest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def served_certificate(domain: str) -> bytes:
    """The certificate that this host's Nginx serves for a name, in DER."""
    with connected(domain, any_certificate()) as connection:
        return connection.getpeercert(binary_form=True) or b""


def answers_as(site: Site) -> str:
    """What Nginx answers for a site, on a new connection: "generation 3", or the error."""
    with Visitor(site) as visitor:
        return answer_to(visitor)


def answer_to(visitor: Visitor) -> str:
    try:
        return generation_for(visitor)
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def generation_for(visitor: Visitor) -> str:
    """What Nginx answers for a site: "generation 3", or another status. Raises an OSError if it does not answer, or not
    with a certificate that the visitor trusts."""
    answer = visitor.ask("/.well-known/protected-sites/generation", {})
    domain, _, number = answer.body.strip().partition(" ")
    is_ours = answer.status == 200 and domain == visitor.site.domain and number.isdecimal()
    return f"generation {number}" if is_ours else f"HTTP {answer.status}"


NOT_RUNNING = "nginx.service is not active"


def nginx_runs() -> bool:
    return main_process() is not None


def main_process() -> str | None:
    """The process ID of the running Nginx; None if it does not run."""
    shown = run("Nginx", "systemctl", "show", "--property=ActiveState,MainPID", "nginx.service")
    process = re.search(r"^MainPID=([1-9]\d*)$", shown, re.MULTILINE)
    runs = re.search(r"^ActiveState=(?:active|reloading)$", shown, re.MULTILINE)
    return process[1] if process and runs else None


def start_nginx() -> str:
    """Starts Nginx; returns its process ID."""
    since = time.time()
    try:
        run("Nginx start", "systemctl", "start", "nginx.service")
    except Failure:
        raise Failure("Nginx start", unit_log("nginx.service", since)) from None
    main = main_process()
    if main is None:
        raise Failure("Nginx start", NOT_RUNNING)
    return main


def nginx_trouble() -> list[str]:
    """What would keep this Nginx from restarting or reloading; it may well be running all the same."""
    main = main_process()
    if main is None:
        return [NOT_RUNNING]
    trouble = reaching_in()
    try:
        run("nginx -t", "nginx", "-t", "-q")
    except Failure as failure:
        said = re.sub(r"^.*\[emerg\] \S+ ", "", failure.what.splitlines()[0])
        trouble.append(f"nginx -t: {said}")
    if (noted := read_text(NGINX_PID)) is not None and noted.strip() != main:
        trouble.append(f"{NGINX_PID} must contain the PID of the running Nginx, got {noted.strip()[:20]!r}: reloads do not work")
    return trouble


def workers(main: str | None, *, accepting: bool) -> set[str]:
    """The worker processes that still accept connections, or those that do not: after a reload Nginx titles the old ones
    "shutting down"."""
    found = set[str]()
    for worker in (read_text(Path(f"/proc/{main}/task/{main}/children")) or "").split() if main else ():
        with contextlib.suppress(OSError):
            title = Path(f"/proc/{worker}/cmdline").read_text()
            if "worker process" in title and ("shutting" not in title) == accepting:
                found.add(worker)
    return found


def reload_nginx(expected: Mapping[Site, int | None]) -> None:
    """Reloads Nginx, and waits until only new workers accept and each site answers as its generation (None: not at all).

    A reload also succeeds if Nginx then keeps its old configuration, for example because a port is in use: only its
    error log shows that.
    """
    log_size = NGINX_ERRORS.stat().st_size if NGINX_ERRORS.exists() else 0
    main = main_process()
    old_workers = workers(main, accepting=True)
    if main:
        # What `nginx -s reload` does after it has read all files, which have just been checked.
        os.kill(int(main), signal.SIGHUP)
    else:
        main = start_nginx()

    def is_late(site: Site, number: int | None) -> bool:
        answer = answers_as(site)
        return answer.startswith("generation ") if number is None else answer != f"generation {number}"

    deadline = time.monotonic() + 20
    while True:
        still_alive()
        old = old_workers & workers(main, accepting=True)
        late = {site: number for site, number in expected.items() if is_late(site, number)} if not old else {}
        if not old and not late:
            return
        with contextlib.suppress(FileNotFoundError), NGINX_ERRORS.open("rb") as log:
            log.seek(min(log_size, NGINX_ERRORS.stat().st_size))
            emergency = next(
                (line for line in log.read().decode(errors="replace").splitlines() if "[emerg]" in line), ""
            )
            if emergency:
                raise Failure("Nginx reload", f"Nginx kept its old configuration: {emergency[:300]}")
        if time.monotonic() > deadline:
            if old:
                raise Failure("Nginx reload", f"after 20 s the old workers still accept ({', '.join(sorted(old))})")
            site, number = next(iter(late.items()))
            expected_answer = "no site" if number is None else f"generation {number}"
            raise Failure("Nginx reload", f"{site.domain} after 20 s: expected {expected_answer}, got {answers_as(site)}")
        time.sleep(0.02)


def check_nginx(generations: Mapping[Site, int], links: Mapping[Path, str | None]) -> str:
    """Has Nginx check all its files with the candidates in place; returns their text, as `nginx -T` prints it."""
    from .candidates import as_if_live  # the rehearsal does not need it

    with as_if_live(generations, links) as as_candidate:
        return run("nginx -t", *as_candidate, "nginx", "-T", "-q")
