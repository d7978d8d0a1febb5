"""A bundle: several files as one text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple, cast

from .failure import Failure


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
        before, *sections = text.split("\n==> ")
        first, *_ = before.partition("\n")
        if first != "protected-sites bundle 1":
            raise Failure("input", f'first line: expected "protected-sites bundle 1", got {first[:80]!r}')
        if sections[-1:] != ["end\n"]:
            raise Failure("input", 'truncated: the last line must be "==> end"')
        if before != first:
            raise Failure("input", "the second line must name a file")
        files: dict[str, File] = {}
        for section in sections[:-1]:
            head, _, content = f"{section}\n".partition("\n")
            header = re.fullmatch(r"([A-Za-z0-9_][A-Za-z0-9._@-]*)(?: -> (/[A-Za-z0-9._@/-]+))?", head)
            if header is None or header[1] in {"bundle", "generation.conf"}:
                raise Failure("input", f"invalid file name: {head[:200]!r}")
            if header[1] in files:
                raise Failure("input", f"duplicate file {header[1]}")
            files[header[1]] = File(header[1], content, Path(header[2]) if header[2] else None)
        return Bundle(text, tuple(files.values()))

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
