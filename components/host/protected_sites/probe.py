"""The probe: checks on a live site that nobody gets in without signing in."""

from __future__ import annotations

import socket
import ssl
import tomllib
import urllib.parse
from pathlib import Path
from typing import NamedTuple

from .bundle import Bundle
from .commands import still_alive
from .failure import Failure
from .http_get import Answer
from .nginx import ask, generation_at
from .sites import Site


def certificates_of(site: Site, bundle: Bundle) -> Path:
    return Path(bundle.facts("site.json").get("certificates", f"/data/certs/{site.domain}"))


def certificate_context(site: Site, bundle: Bundle) -> ssl.SSLContext:
    """Trusts a site's certificate file itself: the name must match, the chain and the dates need not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file_of(site, bundle))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | 0x200000  # X509_V_FLAG_NO_CHECK_TIME
    return context


class Served(NamedTuple):
    """The certificate that Nginx serves for a site."""

    starts: int  # seconds since 1970, as `ends`
    ends: int
    is_new: bool  # whether it is the one in the file; if not, Nginx was not, or could not be, reloaded


def certificate_served(site: Site, bundle: Bundle) -> Served:
    context = certificate_context(site, bundle)
    with (
        socket.create_connection(("127.0.0.1", 443), timeout=15) as plain,
        context.wrap_socket(plain, server_hostname=site.domain) as encrypted,
    ):
        served = encrypted.getpeercert() or {}
        starts, ends = (int(ssl.cert_time_to_seconds(str(served.get(key)))) for key in ("notBefore", "notAfter"))
        return Served(starts, ends, encrypted.getpeercert(binary_form=True) == first_of(file_of(site, bundle)))


def file_of(site: Site, bundle: Bundle) -> Path:
    return certificates_of(site, bundle) / "fullchain.pem"


def first_of(chain: Path) -> bytes:
    """A chain's leaf certificate, in DER."""
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(chain.read_text().partition(end)[0] + end)


def probe(site: Site, bundle: Bundle, number: int) -> None:
    """Checks that a live site is the given generation, serves its certificate, and is closed."""
    try:
        context = certificate_context(site, bundle)
    except OSError as error:
        raise Failure("probe", f"{file_of(site, bundle)}: {error}") from None
    try:
        answer = generation_at(site, context)
    except OSError as error:
        raise Failure("probe", f"the certificate: {error}") from None
    if answer != f"generation {number}":
        raise Failure("probe", f"expected generation {number}, got {answer}")
    prove_closed(site, bundle)


def prove_closed(site: Site, bundle: Bundle) -> None:
    """Checks that nobody gets into a live site without signing in."""
    facts = bundle.facts("site.json")
    settings = bundle.text_of("oauth2-proxy.cfg")
    login = urllib.parse.urlsplit(str(tomllib.loads(settings).get("login_url", "")))
    path = facts.get("probePath", "/")
    callback = f"{facts.get('proxyPrefix', '/oauth2')}/callback"
    page = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    spoofed = {
        "Authorization": "Bearer spoofed",
        "X-Forwarded-User": "spoofed",
        **{f"X-Auth-Request-{name}": "spoofed" for name in ("User", "Email", "Preferred-Username", "Groups")},
    }

    def asked(what: str, path: str, headers: dict[str, str]) -> Answer:
        still_alive()
        try:
            return ask(site.domain, path, headers)
        except OSError as error:
            raise Failure("probe", f"{what}: {error}") from None

    def expect(passed: bool, what: str, answer: Answer, wanted: str) -> None:
        if not passed:
            to = f" to {answer.location[:120]}" if answer.location else ""
            raise Failure("probe", f"{what}: expected {wanted}, got {answer.status}{to}")

    if facts.get("maintenance") is True:
        for what, asked_for, headers in (
            ("a browser", path, page),
            ("a program", path, {"Accept": "application/json"}),
            ("a program with forged identity headers", path, {"Accept": "application/json", **spoofed}),
            (callback, callback, page),
        ):
            answer = asked(what, asked_for, headers)
            expect(answer.status == 503, what, answer, "503 (maintenance)")
        return
    what = "a browser that is not signed in"
    answer = asked(what, path, page)
    to = urllib.parse.urlsplit(answer.location)
    signs_in = (to.scheme, to.netloc, to.path) == (login.scheme, login.netloc, login.path)
    ours = urllib.parse.parse_qs(to.query).get("client_id") == [site.client_id()]
    # After many probes, the site's own rate limit for sign-ins answers.
    began = answer.status == 429 or (answer.status == 302 and signs_in and ours)
    expect(began, what, answer, "302 to the sign-in page with the site's client ID")
    what = "a program that is not signed in"
    answer = asked(what, path, {"Accept": "application/json"})
    expect(answer.status == 401, what, answer, "401")
    what = "a program with forged identity headers"
    answer = asked(what, path, {"Accept": "application/json", **spoofed})
    expect(answer.status == 401, what, answer, "401")
    answer = asked(callback, callback, page)
    expect(answer.status in {400, 403, 429, 500}, callback, answer, "oauth2-proxy to refuse an empty callback (403)")
