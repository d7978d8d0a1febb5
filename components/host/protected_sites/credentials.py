"""A site's credentials: verified with Entra, then switched."""

from __future__ import annotations

import contextlib
import grp
import http.client
import json
import os
import re
import ssl
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from .announcement import forget_mark, keep_mark
from .bundle import read_input
from .commands import run_quietly
from .failure import Failure
from .files import (
    flush_folder,
    make_folder,
    read_text,
    remove_folder,
    remove_link,
    replace_link,
    write_new,
)
from .host import host_name
from .https import opener
from .instances import start_instance
from .log import log_failure
from .nginx import check_nginx, reload_nginx, served_certificate
from .outbound import outbound_proxy
from .places import CREDENTIALS, SERVICE_USER
from .probe import first_of
from .removal import other_owner
from .requests import Request
from .sites import Site
from .submission import submit
from .undo import check_undone, end_journal, forget, keep, write_journal

# A site's certificate, if the stack issues it: the file, and its key in the input.
CERTIFICATE_FILES = {"fullchain.pem": "certificate", "privkey.pem": "certificateKey"}
REDIS_PASSWORD = "OAUTH2_PROXY_REDIS_PASSWORD"

PATIENCE = 120  # seconds to wait until Entra accepts a client secret


def credentials(repair: str | None) -> int:
    """Verifies a client secret with Entra, then has the worker switch to it."""
    try:
        given = json.loads(read_input())
        values = {key: given[key] for key in ("domain", "tokenEndpoint", "clientId", "clientSecret", "cookieSecret")}
        environment = dict(given.get("environment", {}))
        certificate = {name: str(given[key]) for name, key in CERTIFICATE_FILES.items() if key in given}
        ends = given.get("clientSecretEnds")
    except (ValueError, KeyError, TypeError):
        raise Failure("input", "must be a JSON object with domain, tokenEndpoint, clientId, …") from None
    for key, value in values.items():
        if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
            raise Failure("input", f"{key} must be a string without spaces or line breaks")
    for key, value in environment.items():
        # What systemd reads literally, without quotes.
        if not re.fullmatch(r"OAUTH2_PROXY_[A-Z_]+", key) or not re.fullmatch(r"[\w!%*+,./:=?@^~-]+", str(value), re.A):
            allowed = "letters, digits and !%*+,./:=?@^_~-"
            raise Failure("input", f"environment: {key[:60]!r} must be a variable of oauth2-proxy, its value may have only {allowed}")
    site = Site(values["domain"])
    if REDIS_PASSWORD not in environment and 'session_store_type = "redis"' in (read_text(site.configuration) or ""):
        # The live instance needs it until the next push, which moves its sessions.
        environment |= {key: value for key, value in site.environment().items() if key == REDIS_PASSWORD}
    variables = {"OAUTH2_PROXY_CLIENT_ID": values["clientId"], **environment}
    if certificate:
        with log_failure("credentials", site.domain):
            check_certificate(site, certificate)
    files = {
        "client.env": "".join(f"{key}={value}\n" for key, value in variables.items()),
        "client-secret": values["clientSecret"],
        "cookie-secret": values["cookieSecret"],
        **certificate,
        # For the metrics; the instance does not read it.
        **({"client-secret-ends": ends} if isinstance(ends, str) else {}),
    }
    current = site.credentials / "current"
    if all(read_text(current / name) == text for name, text in files.items()):
        print(f"{site.domain} on {host_name()}: credentials unchanged")
        keep_mark(f"credentials-{site.domain}", repair, first=False)
        return 0
    if any(read_text(current / name) != files[name] for name in ("client.env", "client-secret")):
        # The one in use works, so there is no hurry; a replica that does not know the new one yet signs people out.
        times = 5 if current.is_symlink() else 1
        with log_failure("credentials", site.domain):
            prove(values["tokenEndpoint"], values["clientId"], values["clientSecret"], times)
    if not certificate and served_from(site):
        # The live Nginx file uses it until the next push.
        files |= {name: read_text(current / name) or "" for name in CERTIFICATE_FILES}
    group = grp.getgrnam(SERVICE_USER).gr_gid
    make_folder(site.credentials, 0o750, group)
    numbers = [int(entry.name) for entry in site.credentials.iterdir() if entry.name.isdigit()]
    new = max(numbers, default=0) + 1
    folder = site.credentials / str(new)
    make_folder(folder, 0o750, group)
    for name, text in files.items():
        private = name == "privkey.pem"  # for Nginx, which reads it as root; the instance does not need it
        write_new(folder / name, text, 0o600 if private else 0o640, 0 if private else group)
    for flushed in (folder, site.credentials, CREDENTIALS):
        flush_folder(flushed)
    first = not current.is_symlink()
    failed = submit("credentials", site, number=new)
    if not failed:
        keep_mark(f"credentials-{site.domain}", repair, first=first)
    return failed


def check_certificate(site: Site, files: dict[str, str]) -> None:
    """Raises a Failure if a certificate is not for the site, or does not match its key."""
    with tempfile.TemporaryDirectory(dir="/run") as aside:
        for name, text in files.items():
            write_new(Path(aside, name), text, 0o600)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(Path(aside, "fullchain.pem"), Path(aside, "privkey.pem"))
        except (OSError, ssl.SSLError) as error:
            raise Failure("certificate", f"{site.domain}: {error}") from None
        # If it does not match, Debian 14's openssl exits with an error, Debian 12's does not.
        if "does match" not in run_quietly("openssl", "x509", "-noout", "-checkhost", site.domain, "-in", f"{aside}/fullchain.pem"):
            raise Failure("certificate", f"not issued for {site.domain}")


