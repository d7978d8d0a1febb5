"""A site's credentials: verified with Entra before the worker switches to them (credential_switch.py)."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .announcement import keep_mark
from .commands import run_quietly
from .failure import Failure
from .files import flush_folder, make_folder, read_text, write_new
from .host import host_name
from .log import log_failure
from .places import CREDENTIALS, SERVICE_USER
from .sites import Site
from .standard_input import read_input
from .submission import submit

# A site's certificate, if the stack issues it: the file, and its key in the input.
CERTIFICATE_FILES = {"fullchain.pem": "certificate", "privkey.pem": "certificateKey"}
REDIS_PASSWORD = "OAUTH2_PROXY_REDIS_PASSWORD"


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
        from .entra import prove  # most credentials are those in use

        with log_failure("credentials", site.domain):
            prove(values["tokenEndpoint"], values["clientId"], values["clientSecret"], times)
    if not certificate and served_from(site):
        # The live Nginx file uses it until the next push.
        files |= {name: read_text(current / name) or "" for name in CERTIFICATE_FILES}
    import grp

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
    failed = submit("credentials", domain=site.domain, number=str(new))
    if not failed:
        keep_mark(f"credentials-{site.domain}", repair, first=first)
    return failed


def check_certificate(site: Site, files: dict[str, str]) -> None:
    """Raises a Failure if a certificate is not for the site, or does not match its key."""
    import ssl
    import tempfile

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
