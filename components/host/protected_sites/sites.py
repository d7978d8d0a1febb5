"""Where a site's files are on this host."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from .bundle import Bundle
from .failure import Failure
from .files import read_text, refuse_link
from .places import AUTH_CACHE_PREFIX, CREDENTIALS, NGINX_SITES, OAUTH2_PROXY_FILES, PROMETHEUS, SITES, UNITS


class Site:
    """Where everything of a site is on this host."""

    def __init__(self, domain: str) -> None:
        label = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
        if not re.fullmatch(rf"{label}(\.{label})+", domain) or len(domain) > 253:
            raise Failure("input", f"expected a domain in lower case, got {domain[:80]!r}")
        self.domain = domain
        self.folder = SITES / domain
        self.generations = self.folder / "generations"
        self.current = self.folder / "current"
        self.previous = self.folder / "previous"  # where `current` pointed before the running commit
        self.credentials = CREDENTIALS / domain
        self.auth_cache = Path("/run", f"{AUTH_CACHE_PREFIX}{domain}")
        self.service = f"oauth2-proxy_{domain}.service"
        self.socket = f"oauth2-proxy_{domain}.socket"
        self.nginx_link = NGINX_SITES / f"{domain}.conf"
        self.configuration = OAUTH2_PROXY_FILES / f"oauth2-proxy_{domain}.cfg"
        # All paths outside of its own folders that a site may use.
        self.places = (
            *(self.nginx_link, self.configuration, UNITS / self.socket, UNITS / self.service),
            PROMETHEUS / f"{domain}.json",
        )
        self.start_link = UNITS / "sockets.target.wants" / self.socket  # has systemd open the socket at boot

    def live(self) -> int | None:
        """The live generation's number."""
        try:
            return int(os.readlink(self.current).removeprefix("generations/"))
        except (FileNotFoundError, ValueError):
            return None

    def numbers(self) -> list[int]:
        if not self.generations.is_dir():
            return []
        return sorted(int(entry.name) for entry in self.generations.iterdir() if entry.name.isdigit())

    def generation(self, number: int) -> Path:
        return self.generations / str(number)

    def bundle(self, number: int) -> Bundle:
        """The bundle of a generation; without files if it is missing or damaged."""
        try:
            return Bundle.parse((self.generation(number) / "bundle").read_text())
        except (OSError, ValueError, Failure):
            return Bundle("", ())

    def origin(self, number: int) -> dict[str, Any]:
        """Where a generation comes from: `when`, `by`, the operator's facts, and `rollbackTo` if it is a rollback."""
        try:
            return json.loads(read_text(self.generation(number) / "origin.json") or "{}")
        except ValueError:
            return {}

    def links(self, bundle: Bundle) -> dict[Path, str]:
        """The links of a bundle, each with what it points to."""
        links = {file.place: str(self.current / file.name) for file in bundle.files if file.place}
        return links | {self.start_link: f"../{self.socket}"}

    def links_here(self) -> list[Path]:
        """Its links outside of its own folders that exist on this host."""
        ours = (f"{self.current}/", f"../{self.socket}")
        return [link for link in (*self.places, self.start_link) if link.is_symlink() and os.readlink(link).startswith(ours)]

    def is_here(self) -> bool:
        """Whether anything of it except its credentials is on this host, live or not."""
        return self.folder.exists() or bool(self.links_here())

    def check_places(self, bundle: Bundle) -> None:
        """Raises a Failure for a bundle that would use a path that is not the site's, or is taken by something else."""
        for folder in (self.folder, self.generations):
            refuse_link(folder)
        for file in bundle.files:
            if file.place is None:
                continue
            if file.place not in self.places:
                raise Failure("places", f"{file.name} must not be installed at {file.place}, which is not a path of {self.domain}")
            if file.place.parent == UNITS and file.place.name != file.name:
                raise Failure("places", f"the unit at {file.place} must have the same name in the bundle, got {file.name}")
        for link, target in self.links(bundle).items():
            if os.path.lexists(link) and not (link.is_symlink() and os.readlink(link) == target):
                raise Failure("places", f"{link} already exists and is not managed by Protected Sites; move it away")

    def changed(self, bundle: Bundle) -> list[str]:
        """The names of the files that differ from the live ones on disk."""
        live = self.live()
        before = {file.name for file in self.bundle(live).files} if live is not None else set[str]()
        differing = [file.name for file in bundle.files if read_text(self.current / file.name) != file.text]
        return sorted({*differing, *(before - {file.name for file in bundle.files})})

    def environment(self) -> dict[str, str]:
        """The instance's environment from its credentials: the client ID, and the password of a session store."""
        text = read_text(self.credentials / "current" / "client.env")
        if text is None:
            raise Failure("credentials", "this host has no credentials for the site yet; push them first")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def client_id(self) -> str:
        return self.environment()["OAUTH2_PROXY_CLIENT_ID"]

    def redacted(self, text: str) -> str:
        """A program's output without the site's secrets, should it ever contain one."""
        files = [*self.credentials.glob("*/client-secret"), *self.credentials.glob("*/cookie-secret")]
        texts = [read_text(file) or "" for file in files]
        for file in self.credentials.glob("*/client.env"):
            lines = (read_text(file) or "").splitlines()
            texts += [line.partition("=")[2] for line in lines if not line.startswith("OAUTH2_PROXY_CLIENT_ID=")]
        for secret in sorted({text for text in texts if len(text) >= 8}, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return text

    def live_text(self) -> str:
        live = self.live()
        return "not on this host" if live is None else f"generation {live}"


def all_sites() -> list[Site]:
    return [Site(entry.name) for entry in sorted(SITES.iterdir())] if SITES.is_dir() else []
