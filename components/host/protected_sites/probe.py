"""The probe: checks on a live site that nobody gets in without signing in."""

from __future__ import annotations

import ssl
import tomllib
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .bundle import Bundle
from .commands import still_alive
from .failure import Failure
from .http_request import Answer
from .nginx import Visitor, connected, generation_for
from .sites import Site


def certificates_of(site: Site, bundle: Bundle) -> Path:
    return Path(bundle.facts("site.json").get("certificates", f"/data/certs/{site.domain}"))


def certificate_context(site: Site, bundle: Bundle) -> ssl.SSLContext:
    """Trusts a site's certificate file itself: the name must match, the chain and the dates need not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file_of(site, bundle))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | 0x200000  # X509_V_FLAG_NO_CHECK_TIME
    return context


class Open(Failure):
    """A request without a session got something other than a refusal."""


class Served(NamedTuple):
    """The certificate that Nginx serves for a site."""

    starts: int  # seconds since 1970, as `ends`
    ends: int
    is_new: bool  # whether it is the one in the file; if not, Nginx was not, or could not be, reloaded


def certificate_served(site: Site, bundle: Bundle) -> Served:
    with connected(site.domain, certificate_context(site, bundle)) as connection:
        served = connection.getpeercert() or {}
        starts, ends = (int(ssl.cert_time_to_seconds(str(served.get(key)))) for key in ("notBefore", "notAfter"))
        return Served(starts, ends, connection.getpeercert(binary_form=True) == first_of(file_of(site, bundle)))


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
    with Visitor(site, context) as visitor:
        try:
            answer = generation_for(visitor)
        except OSError as error:
            raise Failure("probe", f"the certificate: {error}") from None
        if answer != f"generation {number}":
            raise Failure("probe", f"expected generation {number}, got {answer}")
        expect_refusals(visitor, bundle)


def is_closed(site: Site, bundle: Bundle) -> bool:
    """Whether a live site lets nobody in without signing in; also if it lets nobody in at all."""
    try:
        prove_closed(site, bundle)
    except Open:
        return False
    except Failure:
        pass
    return True


def prove_closed(site: Site, bundle: Bundle) -> None:
    """Checks that nobody gets into a live site without signing in. Raises `Open` if somebody does."""
    with Visitor(site) as visitor:
        expect_refusals(visitor, bundle)


def expect_refusals(visitor: Visitor, bundle: Bundle) -> None:
    for check in checks_of(visitor.site, bundle):
        still_alive()
        try:
            answer = visitor.ask(check.path, check.headers)
        except OSError as error:
            raise Failure("probe", f"{check.what}: {error}") from None
        if not check.passes(answer):
            refused = answer.status == 429 or answer.status >= 500 or check.is_refusal(answer)
            to = f" to {answer.location[:120]}" if answer.location else ""
            what = f"{check.what}: expected {check.wanted}, got {answer.status}{to}"
            raise Failure("probe", what) if refused else Open("probe", what)


class Check(NamedTuple):
    """A request without a session."""

    what: str
    path: str
    headers: dict[str, str]
    is_refusal: Callable[[Answer], bool]  # by any generation of the site
    wanted: str
    passes: Callable[[Answer], bool]


def checks_of(site: Site, bundle: Bundle) -> list[Check]:
    facts = bundle.facts("site.json")
    settings = bundle.text_of("oauth2-proxy.cfg")
    login = urllib.parse.urlsplit(str(tomllib.loads(settings).get("login_url", "")))
    path = facts.get("probePath", "/")
    callback = f"{facts.get('proxyPrefix', '/oauth2')}/callback"
    page = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    program = {"Accept": "application/json"}
    spoofed = {
        "Authorization": "Bearer spoofed",
        "X-Forwarded-User": "spoofed",
        **{f"X-Auth-Request-{name}": "spoofed" for name in ("User", "Email", "Preferred-Username", "Groups")},
    }

    def signs_in(answer: Answer) -> bool:
        to = urllib.parse.urlsplit(answer.location)
        return answer.status == 302 and (to.scheme, to.netloc, to.path) == (login.scheme, login.netloc, login.path)

    def is_ours(answer: Answer) -> bool:
        query = urllib.parse.urlsplit(answer.location).query
        return urllib.parse.parse_qs(query).get("client_id") == [site.client_id()]

    def begins(answer: Answer) -> bool:
        # After many probes, the site's own rate limit for sign-ins answers.
        return answer.status == 429 or (signs_in(answer) and is_ours(answer))

    # A browser gets no 401 from Nginx, so that would be the backend's.
    browser = "a browser that is not signed in"
    checks = [
        Check(browser, path, page, signs_in, "302 to the sign-in page with the site's client ID", begins),
        Check("a program that is not signed in", path, program, has(401), "401", has(401)),
        Check("a program with forged identity headers", path, program | spoofed, has(401), "401", has(401)),
        # As Entra reports a sign-in that it refuses: of an empty callback oauth2-proxy would count a failure (500).
        Check(
            callback,
            f"{callback}?error=probe",
            page,
            signs_in,
            "oauth2-proxy to refuse a callback without a sign-in (403)",
            has(400, 403, 429, 500),
        ),
    ]
    if facts.get("maintenance") is True:
        return [check._replace(wanted="503 (maintenance)", passes=has(503)) for check in checks]
    return checks


def has(*statuses: int) -> Callable[[Answer], bool]:
    return lambda answer: answer.status in statuses
