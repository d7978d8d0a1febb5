"""Requests by HTTP/1.1. http.client would do, but importing it takes as long as all else that a push imports."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import NamedTuple

LARGEST = 65536


class Answer(NamedTuple):
    status: int
    fields: Mapping[str, str]  # by their names in lower case
    body: str
    is_whole: bool  # else it ends with the connection

    @property
    def location(self) -> str:
        return self.fields.get("location", "")

    @property
    def is_last(self) -> bool:
        """Whether the connection takes no further request."""
        return not self.is_whole or self.fields.get("connection", "").lower() == "close"


def connected_here(port: int, timeout: int) -> socket.socket:
    """A connection to a program of this host. socket.create_connection would look the address up as a name, for which
    Python imports its tables of international ones."""
    connection = socket.socket()
    try:
        connection.settimeout(timeout)
        connection.connect(("127.0.0.1", port))
    except BaseException:
        connection.close()
        raise
    return connection


def get(connection: socket.socket, host: str, path: str, headers: Mapping[str, str]) -> Answer:
    """Requests a path on a connection. Raises an OSError if that fails, also for a response that is not HTTP/1."""
    return exchange(connection, "GET", path, {"Host": host, **headers})


def post(connection: socket.socket, host: str, path: str, form: str) -> Answer:
    """Sends a form, as `get` requests a path; the server closes the connection afterwards."""
    fields = {"Host": host, "Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(form))}
    return exchange(connection, "POST", path, {**fields, "Connection": "close"}, form)


def exchange(connection: socket.socket, method: str, path: str, fields: Mapping[str, str], body: str = "") -> Answer:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", body]
    connection.sendall("\r\n".join(lines).encode("ascii"))
    received = b""
    while len(received) < LARGEST and (more := connection.recv(LARGEST)):
        received += more
        if "Connection" not in fields and b"\r\n\r\n" in received and parsed(received).is_whole:
            break  # the server keeps the connection open
    return parsed(received)


def open_tunnel(connection: socket.socket, to: str) -> None:
    """Has a forward proxy connect to a host and port; what follows on the connection is theirs."""
    connection.sendall(f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n".encode("ascii"))
    received = b""
    # Byte by byte: what comes after the head is not for this.
    while not received.endswith(b"\r\n\r\n") and len(received) < LARGEST and (more := connection.recv(1)):
        received += more
    if (status := parsed(received).status) != 200:
        raise ConnectionError(f"the outbound proxy refuses to connect to {to}: {status}")


def parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    status = re.match(r"HTTP/1\.[01] (\d{3})\b", first)
    if status is None:
        raise ConnectionError(f"expected an HTTP response, got {first[:80]!r}" if head else "closed without a response")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = fields.get("content-length", "")
    if fields.get("transfer-encoding", "").lower() == "chunked":
        body, is_whole = joined(body)
    elif length.isdecimal():
        is_whole = len(body) >= int(length)
    else:
        is_whole = status[1] in {"204", "304"}
    return Answer(int(status[1]), fields, body.decode("utf-8", "replace"), is_whole)


def joined(chunks: bytes) -> tuple[bytes, bool]:
    """A body that was sent in chunks, or what came of it, and whether that is all."""
    body = b""
    while size := re.match(rb"([0-9a-fA-F]+)[^\r\n]*\r\n", chunks):
        length = int(size[1], 16)
        body += chunks[size.end() : size.end() + length]
        chunks = chunks[size.end() + length :]
        if length == 0:
            return body, chunks == b"\r\n"
        chunks = chunks[2:]
    return body, False
