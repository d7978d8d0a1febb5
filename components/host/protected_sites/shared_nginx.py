"""What all sites share in Nginx, as the Nginx of this host takes it."""

from __future__ import annotations

import re
from pathlib import Path

from .inherited import without_duplicates
from .nginx_version import number_in
from .places import NGINX_HTTP2, NGINX_SHARED, OURS

# From this version on `http2` is a directive of each server, and a warning where it stands in `listen`.
HTTP2_BY_SERVER = (1, 25, 1)


def shared_texts(rendered: str, nginx: str) -> dict[Path, str]:
    """The files by which the sites share something, for the text that was set up and what this Nginx calls itself."""
    text = without_duplicates(rendered)
    says = "# Sites have it from the default server's listen."
    if number_in(nginx) >= HTTP2_BY_SERVER:
        text = re.sub(r"^(\s*listen .*\bssl) http2\b", r"\1", text, flags=re.MULTILINE)
        says = "http2 on;"
    head = f"# {OURS} (components/host/protected_sites); edits here are lost.\n"
    return {NGINX_HTTP2: f"{head}{says}\n", NGINX_SHARED: text}
