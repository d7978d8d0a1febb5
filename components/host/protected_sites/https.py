"""HTTPS to servers elsewhere."""

from __future__ import annotations

import urllib.request

from .trust import trusting


def opener(proxy: str | None, *handlers: type[urllib.request.BaseHandler]) -> urllib.request.OpenerDirector:
    """Opens URLs, through a proxy if there is one. Ignores the caller's environment: sudo may pass on its proxy
    variables."""
    to_proxy = urllib.request.ProxyHandler({"https": proxy} if proxy else {})
    return urllib.request.build_opener(to_proxy, urllib.request.HTTPSHandler(context=trusting()), *handlers)
