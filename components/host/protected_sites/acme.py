"""A site's certificate from an ACME server: requested here at first, renewed by certbot's own timer."""

from __future__ import annotations

import fcntl
import re
from pathlib import Path
from typing import Any

from .bundle import Bundle
from .commands import install_packages, run, run_quietly, succeeds
from .failure import Failure
from .files import make_folder, read_text
from .outbound import outbound_proxy, proxy_environment
from .places import ACME_FOLDER, ACME_LOCK, CERTBOT, LETSENCRYPT
from .sites import Site


def ensure_certificate(site: Site, bundle: Bundle) -> None:
    """Requests a certificate for a site that has none yet, or has one from another ACME server.

    Nginx answers the server's challenge on port 80 before anything of the site exists: the site's own file cannot go
    live without a certificate.
    """
    wanted = facts_of(bundle)
    if wanted is None:
        return
    if not CERTBOT.exists():
        raise Failure("certificate", f"{CERTBOT} is missing; the host's setup installs it")
    with ACME_LOCK.open("a") as lock:  # certbot refuses to run twice
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = re.search(r"^server = (\S+)", read_text(renewal_of(site)) or "", re.MULTILINE)
        if known and known[1] == wanted["server"] and (LETSENCRYPT / "live" / site.domain / "fullchain.pem").exists():
            return
        run(
            "certificate",
            *(str(CERTBOT), "certonly", "--non-interactive", "--agree-tos", "--quiet"),
            *(f"--server={wanted['server']}", *whom(wanted), "--webroot", f"--webroot-path={ACME_FOLDER}"),
            *(f"--cert-name={site.domain}", f"--domain={site.domain}", "--key-type=ecdsa"),
            *("--deploy-hook=systemctl reload nginx.service", *(["--force-renewal"] if known else [])),
            timeout=300,
            env=proxy_environment(outbound_proxy()),
        )


def facts_of(bundle: Bundle) -> dict[str, Any] | None:
    facts: dict[str, Any] | None = bundle.facts("site.json").get("acme")
    return facts


def whom(facts: dict[str, Any]) -> list[str]:
    return [f"--email={facts['email']}"] if "email" in facts else ["--register-unsafely-without-email"]


def renewal_of(site: Site) -> Path:
    return LETSENCRYPT / "renewal" / f"{site.domain}.conf"


def forget_certificate(site: Site) -> None:
    """Stops renewing a certificate that is no longer served."""
    if renewal_of(site).exists():
        with ACME_LOCK.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            run_quietly(str(CERTBOT), "delete", "--non-interactive", f"--cert-name={site.domain}")


def install_certbot() -> list[str]:
    """Debian's certbot, whose timer renews in time (docs/certificates.md); each certificate's own hook reloads Nginx."""
    done: list[str] = []
    if not CERTBOT.exists():
        install_packages("certbot")
        done.append("installed certbot")
    make_folder(ACME_FOLDER, 0o755)
    if not succeeds("systemctl", "--quiet", "is-active", "certbot.timer"):
        run("units", "systemctl", "--quiet", "enable", "--now", "certbot.timer")
        done.append("started certbot.timer")
    return done
