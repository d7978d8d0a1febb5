"""The sessions of a site whose session store is a Redis: whether it can store them, and deleting them with the site."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import socket
import sys
import time
import tomllib
import urllib.parse
from collections.abc import Generator
from typing import Any, NamedTuple

from .bundle import Bundle
from .failure import Failure
from .files import read_text
from .host import host_name
from .sites import Site
from .standard_input import read_input
from .trust import trusting

PATIENCE = 10  # seconds for each reply of the Redis
TIME = 60  # seconds for all of them


class Redis(NamedTuple):
    """A Redis, and how to log in to it."""

    host: str
    port: int
    database: int
    tls: bool
    username: str | None
    password: str | None

    def __str__(self) -> str:
        return f"the Redis at {self.host}:{self.port}, database {self.database}"

    @contextlib.contextmanager
    def opened(self) -> Generator[io.BufferedRWPair]:
        with (
            socket.create_connection((self.host, self.port), timeout=PATIENCE) as plain,
            trusting().wrap_socket(plain, server_hostname=self.host) if self.tls else plain as connection,
            connection.makefile("rwb") as redis,
        ):
            if self.password is not None:
                ask(redis, "AUTH", *([] if self.username is None else [self.username]), self.password)
            # For database 0 oauth2-proxy sends no SELECT either, so its user need not be allowed to.
            if self.database != 0:
                ask(redis, "SELECT", str(self.database))
            yield redis

    def redacted(self, error: Exception) -> str:
        return f"{error}".replace(self.password, "[secret]") if self.password else f"{error}"


def store_of(site: Site, bundle: Bundle) -> tuple[Redis, str] | None:
    """A bundle's Redis and the prefix of its keys; None if its sessions are stored elsewhere."""
    settings = tomllib.loads(bundle.text_of("oauth2-proxy.cfg"))
    if settings.get("session_store_type") != "redis":
        return None
    url = urllib.parse.urlsplit(str(settings["redis_connection_url"]))
    password = site.environment().get("OAUTH2_PROXY_REDIS_PASSWORD")
    where = (url.hostname or "", url.port or 6379, int(url.path.strip("/") or 0), url.scheme == "rediss")
    return Redis(*where, settings.get("redis_username"), password), str(settings["cookie_name"])


def check_store(site: Site, bundle: Bundle) -> None:
    """Runs all commands that oauth2-proxy needs on a site's Redis. With fewer permissions people can sign in, but each
    session ends at its first renewal."""
    store = store_of(site, bundle)
    if store is None:
        return
    redis, cookie = store
    key = f"{cookie}-healthcheck-{os.urandom(16).hex()}"
    lock, soon = f"{key}.lock", "60000"
    commands = [
        ("PING",),
        ("SET", key, "x", "PX", soon),
        ("GET", key),
        # What a renewal is locked with: https://github.com/bsm/redislock, v0.10.0, whose scripts run these.
        ("EVALSHA", "0" * 40, "1", lock),
        ("EVAL", "return 1", "1", lock),
        ("MSETNX", lock, "x"),
        ("PEXPIRE", lock, soon),
        ("GETRANGE", lock, "0", "0"),
        ("MGET", lock),
        ("DEL", lock),
        ("DEL", key),
    ]
    missing: list[str] = []
    refused: list[str] = []
    try:
        with redis.opened() as connection:
            for command in commands:
                try:
                    ask(connection, *command)
                except Failure as failure:
                    if failure.what.startswith("NOPERM"):
                        missing += [command[0]] if command[0] not in missing else []
                    # The script does not exist; that Redis looks for it is enough.
                    elif not failure.what.startswith("NOSCRIPT"):
                        refused.append(f"{command[0]}: {failure.what}")
    except (OSError, ValueError, Failure) as error:
        raise Failure("session store", f"{redis}: {redis.redacted(error)[:200]}") from None
    if missing:
        user = redis.username or "default"
        rights = f"+{' +'.join(word.lower() for word in missing)}"
        raise Failure(
            "session store",
            f"{redis}: user {user} lacks permission for {', '.join(missing)} on {cookie}-*, so sessions would end when "
            f"they are renewed; run `ACL SETUSER {user} {rights}`, on those keys",
        )
    if refused:
        raise Failure("session store", f"{redis}: {refused[0][:200]}")


def forget_sessions() -> int:
    """Deletes a site's sessions from its Redis (JSON on standard input). A Redis that refuses is reported, but is not an
    error: without the site nobody uses them, and Redis drops them when they expire."""
    try:
        given = json.loads(read_input())
        site, cookie = Site(given["domain"]), str(given["cookieName"])
        where = (str(given["host"]), int(given["port"]), int(given["database"]), given["tls"] is True)
        redis = Redis(*where, given.get("username"), given.get("password"))
    except (ValueError, KeyError, TypeError):
        raise Failure("input", "must be a JSON object with domain, cookieName, host, port, …") from None
    if not re.fullmatch(r"(__Host-)?_oauth2_proxy(_\w+)?", cookie, re.A):
        raise Failure("input", f"cookieName must be that of a site with sessions in a Redis, got {cookie[:80]!r}")
    about = f"{site.domain} on {host_name()}"
    # A site that was renamed in the configuration has the same domain, and is still there.
    if tomllib.loads(read_text(site.configuration) or "").get("cookie_name") == cookie:
        print(f"{about}: sessions kept, the site is live here")
        return 0
    try:
        with redis.opened() as connection:
            count = forget_keys(connection, f"{cookie}-*")
    except (OSError, ValueError, Failure) as error:
        left = f"its sessions are still in {redis} (keys {cookie}-*), until they expire (cookieExpire)"
        print(f"{about}: {left}: {redis.redacted(error)[:200]}", file=sys.stderr)
        return 0
    print(f"{about}: sessions deleted from {redis} (keys: {count})")
    return 0


def forget_keys(redis: io.BufferedRWPair, pattern: str) -> int:
    """Deletes keys in batches, so that the Redis stays responsive. Returns how many."""
    count, cursor, deadline = 0, "0", time.monotonic() + TIME
    while True:
        cursor, keys = ask(redis, "SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
        if keys:
            count += int(ask(redis, "DEL", *keys))
        if cursor == "0":
            return count
        if time.monotonic() > deadline:
            raise Failure("Redis", f"not finished after {TIME} s; {count} keys deleted")


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
        return None if text == "-1" else redis.read(int(text) + 2)[:-2].decode(errors="replace")
    if kind == b"*":
        return [reply(redis) for _ in range(int(text))]
    raise Failure("Redis", text if kind == b"-" else f"not a Redis reply: {line[:40]!r}")
