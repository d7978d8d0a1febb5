"""The bundle on standard input."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple, cast

from .failure import Failure

LARGEST_INPUT = 1 << 20


class File(NamedTuple):
    name: str
    text: str
    place: Path | None


class Bundle(NamedTuple):
    """Several files as one text; see components/host/bundle.ts."""

    text: str
    files: tuple[File, ...]

    @staticmethod
    def parse(text: str) -> Bundle:
        lines = text.split("\n")
        if lines[0] != "protected-sites bundle 1":
            raise Failure("input", f'first line: expected "protected-sites bundle 1", got {lines[0][:80]!r}')
        if lines[-2:] != ["==> end", ""]:
            raise Failure("input", 'truncated: the last line must be "==> end"')
        files: list[File] = []
        content: list[str] = []

        def end_file() -> None:
            if files:
                files[-1] = File(files[-1].name, "".join(content), files[-1].place)
                content.clear()

        for line in lines[1:-2]:
            if line.startswith("==> "):
                end_file()
                header = re.fullmatch(r"==> ([A-Za-z0-9_][A-Za-z0-9._@-]*)(?: -> (/[A-Za-z0-9._@/-]+))?", line)
                if header is None or header[1] in {"bundle", "generation.conf"}:
                    raise Failure("input", f"invalid file name: {line[:200]!r}")
                if header[1] in {file.name for file in files}:
                    raise Failure("input", f"duplicate file {header[1]}")
                files.append(File(header[1], "", Path(header[2]) if header[2] else None))
            elif not files:
                raise Failure("input", "the second line must name a file")
            else:
                content.append(f"{line}\n")
        end_file()
        return Bundle(text, tuple(files))

    def text_of(self, name: str) -> str:
        """A file's text; empty if it is not there."""
        return next((file.text for file in self.files if file.name == name), "")

    def facts(self, name: str) -> dict[str, Any]:
        try:
            facts = json.loads(self.text_of(name))
        except ValueError:
            facts = None
        if not isinstance(facts, dict):
            raise Failure("input", f"must contain {name}, a JSON object")
        return cast(dict[str, Any], facts)

    def port(self) -> int:
        """The port of the site's instance."""
        port = self.facts("site.json").get("port")
        if not isinstance(port, int):
            raise Failure("input", f"site.json: port must be a number, got {port!r}")
        return port


def read_input() -> str:
    """Standard input, whole."""
    data = sys.stdin.buffer.read(LARGEST_INPUT + 1)
    if len(data) > LARGEST_INPUT:
        raise Failure("input", f"longer than {LARGEST_INPUT} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Failure("input", f"not UTF-8: {error}") from None
