"""People's sessions of a site that keeps them in a Redis: they go when the site goes."""

from __future__ import annotations

import io
import json
import re
import socket
import ssl
import sys
import time
import tomllib
from typing import Any

from .bundle import read_input
from .failure import Failure
from .files import read_text
from .host import host_name
from .sites import Site

PATIENCE = 10  # seconds for each answer of the Redis
TIME = 60  # seconds for all of them


def forget_sessions() -> int:
    """Takes a site's sessions out of its Redis (JSON on standard input). A Redis that does not let them go is named, and
    is no failure: without the site nobody asks for them, and Redis drops them when they end."""
    try:
        given = json.loads(read_input())
        site, cookie = Site(given["domain"]), str(given["cookieName"])
        host, port, database = str(given["host"]), int(given["port"]), str(int(given["database"]))
        tls, username, password = given["tls"] is True, given.get("username"), given.get("password")
    except (ValueError, KeyError, TypeError):
        raise Failure("input", "it must be a JSON object with domain, cookieName, host, port, …") from None
    if not re.fullmatch(r"(__Host-)?_oauth2_proxy(_\w+)?", cookie, re.A):
        raise Failure("input", f"cookieName must be that of a site with sessions in a Redis, got {cookie[:80]!r}")
    about = f"{site.domain} on {host_name()}"
    # A site that has got another name in the configuration has the same domain, and is still there.
    if tomllib.loads(read_text(site.configuration) or "").get("cookie_name") == cookie:
        print(f"{about}: sessions kept, the site is live here")
        return 0
    where = f"the Redis at {host}:{port}, database {database}"
    try:
        with (
            socket.create_connection((host, port), timeout=PATIENCE) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) if tls else plain as connection,
            connection.makefile("rwb") as redis,
        ):
            if password is not None:
                ask(redis, "AUTH", *([] if username is None else [username]), password)
            ask(redis, "SELECT", database)
            count = forget_keys(redis, f"{cookie}-*")
    except (OSError, ValueError, Failure) as error:
        said = f"{error}".replace(password, "[secret]") if password else f"{error}"
        left = f"its sessions are still in {where} (keys {cookie}-*), each until cookieExpire is over"
        print(f"{about}: {left}: {said[:200]}", file=sys.stderr)
        return 0
    print(f"{about}: sessions taken out of {where} (keys: {count})")
    return 0


def forget_keys(redis: io.BufferedRWPair, pattern: str) -> int:
    """Deletes keys some at a time, so that nobody else has to wait for the Redis. Returns how many."""
    count, cursor, deadline = 0, "0", time.monotonic() + TIME
    while True:
        cursor, keys = ask(redis, "SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
        if keys:
            count += int(ask(redis, "DEL", *keys))
        if cursor == "0":
            return count
        if time.monotonic() > deadline:
            raise Failure("Redis", f"not done after {TIME} s; {count} keys are gone")


def ask(redis: io.BufferedRWPair, *words: str) -> Any:
    """A command's reply, https://redis.io/docs/latest/develop/reference/protocol-spec/"""
    command = [word.encode() for word in words]
    redis.write(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in command))
    redis.flush()
    return reply(redis)


def reply(redis: io.BufferedRWPair) -> Any:
    line = redis.readline(65536)
    kind, text = line[:1], line[1:].decode(errors="replace").removesuffix("\r\n")
    if kind in {b"+", b":"}:
        return text
    if kind == b"$":
        return redis.read(int(text) + 2)[:-2].decode()
    if kind == b"*":
        return [reply(redis) for _ in range(int(text))]
    raise Failure("Redis", text if kind == b"-" else f"no answer of a Redis: {line[:40]!r}")
