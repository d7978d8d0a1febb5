"""Outbound connections: direct, or through the environment's proxy."""

from __future__ import annotations

import json
from typing import Any

from .files import read_text
from .places import HOST


def outbound_proxy() -> str | None:
    """The proxy that this host was set up with."""
    proxy = json.loads(read_text(HOST) or "{}").get("outboundProxy")
    return proxy if isinstance(proxy, str) else None


def proxy_environment(proxy: Any) -> dict[str, str]:
    return {"HTTPS_PROXY": str(proxy)} if proxy else {}
