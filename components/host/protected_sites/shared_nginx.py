"""What all sites share in Nginx, as the Nginx of this host takes it."""

from __future__ import annotations

import re
from pathlib import Path

from .files import read_text
from .inherited import without_duplicates
from .nginx_version import nginx_number
from .places import NGINX_HTTP2, NGINX_SHARED, OURS

# From this version on `http2` is a directive of each server, and a warning where it stands in `listen`.
HTTP2_BY_SERVER = (1, 25, 1)


def shared_texts(rendered: str) -> dict[Path, str]:
    """The files by which the sites share something, for the text that was set up."""
    text = without_duplicates(rendered)
    says = "# Sites have it from the default server's listen."
    if nginx_number() >= HTTP2_BY_SERVER:
        text = re.sub(r"^(\s*listen .*\bssl) http2\b", r"\1", text, flags=re.MULTILINE)
        says = "http2 on;"
    head = f"# {OURS} (components/host/protected_sites); edits here are lost.\n"
    return {NGINX_HTTP2: f"{head}{says}\n", NGINX_SHARED: text}


def shared_drift(rendered: str) -> list[str]:
    """Which of them are not as they were set up, or for another Nginx."""
    return [f"{place} differs" for place, text in shared_texts(rendered).items() if read_text(place) != text]
