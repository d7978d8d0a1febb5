"""What the host's own Nginx files set in `http {}`, and what of that the sites inherit although their own files
override what they can (inherited.conf)."""

from __future__ import annotations

import glob
import re
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from .files import read_text
from .places import NGINX_CONF, NGINX_SHARED, ROOT

# What some version of Nginx from 1.22 to 1.30 inherits and a site's file cannot override: other versions do not know the
# directive, or it cannot be turned off.
NOT_FOR_HTTP = {
    "add_header_inherit": "the sites' own headers would be missing",
    "add_trailer": "every response would lose its Content-Length",
    "max_headers": "requests with more headers would be rejected",
    "post_action": "each request would trigger another one to the sites",
    "proxy_set_body": "backends would get a different body from the one that was sent",
    "ssl": "the sites' port 80 would speak TLS",
}


class Said(NamedTuple):
    """A directive of `http {}`."""

    file: Path
    line: int
    name: str
    first: str

    @property
    def place(self) -> str:
        return f"{self.file} line {self.line}"


def said_in_http(file: Path = NGINX_CONF, context: str = "") -> Generator[Said]:
    """What Nginx's files set in `http {}` itself, except ours; read from disk, since Nginx may reject them."""
    for line, name, first, within in directives(read_text(file) or "", context):
        if within == "http":
            yield Said(file, line, name, first)
        if name == "include":
            for included in map(Path, sorted(glob.glob(str(NGINX_CONF.parent / first)))):
                if included != NGINX_SHARED and not included.resolve().is_relative_to(ROOT):
                    yield from said_in_http(included, within)


def folders_read() -> set[Path]:
    """The folders from which Nginx's files include files into `http {}`."""
    return {(NGINX_CONF.parent / said.first).parent for said in said_in_http() if said.name == "include"}


def reaching_in() -> list[str]:
    """What the sites would inherit, each with its file, its line and its effect."""
    return [
        f"{said.place}: {said.name} in http {{}} is inherited by every site: {NOT_FOR_HTTP[said.name]}"
        for said in said_in_http()
        if said.name in NOT_FOR_HTTP
    ]


def without_duplicates(shared: str) -> str:
    """What all sites share, without the hash sizes that the host's own files set: Nginx accepts each once."""
    said = {said.name: said.file for said in said_in_http()}

    def line_of(size: re.Match[str]) -> str:
        return f"# {size[0]} (set in {said[size[1]]})" if size[1] in said else size[0]

    return re.sub(r"^(\w+_hash_(?:bucket|max)_size) .*;$", line_of, shared, flags=re.MULTILINE)


def directives(text: str, context: str) -> Generator[tuple[int, str, str, str]]:
    """Each with its line, its name, its first argument, and the enclosing blocks, such as "http server"."""
    around = context.split()
    words: list[str] = []
    line = 0
    token = r"""\s+|#.*|"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|[;{}]|(?:[^\s;{}\\$]|\\[\s\S]|\$\{?)+"""
    for match in re.finditer(token, text):
        word = match[0]
        if word.isspace() or word[0] == "#":
            continue
        if word not in {";", "{", "}"}:
            line = line if words else text.count("\n", 0, match.start()) + 1
            words.append(word.strip("\"'"))
            continue
        if word != "}" and words:
            yield line, words[0], words[1] if len(words) > 1 else "", " ".join(around)
        if word == "{":
            around.append(words[0] if words else "")
        elif word == "}" and around:
            around.pop()
        words = []
