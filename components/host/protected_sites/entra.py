"""Proving to a host that a client secret works: with Entra itself."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import urllib.parse
from typing import Any

from .failure import Failure
from .http_request import Answer, open_tunnel, post
from .outbound import outbound_proxy
from .trust import encrypted

PATIENCE = 120  # seconds to wait until Entra accepts a client secret
TIMEOUT = 15  # seconds to wait for the network each time


def prove(endpoint: str, client_id: str, secret: str, times: int) -> None:
    """Requests a token with the secret until that has worked `times` times in a row. A new secret takes seconds,
    sometimes minutes, to reach all of Entra; until then only waiting tells it apart from a wrong one."""
    to = urllib.parse.urlsplit(endpoint)
    if to.scheme != "https" or not to.hostname:
        raise Failure("sign-in to Entra", f"tokenEndpoint must be an https URL, got {endpoint[:100]!r}")
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
        "scope": "https://graph.microsoft.com/.default",
    }
    proxy = outbound_proxy()
    deadline = time.monotonic() + PATIENCE
    pause, in_a_row = 0.5, 0
    while True:
        try:
            answer = ask(to, urllib.parse.urlencode(form), proxy)
            if 200 <= answer.status < 300:
                in_a_row += 1
                if in_a_row >= times:
                    return
                time.sleep(0.3)
                continue
            said, codes = error_in(answer)
            # Not known yet: a secret, an application, its service principal; or Entra is throttling or down.
            worth_waiting = codes & {7000215, 7000222, 700016, 7000229} or answer.status == 429 or answer.status >= 500
            pause = max(pause, min(30.0, retry_after(answer))) if worth_waiting else pause
        except OSError as error:
            said, worth_waiting = f"{to.netloc}: {error}", True
        in_a_row = 0
        said = said.replace(secret, "[secret]")
        if not worth_waiting:
            raise Failure("sign-in to Entra", said)
        if time.monotonic() + pause > deadline:
            raise Failure("sign-in to Entra", f"{said} (tried for {PATIENCE} s)")
        time.sleep(pause)
        pause = min(pause * 1.5, 10)


def ask(to: urllib.parse.SplitResult, form: str, proxy: str | None) -> Answer:
    """Sends a form to a URL, through a proxy if there is one."""
    name, port = to.hostname or "", to.port or 443
    with encrypted(lambda: connected(name, port, proxy), name) as connection:
        return post(connection, to.netloc, to.path or "/", form)


def connected(name: str, port: int, proxy: str | None) -> socket.socket:
    if proxy is None:
        return socket.create_connection((name, port), timeout=TIMEOUT)
    through = urllib.parse.urlsplit(proxy)
    connection = socket.create_connection((through.hostname or "", through.port or 80), timeout=TIMEOUT)
    try:
        open_tunnel(connection, f"{name}:{port}")
    except BaseException:
        connection.close()
        raise
    return connection


def error_in(answer: Answer) -> tuple[str, set[Any]]:
    """What Entra says is wrong, and its codes for that."""
    said, codes = f"HTTP {answer.status}", set[Any]()
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        error = json.loads(answer.body)
        codes = set(error.get("error_codes", []))
        said = str(error.get("error_description", error.get("error"))).splitlines()[0][:200]
    return said, codes


def retry_after(answer: Answer) -> float:
    """Seconds to wait, as the server wants it: 0 where it does not say, or says it as a date."""
    with contextlib.suppress(ValueError):
        return float(answer.fields.get("retry-after", "0"))
    return 0
