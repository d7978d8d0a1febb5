"""What all sites share in Nginx, adapted to this host's Nginx."""

from __future__ import annotations

import re
from pathlib import Path

from .inherited import without_duplicates
from .nginx_version import number_in
from .places import NGINX_HTTP2, NGINX_SHARED, OURS

# From this version on `http2` is a directive of its own, and in `listen` a warning.
HTTP2_BY_SERVER = (1, 25, 1)

# From this version on OpenSSL knows X25519MLKEM768; older ones refuse a list with it. The slash has the server ask for it
# where a client could, and has sent a share of another group.
POST_QUANTUM = (3, 5)


def shared_texts(rendered: str, nginx: str, openssl: tuple[int, ...]) -> dict[Path, str]:
    """The files that all sites share, for the text of the setup, this Nginx's version string and its OpenSSL."""
    text = without_duplicates(rendered)
    says = "# HTTP/2 is on for all sites by the default server's listen."
    if number_in(nginx) >= HTTP2_BY_SERVER:
        text = re.sub(r"^(\s*listen .*\bssl) http2\b", r"\1", text, flags=re.MULTILINE)
        says = "http2 on;"
    if openssl >= POST_QUANTUM:
        text = re.sub(r"^(\s*ssl_ecdh_curve )X25519:", r"\1X25519MLKEM768/X25519:", text, flags=re.MULTILINE)
    head = f"# {OURS} (components/host/protected_sites); edits here are lost.\n"
    return {NGINX_HTTP2: f"{head}{says}\n", NGINX_SHARED: text}
