"""The queue of requests, and their results: the worker's side. That of the callers is submission.py."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any, NamedTuple

from .announcement import keep_mark, operator
from .bundle import Bundle
from .failure import Failure
from .files import replace_file
from .host import host_name
from .log import now, write_log
from .places import QUEUE, VERDICTS
from .sites import Site
from .submission import WELL, boot_id


class Request(NamedTuple):
    path: Path
    kind: str
    site: Site
    by: str
    values: dict[str, str]
    bundle: Bundle  # of a push

    @staticmethod
    def read(path: Path) -> Request | None:
        """Reads a queued request; deletes an invalid one and returns None."""
        values = dict[str, str]()
        try:
            head, _, text = path.read_bytes().decode().partition("\n\n")
            values = dict(line.split(" ", 1) for line in head.splitlines())
            kind = values["kind"]
            bundle = Bundle.parse(text) if kind == "push" else Bundle("", ())
            domain = str(bundle.facts("site.json").get("domain")) if kind == "push" else values["domain"]
            return Request(path, kind, Site(domain), values["by"], values, bundle)
        except (ValueError, KeyError, Failure, OSError) as error:
            with contextlib.suppress(OSError):
                if isinstance(error, Failure):
                    report(verdict_of(path), False, error.as_text(values["kind"]))
                path.unlink()
            return None

    @property
    def domain(self) -> str:
        return self.site.domain

    @property
    def verdict(self) -> Path:
        return verdict_of(self.path)

    @property
    def rollback_to(self) -> int | None:
        number = self.values.get("rollbackTo")
        return None if number is None else int(number)

    def keep_repair(self, *, first: bool) -> None:
        """Keeps the mark of the drift that a push has repaired. Without it the next run of the program repairs once more."""
        with contextlib.suppress(OSError):
            keep_mark(f"site-{self.domain}", self.values.get("repair"), first=first)

    def settle(self, ok: bool, headline: str, details: str = "", **logged: Any) -> None:
        """Reports the result: to the caller, and in the log."""
        text = self.site.redacted(f"{self.domain} on {host_name()}: {headline}")
        for line in self.site.redacted(details).splitlines() if details else ():
            text += f"\n  {line}"
        to = self.rollback_to
        entry = {
            "when": now(),
            "by": self.by,
            **operator(),
            "action": self.kind if to is None else "rollback",
            "site": self.domain,
            "generation": self.site.live(),
            "ok": ok,
            "verdict": text,
            **({} if to is None else {"rollbackTo": to}),
            **logged,
        }
        try:
            write_log(entry)
            report(self.verdict, ok, text)
        except OSError as error:  # a full disk must not keep the worker from finishing the request
            print(f"{text}\n(the result could not be written: {error})", file=sys.stderr)
        finally:
            self.path.unlink()

    def fail(self, failure: Failure) -> None:
        fate = "rolled back: failed" if failure.switched else "nothing changed: failed"
        lines = [failure.what, f"live now: {self.site.live_text()}"]
        if self.has_removed_something():
            # There is no way back: what is left is of no use without the rest.
            fate = "partly removed: failed"
            lines = [failure.what, f"live now: {left_of(self.site)}", "run the removal again to remove the rest"]
        self.settle(False, f"{fate} in step {failure.step!r}", "\n".join(lines), step=failure.step)

    def has_removed_something(self) -> bool:
        """Whether a failed removal had begun: what it removes first is gone."""
        if self.kind == "remove":
            return not self.site.nginx_link.is_symlink()
        return self.kind == "remove-credentials" and not (self.site.credentials / "current").is_symlink()


def verdict_of(path: Path) -> Path:
    """Where the result of a request is written."""
    return VERDICTS / path.stem


def report(verdict: Path, ok: bool, text: str) -> None:
    """Writes a result as submission.py reads it."""
    replace_file(verdict, f"{WELL if ok else 'failed'}\n{text}", 0o600)


def left_of(site: Site) -> str:
    """What is still served of a partly removed site."""
    from .nginx import answers_as

    answer = answers_as(site)
    served = f"Nginx still serves {answer}" if answer.startswith("generation ") else "Nginx does not serve it"
    return f"{served}; {'some' if site.is_here() else 'none'} of its files are left"


def take_requests(busy: Set[str] = frozenset(), kind: str | None = None) -> list[Request]:
    """The oldest queued request of each site that is not busy, marked as taken; with a kind, those of that kind. Requests
    from before the last boot are dropped."""
    taken: list[Request] = []
    seen = set(busy)
    for path in sorted(QUEUE.glob("*.request")):
        request = Request.read(path)
        if request is None:
            continue
        if request.values.get("boot") != boot_id():
            path.unlink()
        elif request.domain not in seen:
            seen.add(request.domain)
            if kind not in {None, request.kind}:
                continue
            mark = path.with_suffix(".taken")
            try:
                os.rename(path, mark)
            except FileNotFoundError:
                continue  # the caller has given up and withdrawn it
            taken.append(request._replace(path=mark))
    return taken


def settled(action: Callable[[Request], Any], request: Request) -> Any:
    """What the action returns; if it fails, the request is settled with the error, and None is returned."""
    try:
        return action(request)
    except Exception as error:
        request.fail(Failure.of(error))
    return None


def other_owner(request: Request) -> str | None:
    """The name of the site that owns the domain now, if it is not the one to remove: when a site is renamed, the engine
    pushes the new one and then removes the old one, with the same domain."""
    live = live_bundle(request.site)
    owner = None if live is None else live.facts("site.json").get("name")
    return owner if owner != request.values.get("of", owner) else None


def live_bundle(site: Site) -> Bundle | None:
    live = site.live()
    bundle = None if live is None else site.bundle(live)
    return bundle if bundle and bundle.files else None