def served_from(site: Site) -> bool:
    """Whether the live Nginx file uses the certificate that came with the credentials."""
    return f"{site.credentials}/current/fullchain.pem" in (read_text(site.current / "nginx.conf") or "")


def take_certificate(site: Site, live: int) -> None:
    """Reloads Nginx for a new certificate, and checks that clients get it."""
    check_nginx({}, {})
    reload_nginx({site: live})
    if served_certificate(site.domain) != first_of(site.credentials / "current" / "fullchain.pem"):
        raise Failure("certificate", f"Nginx does not serve the new certificate for {site.domain}")


def prove(endpoint: str, client_id: str, secret: str, times: int) -> None:
    """Requests a token with the secret until that has worked `times` times in a row. A new secret takes seconds,
    sometimes minutes, to reach all of Entra; until then only waiting tells it apart from a wrong one."""
    if not endpoint.startswith("https://"):
        raise Failure("sign-in to Entra", f"tokenEndpoint must be an https URL, got {endpoint[:100]!r}")
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
        "scope": "https://graph.microsoft.com/.default",
    }

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any, **__: Any) -> None:
            return None

    entra = opener(outbound_proxy(), NoRedirect)
    deadline = time.monotonic() + PATIENCE
    pause, in_a_row = 0.5, 0
    while True:
        try:
            with entra.open(endpoint, urllib.parse.urlencode(form).encode(), timeout=15) as response:
                response.read(65536)
            in_a_row += 1
            if in_a_row >= times:
                return
            time.sleep(0.3)
            continue
        except urllib.error.HTTPError as error:
            body = error.read(65536).decode(errors="replace")
            said, codes = f"HTTP {error.code}", set[int]()
            with contextlib.suppress(ValueError, AttributeError, TypeError):
                answer = json.loads(body)
                codes = set(answer.get("error_codes", []))
                said = str(answer.get("error_description", answer.get("error"))).splitlines()[0][:200]
            # Not known yet: a secret, an application, its service principal; or Entra is throttling or down.
            worth_waiting = codes & {7000215, 7000222, 700016, 7000229} or error.code == 429 or error.code >= 500
            pause = max(pause, min(30.0, float(error.headers.get("Retry-After", "0")))) if worth_waiting else pause
        except (OSError, http.client.HTTPException) as error:
            said, worth_waiting = f"{urllib.parse.urlsplit(endpoint).netloc}: {error}", True
        in_a_row = 0
        said = said.replace(secret, "[secret]")
        if not worth_waiting:
            raise Failure("sign-in to Entra", said)
        if time.monotonic() + pause > deadline:
            raise Failure("sign-in to Entra", f"{said} (tried for {PATIENCE} s)")
        time.sleep(pause)
        pause = min(pause * 1.5, 10)


def switch_credentials(request: Request) -> None:
    """Puts verified credentials live. oauth2-proxy reads the client secret at each use; the rest needs a restart."""
    check_undone()
    site, new = request.site, str(request.content["number"])
    if not (site.credentials / new).is_dir():
        raise Failure("credentials", "superseded by another push; push them again")
    current = site.credentials / "current"
    old = os.readlink(current) if current.is_symlink() else None
    live = site.live()
    names = {entry.name for folder in (current, site.credentials / new) if folder.is_dir() for entry in folder.iterdir()}
    changed = sorted(name for name in names if read_text(current / name) != read_text(site.credentials / new / name))
    restart = live is not None and not {"client.env", "cookie-secret"}.isdisjoint(changed)
    renewed = live is not None and served_from(site) and is_other_certificate(site, new)
    write_journal([request.path.stem], credentials={"domain": site.domain, "old": old, "new": new})
    try:
        replace_link(current, new)
        if restart and live is not None:
            start_instance(site, site.bundle(live).port(), restart=True)
        if renewed and live is not None:
            take_certificate(site, live)
        keep()
    except Exception as error:
        failure = Failure.of(error)
        what = site.redacted(failure.what)
        problems = go_back_to_credentials(site.domain, old, new)
        raise Failure(failure.step, "\n".join([what, *problems]), switched=True) from None
    how = ", ".join([*(["certificate renewed"] if renewed else []), "instance restarted" if restart else "no restart needed"])
    request.settle(True, f"credentials live ({how})", changed=changed)
    forget()
    for entry in site.credentials.iterdir():
        if entry.name not in {new, "current"}:
            with contextlib.suppress(OSError):
                remove_folder(entry)


def is_other_certificate(site: Site, number: str) -> bool:
    return any(
        read_text(site.credentials / "current" / name) != read_text(site.credentials / number / name)
        for name in CERTIFICATE_FILES
    )


def go_back_to_credentials(domain: str, old: str | None, new: str, *, booting: bool = False) -> list[str]:
    """Rolls back to the credentials that were live before; safe to repeat. Returns what failed."""
    site, problems = Site(domain), list[str]()
    current, live = site.credentials / "current", site.live()
    try:
        if old is None:
            remove_link(current)
        elif os.readlink(current) != old:
            replace_link(current, old)
        end_journal()
        remove_folder(site.credentials / new)
        if live is not None and not booting:
            start_instance(site, site.bundle(live).port(), restart=True)
            if served_from(site):
                reload_nginx({site: live})
    except (Failure, OSError) as error:  # if the journal is still there, the next worker or the next boot tries again
        problems.append(f"while rolling back: {error}")
    return problems


def remove_credentials(request: Request) -> None:
    site = request.site
    if other := other_owner(request):
        request.settle(True, f"credentials kept: they now belong to site {other}")
        return
    if site.live() is not None:
        raise Failure("credentials", f"{site.domain} is still live on this host; remove it first")
    remove_link(site.credentials / "current")
    remove_folder(site.credentials)
    forget_mark(f"credentials-{site.domain}")
    request.settle(True, "credentials removed")
