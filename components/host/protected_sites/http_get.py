"""One request by HTTP/1.1. http.client would do, but importing it takes as long as all else that a probe imports."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import NamedTuple

LARGEST = 65536


class Answer(NamedTuple):
    status: int
    location: str
    body: str  # as it was sent: in chunks if the server does not know its length


def get(connection: socket.socket, host: str, path: str, headers: Mapping[str, str]) -> Answer:
    """Requests a path on a connection, which the server closes afterwards. Raises an OSError if that fails, also for a
    response that is not HTTP/1."""
    fields = {"Host": host, "Connection": "close", **headers}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), ""]
    connection.sendall("".join(f"{line}\r\n" for line in lines).encode("ascii"))
    received = b""
    while len(received) < LARGEST and (more := connection.recv(LARGEST)):
        received += more
    head, _, body = received.decode("utf-8", "replace").partition("\r\n\r\n")
    status = re.match(r"HTTP/1\.[01] (\d{3})\b", head)
    if status is None:
        raise ConnectionError(f"expected an HTTP response, got {head[:80]!r}" if head else "closed without a response")
    location = re.search(r"^location:[ \t]*(.*?)[ \t]*\r?$", head, re.IGNORECASE | re.MULTILINE)
    return Answer(int(status[1]), location[1] if location else "", body)
