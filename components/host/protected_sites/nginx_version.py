"""The host's Nginx version."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

from .commands import run, run_quietly, succeeds
from .failure import Failure


class Advisory(NamedTuple):
    """A vulnerability, or several with the same fix, in what sites use."""

    name: str
    sources: str
    # The first safe release of each supported branch of Nginx.
    fixed: tuple[tuple[int, int, int], ...]
    # Distributions backport fixes to older versions: the first safe revision, by the prefix of a release's versions.
    backports: Mapping[str, str]


# The newest first: its safe version has the fixes of all.
ADVISORIES = (
    Advisory(
        # Sites speak HTTP/2 and TLS 1.3. The release also fixes CVE-2026-93479, another one about maps.
        "CVE-2026-123007, CVE-2026-123633, CVE-2026-118899",
        "https://nginx.org/en/security_advisories.html https://security-tracker.debian.org/tracker/CVE-2026-123007",
        fixed=((1, 30, 7), (1, 31, 9)),
        backports={
            "1.22.1-9": "1.22.1-9+deb12u11",  # Debian 12
            "1.26.3-3": "1.26.3-3+deb13u11",  # Debian 13
        },
    ),
    Advisory(
        # Sites use maps with regular expressions.
        "CVE-2026-42533",
        "https://nginx.org/en/security_advisories.html https://security-tracker.debian.org/tracker/CVE-2026-42533",
        fixed=((1, 30, 4), (1, 31, 3)),
        # What is known about these, and what is not: docs/hosts.md.
        backports={
            "1.22.1-9": "1.22.1-9+deb12u11",  # Debian 12
            "1.26.3-3": "1.26.3-3+deb13u8",  # Debian 13
            "1.24.0-2ubuntu7": "1.24.0-2ubuntu7.16",  # Ubuntu 24.04
            "1.28.3-2ubuntu1": "1.28.3-2ubuntu1.9",  # Ubuntu 26.04
        },
    ),
)


def check_nginx_version(allow_vulnerable: bool) -> None:
    """Raises a Failure for an Nginx that is known to be vulnerable: by its distribution's revision, if that is known."""
    if not allow_vulnerable and (known := vulnerability()):
        raise Failure("nginx version", known)


@functools.cache
def vulnerability() -> str | None:
    """What is known about the installed Nginx, asked once for all sites of a group."""
    version = run_quietly("dpkg-query", "--showformat=${Version}", "--show", "nginx").strip()
    version = version or run("nginx version", "nginx", "-v").strip().rpartition("/")[2]
    for advisory in ADVISORIES:
        if safe := first_safe(advisory, version):
            return f"{version} is known to be vulnerable ({advisory.name}); {safe} or newer is required"
    return None


def nginx_says() -> str:
    """The installed Nginx's own version string, such as "nginx/1.26.3"; empty if there is none."""
    return run_quietly("nginx", "-v").strip().removeprefix("nginx version: ")


def openssl_number() -> tuple[int, ...]:
    """(3, 5, 9) of the OpenSSL that the Nginx that is installed runs with; () where it does not say."""
    said = re.findall(r"(?:built|running) with OpenSSL (\d+(?:\.\d+)+)", run_quietly("nginx", "-V"))
    return tuple(map(int, said[-1].split("."))) if said else ()


def number_in(said: str) -> tuple[int, ...]:
    """(1, 26, 3) for "nginx/1.26.3"; () for an empty string."""
    number = re.search(r"/(\d+(?:\.\d+)+)", said)
    return tuple(map(int, number[1].split("."))) if number else ()


def first_safe(advisory: Advisory, version: str) -> str:
    """The first safe version; empty if this one is safe, or of a distribution whose revisions are not known here."""
    for release, safe in advisory.backports.items():
        if re.match(rf"{re.escape(release)}(?!\d)", version):
            return "" if succeeds("dpkg", "--compare-versions", version, "ge", safe) else safe
    upstream, _, revision = version.partition("-")
    number = tuple(int(part) for part in re.findall(r"\d+", upstream)[:3])
    safe = max((fixed for fixed in advisory.fixed if fixed[:2] <= number[:2]), default=advisory.fixed[0])
    # Packages of nginx.org are plain releases; their revisions end with "~" and the distribution's name.
    if number >= safe or (revision and "~" not in revision):
        return ""
    return ".".join(map(str, safe))
