#!/usr/bin/python3 -I
"""Protected Sites: the program that changes a proxy host. Runs as root; Python 3.11, standard library only.

A site's files lie in /etc/protected-sites/sites/<domain>/generations/<n>, and `current` points to one of them. The
places where Nginx, systemd and oauth2-proxy look are links to `current/<file>`, so one rename of one link switches a
whole site. `current` never points to anything that was not written out to the disk first.

A push goes like this:

1. `push` (over SSH) checks its input, writes a request into the queue and starts the worker, which belongs to
   systemd: a lost connection changes nothing.
2. The worker (one at a time, under a lock) takes all waiting pushes together: writes each new generation beside the
   old one and checks it with the real programs in a mount namespace where the new files stand in for the old.
3. It rehearses: starts Nginx and the instances on the new files where nobody can reach them, and asks for proof that
   nobody gets in without signing in. Then it writes a journal entry of what it is about to change, switches the links, starts or restarts instances, reloads
   Nginx once, and asks each site for proof: the new generation answers, and nobody gets in without signing in.
4. If anything fails it goes back to what was live, and says so. If the worker itself dies, `recover` goes back, by
   way of the journal: as the worker's ExecStopPost, and at boot before Nginx starts.

Secrets come on standard input, go into files that root and the instance can read, and nowhere else.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import grp
import hashlib
import http.client
import io
import json
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

PROGRAM = Path("/usr/local/sbin/protected-sites")
ROOT = Path("/etc/protected-sites")
SITES = ROOT / "sites"
CREDENTIALS = ROOT / "credentials"
HOST = ROOT / "host.json"
STATE = Path("/var/lib/protected-sites")
QUEUE = STATE / "queue"
VERDICTS = STATE / "verdicts"
JOURNAL = STATE / "journal.json"
MADE = STATE / "made.json"  # what the set-up made, and the tear-down takes away
LOCK = Path("/run/protected-sites.lock")
LOG = Path("/var/log/protected-sites/pushes.jsonl")

NGINX_SITES = Path("/etc/nginx/sites-enabled")
NGINX_SHARED = Path("/etc/nginx/conf.d/protected-sites.conf")
NGINX_ERRORS = Path("/var/log/nginx/error.log")
OAUTH2_PROXY_FILES = Path("/etc/oauth2-proxy")
OAUTH2_PROXY = Path("/usr/local/bin/oauth2-proxy")
OAUTH2_PROXY_VERSIONS = Path("/opt/oauth2-proxy")
UNITS = Path("/etc/systemd/system")
SUDO_RULE = Path("/etc/sudoers.d/protected-sites")
DEFAULT_SITE = Path("/etc/nginx/sites-enabled/default")
PACKAGED_DEFAULT_SITE = Path("/etc/nginx/sites-available/default")

WORKER = "protected-sites-worker.service"
RECOVER = "protected-sites-recover.service"
SERVICE_USER = "oauth2-proxy"
KEPT_GENERATIONS = 5
LARGEST_INPUT = 1 << 20
OURS = "Written by Protected Sites"  # in the first line of every file of ours that is not a link
# Files of a site that its instance does not read: their change needs no restart.
NOT_FOR_INSTANCE = {"site.json", "nginx.conf", "signed-out.html"}
# First version that is safe from each; see https://github.com/oauth2-proxy/oauth2-proxy/security/advisories
ADVISORIES = {
    "GHSA-7rh7-c77v-6434": (7, 11, 0),
    "GHSA-vjrc-mh2v-45x6": (7, 13, 0),
    "GHSA-5hvv-m4w4-gf6v": (7, 15, 2),
    "GHSA-7x63-xv5r-3p2x": (7, 15, 2),
    "CVE-2026-76835": (7, 15, 5),
    "GHSA-wr5q-7wxw-x568": (7, 15, 5),
    "GHSA-63jm-59jj-478j": (7, 15, 5),
    "GHSA-hhqp-vx7f-5c6m": (7, 15, 5),
}


class Failure(Exception):
    """Something that went wrong: in which step, and in whose words; and whether it was live for a moment."""

    def __init__(self, step: str, what: str, *, switched: bool = False) -> None:
        super().__init__(f"{step}: {what}")
        self.step, self.what, self.switched = step, what, switched

    @staticmethod
    def of(error: Exception) -> Failure:
        """Any other exception is a broken host or a bug of ours; whoever waits must hear of it, too."""
        if isinstance(error, Failure):
            return error
        if isinstance(error, OSError) and error.strerror:
            return Failure("files", f"{error.strerror}: {error.filename or 'while writing'}")
        return Failure("unexpected", f"{type(error).__name__}: {error}")


# Files that survive a power cut: written aside, flushed, then renamed; and the folder flushed after.


def flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: str | bytes, mode: int = 0o644, group: int = 0) -> None:
    """Writes a file that must not be there yet, not even as a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        os.fchown(file.fileno(), 0, group)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    try:
        write_new(aside, content, mode)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def replace_link(link: Path, target: str) -> None:
    aside = link.with_name(f".{link.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.symlink_to(target)
    os.replace(aside, link)
    flush_folder(link.parent)


def remove_link(link: Path) -> bool:
    if not link.is_symlink():
        return False
    link.unlink()
    flush_folder(link.parent)
    return True


def remove_folder(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
        flush_folder(folder.parent)


def make_folder(folder: Path, mode: int, group: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    if folder.is_symlink():
        raise Failure("folders", f"{folder} is a link; it must be a folder")
    os.chown(folder, 0, group)
    folder.chmod(mode)


def read_text(path: Path) -> str | None:
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None


# Other programs.


def run(step: str, *command: str, timeout: int = 30, env: dict[str, str] | None = None) -> str:
    """Runs a program and returns what it printed; its failure is the step's."""
    still_alive()
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            env=environment | (env or {}),
        )
    except subprocess.TimeoutExpired:
        raise Failure(step, f"{shlex.join(command)} took more than {timeout} s") from None
    if done.returncode != 0:
        raise Failure(step, telling(done.stdout) or f"{shlex.join(command)} ended with {done.returncode}")
    return done.stdout


def holds(*command: str) -> bool:
    """Whether a program that answers by its exit code says yes."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30).returncode == 0


def telling(output: str) -> str:
    """What a program said of what is wrong: the first such line and two more, short enough for an error message."""
    noise = r"^(Start|Stop|Scheduled)|Main process exited|Failed with result|Consumed|test failed$|^$"
    said = [line.strip() for line in output.splitlines() if not re.search(noise, line.strip())]
    wrong = r"emerg|error|fail|invalid|denied|unknown|in use|refus"
    first = next((at for at, line in enumerate(said) if re.search(wrong, line, re.IGNORECASE)), max(len(said) - 3, 0))
    return "\n".join(line[:300] for line in said[first : first + 3])


def still_alive() -> None:
    """Tells systemd, which kills a worker that has hung; then `recover` goes back."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, contextlib.suppress(OSError):
            notify.sendto(b"WATCHDOG=1", "\0" + address[1:] if address.startswith("@") else address)


def unit_log(unit: str, since: float) -> str:
    """What a unit has said since a moment, as far as it tells what is wrong."""
    holds("journalctl", "--sync")
    since_text = f"--since=@{since:.6f}"
    said = run("journal", "journalctl", f"--unit={unit}", since_text, "--output=cat", "--no-pager", "--quiet")
    return telling(said) or f"{unit} said nothing"


def unit_state(unit: str) -> dict[str, str]:
    shown = run(
        "systemctl show",
        *("systemctl", "show", "--property=ActiveState,SubState,NeedDaemonReload,DropInPaths,MainPID", unit),
    )
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


# Bundles and sites.


@dataclass(frozen=True)
class File:
    name: str
    text: str
    place: Path | None


@dataclass(frozen=True)
class Bundle:
    """Several files as one text; see components/host/bundle.ts."""

    text: str
    files: tuple[File, ...]

    @staticmethod
    def parse(text: str) -> Bundle:
        lines = text.split("\n")
        if lines[0] != "protected-sites bundle 1":
            raise Failure("input", f'its first line must be "protected-sites bundle 1", got {lines[0][:80]!r}')
        if lines[-2:] != ["==> end", ""]:
            raise Failure("input", 'it was cut off: its last line must be "==> end"')
        files: list[File] = []
        content: list[str] = []
        for line in lines[1:-2]:
            if line.startswith("==> "):
                header = re.fullmatch(r"==> ([A-Za-z0-9_][A-Za-z0-9._@-]*)(?: -> (/[A-Za-z0-9._@/-]+))?", line)
                if header is None or header[1] in {"bundle", "generation.conf"}:
                    raise Failure("input", f"no file can be called so: {line[:200]!r}")
                if header[1] in {file.name for file in files}:
                    raise Failure("input", f"{header[1]} is there twice")
                content = []
                files.append(File(header[1], "", Path(header[2]) if header[2] else None))
            elif not files:
                raise Failure("input", "its second line must name a file")
            else:
                content.append(f"{line}\n")
                files[-1] = File(files[-1].name, "".join(content), files[-1].place)
        return Bundle(text, tuple(files))

    def facts(self, name: str) -> dict[str, Any]:
        text = next((file.text for file in self.files if file.name == name), None)
        try:
            facts = json.loads(text or "")
        except ValueError:
            facts = None
        if not isinstance(facts, dict):
            raise Failure("input", f"it must hold {name}, a JSON object")
        return facts


class Site:
    """Where everything of a site lies on this host."""

    def __init__(self, domain: str) -> None:
        label = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
        if not re.fullmatch(rf"{label}(\.{label})+", domain) or len(domain) > 253:
            raise Failure("input", f"not a domain in lower case: {domain[:80]!r}")
        self.domain = domain
        self.folder = SITES / domain
        self.generations = self.folder / "generations"
        self.current = self.folder / "current"
        self.previous = self.folder / "previous"  # where `current` pointed before the commit that runs
        self.credentials = CREDENTIALS / domain
        self.service = f"oauth2-proxy_{domain}.service"
        self.socket = f"oauth2-proxy_{domain}.socket"
        self.nginx_link = NGINX_SITES / f"{domain}.conf"
        self.configuration = OAUTH2_PROXY_FILES / f"oauth2-proxy_{domain}.cfg"
        # All places outside of its own folders that a site may take.
        self.places = (self.nginx_link, self.configuration, UNITS / self.socket, UNITS / self.service)
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
        return Bundle.parse((self.generation(number) / "bundle").read_text())

    def links(self, bundle: Bundle) -> dict[Path, str]:
        """The links of a bundle, each with what it points to."""
        links = {file.place: str(self.current / file.name) for file in bundle.files if file.place}
        return links | {self.start_link: f"../{self.socket}"}

    def check_places(self, bundle: Bundle) -> None:
        """Refuses a bundle that would take a place that is not the site's, or that something else has."""
        for file in bundle.files:
            if file.place is None:
                continue
            if file.place not in self.places:
                raise Failure("places", f"{file.place} is not a place of {self.domain}; {file.name} cannot go there")
            if file.place.parent == UNITS and file.place.name != file.name:
                raise Failure("places", f"the unit at {file.place} must be called so in the bundle, not {file.name}")
        for link, target in self.links(bundle).items():
            if os.path.lexists(link) and not (link.is_symlink() and os.readlink(link) == target):
                raise Failure("places", f"{link} is there already and is not ours; move it away")

    def changed(self, bundle: Bundle) -> list[str]:
        """The names of the files that differ from the live ones on the disk."""
        live = self.live()
        before = {file.name for file in self.bundle(live).files} if live is not None else set()
        differing = [file.name for file in bundle.files if read_text(self.current / file.name) != file.text]
        return sorted({*differing, *(before - {file.name for file in bundle.files})})

    def environment(self) -> dict[str, str]:
        """What the instance gets from its credentials: the client ID, and the password of a session store."""
        text = read_text(self.credentials / "current" / "client.env")
        if text is None:
            raise Failure("credentials", "this host has no credentials of the site yet; they come first")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def client_id(self) -> str:
        return self.environment()["OAUTH2_PROXY_CLIENT_ID"]

    def redacted(self, text: str) -> str:
        """A program's words without the site's secrets, should it ever say one."""
        files = [*self.credentials.glob("*/client-secret"), *self.credentials.glob("*/cookie-secret")]
        texts = [read_text(file) or "" for file in files]
        for file in self.credentials.glob("*/client.env"):
            lines = (read_text(file) or "").splitlines()
            texts += [line.partition("=")[2] for line in lines if not line.startswith("OAUTH2_PROXY_CLIENT_ID=")]
        secrets = {text for text in texts if len(text) >= 8}
        return re.sub("|".join(map(re.escape, secrets)), "[secret]", text) if secrets else text

    def live_text(self) -> str:
        live = self.live()
        return "not on this host" if live is None else f"generation {live}"


def all_sites() -> list[Site]:
    return [Site(entry.name) for entry in sorted(SITES.iterdir())] if SITES.is_dir() else []


@contextlib.contextmanager
def as_if_live(generations: Mapping[Site, int], links: Mapping[Path, str | None]) -> Iterator[list[str]]:
    """Words to put before a command, so that it sees the given generations and links (None: no link) as live.

    The command gets a mount namespace of its own, where copies of the folders with links, and folders with the
    candidates' `current`, cover the real ones. Nothing outside of it changes.
    """
    with tempfile.TemporaryDirectory(prefix="protected-sites-", dir="/run") as aside:
        mounts: list[tuple[Path, Path]] = []
        for folder in sorted({link.parent for link in links}):
            copy = Path(aside, str(folder).strip("/").replace("/", "-"))
            if folder.is_dir():
                shutil.copytree(folder, copy, symlinks=True)
                mounts.append((copy, folder))
            for link, target in links.items():
                if link.parent == folder and folder.is_dir():
                    (copy / link.name).unlink(missing_ok=True)
                    if target is not None:
                        (copy / link.name).symlink_to(target)
        for site, number in generations.items():
            copy = Path(aside, "sites", site.domain)
            (copy / "generations").mkdir(parents=True)
            (copy / "current").symlink_to(f"generations/{number}")
            mounts += [(site.generations, copy / "generations"), (copy, site.folder)]
        script = "".join(f"mount --rbind {shlex.quote(str(a))} {shlex.quote(str(b))} && " for a, b in mounts)
        yield ["unshare", "--mount", "--propagation=private", "/bin/sh", "-c", f'{script}exec "$@"', "sh"]


# Nginx, and asking a site.


@dataclass(frozen=True)
class Answer:
    status: int
    location: str
    body: str


def ask(domain: str, path: str, headers: dict[str, str], context: ssl.SSLContext | None = None) -> Answer:
    """Asks this host's Nginx for a path of a site. Each question has a connection of its own: after a reload an old
    one would still be answered by the old configuration."""
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", 443), timeout=15)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each question waits 40 ms for its first answer
    with plain, context.wrap_socket(plain, server_hostname=domain) as encrypted:
        connection = http.client.HTTPConnection(domain)
        connection.sock = encrypted
        connection.request("GET", path, headers={"Connection": "close", **headers})
        response = connection.getresponse()
        body = response.read(65536).decode(errors="replace")
        return Answer(response.status, response.getheader("Location", ""), body)


def certificates_of(site: Site, bundle: Bundle) -> Path:
    return Path(bundle.facts("site.json").get("certificates", f"/data/certs/{site.domain}"))


def certificate_context(site: Site, bundle: Bundle) -> ssl.SSLContext:
    """Takes a site's certificate file as its own authority: the name must fit, the chain and the dates need not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificates_of(site, bundle) / "fullchain.pem")
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | 0x200000  # X509_V_FLAG_NO_CHECK_TIME
    return context


def certificate_end(site: Site, bundle: Bundle) -> int:
    """When the certificate ends that Nginx serves for a site, in seconds since 1970."""
    context = certificate_context(site, bundle)
    with (
        socket.create_connection(("127.0.0.1", 443), timeout=15) as plain,
        context.wrap_socket(plain, server_hostname=site.domain) as encrypted,
    ):
        return int(ssl.cert_time_to_seconds(str((encrypted.getpeercert() or {}).get("notAfter"))))


def answers_as(site: Site) -> str:
    """As what Nginx answers for a site: "generation 3", or what it said instead."""
    try:
        answer = ask(site.domain, "/.well-known/protected-sites/generation", {})
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    said = re.fullmatch(rf"{re.escape(site.domain)} (\d+)\s*", answer.body)
    return f"generation {said[1]}" if said and answer.status == 200 else f"HTTP {answer.status}"


def nginx_runs() -> bool:
    return holds("systemctl", "--quiet", "is-active", "nginx.service")


def accepting_workers() -> set[str]:
    """Nginx's worker processes that still accept connections; after a reload the old ones say that they shut down."""
    main = run("Nginx reload", "systemctl", "show", "--property=MainPID", "--value", "nginx.service").strip()
    workers = set()
    for worker in (read_text(Path(f"/proc/{main}/task/{main}/children")) or "").split():
        with contextlib.suppress(OSError):
            if "worker process" in (title := Path(f"/proc/{worker}/cmdline").read_text()) and "shutting" not in title:
                workers.add(worker)
    return workers


def reload_nginx(expected: Mapping[Site, int | None]) -> None:
    """Reloads Nginx, and waits until only new workers accept and each site answers as its generation, or not (None).

    A reload succeeds also where Nginx then keeps its old configuration, for example because a port is taken: only its
    error log tells.
    """
    log_size = NGINX_ERRORS.stat().st_size if NGINX_ERRORS.exists() else 0
    old_workers = accepting_workers()
    run("Nginx reload", "systemctl", "reload" if nginx_runs() else "start", "nginx.service")

    def is_late(site: Site, number: int | None) -> bool:
        answer = answers_as(site)
        return answer.startswith("generation ") if number is None else answer != f"generation {number}"

    deadline = time.monotonic() + 20
    while True:
        still_alive()
        old = old_workers & accepting_workers()
        late = {site: number for site, number in expected.items() if is_late(site, number)} if not old else {}
        if not old and not late:
            return
        with contextlib.suppress(FileNotFoundError), NGINX_ERRORS.open("rb") as log:
            log.seek(min(log_size, NGINX_ERRORS.stat().st_size))
            emergency = next(
                (line for line in log.read().decode(errors="replace").splitlines() if "[emerg]" in line), ""
            )
            if emergency:
                raise Failure("Nginx reload", f"Nginx kept its old configuration: {emergency[:300]}")
        if time.monotonic() > deadline:
            if old:
                raise Failure("Nginx reload", f"after 20 s the old workers still accept ({', '.join(sorted(old))})")
            site, number = next(iter(late.items()))
            right = "no site of ours" if number is None else f"generation {number}"
            raise Failure("Nginx reload", f"after 20 s {site.domain} answers as {answers_as(site)}; right is {right}")
        time.sleep(0.02)


def probe(site: Site, bundle: Bundle, number: int) -> None:
    """Has a live site prove that it is the given generation, and closed."""
    facts = bundle.facts("site.json")
    settings = next((file.text for file in bundle.files if file.name == "oauth2-proxy.cfg"), "")
    login = urllib.parse.urlsplit(tomllib.loads(settings).get("login_url", ""))
    path = facts.get("probePath", "/")
    page = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    spoofed = {
        "Authorization": "Bearer spoofed",
        "X-Forwarded-User": "spoofed",
        **{f"X-Auth-Request-{name}": "spoofed" for name in ("User", "Email", "Preferred-Username", "Groups")},
    }

    def asked(what: str, path: str, headers: dict[str, str], context: ssl.SSLContext | None = None) -> Answer:
        still_alive()
        try:
            return ask(site.domain, path, headers, context)
        except (OSError, http.client.HTTPException) as error:
            raise Failure("probe", f"{what}: {error}") from None

    def expect(right: bool, what: str, answer: Answer, wanted: str) -> None:
        if not right:
            to = f" to {answer.location[:120]}" if answer.location else ""
            raise Failure("probe", f"{what} got {answer.status}{to}; right is {wanted}")

    try:
        context = certificate_context(site, bundle)
    except OSError as error:
        raise Failure("probe", f"{certificates_of(site, bundle)}/fullchain.pem: {error}") from None
    asked("the certificate", path, {}, context)

    if answers_as(site) != f"generation {number}":
        raise Failure("probe", f"it answers as {answers_as(site)}; right is generation {number}")
    what = "a browser that has not signed in"
    answer = asked(what, path, page)
    to = urllib.parse.urlsplit(answer.location)
    signs_in = (to.scheme, to.netloc, to.path) == (login.scheme, login.netloc, login.path)
    ours = urllib.parse.parse_qs(to.query).get("client_id") == [site.client_id()]
    expect(answer.status == 302 and signs_in and ours, what, answer, "302 to the sign-in with the site's client ID")
    what = "a program that has not signed in"
    answer = asked(what, path, {"Accept": "application/json"})
    expect(answer.status == 401, what, answer, "401")
    what = "a program with made-up identity headers"
    answer = asked(what, path, {"Accept": "application/json", **spoofed})
    expect(answer.status == 401, what, answer, "401")
    what = "/oauth2/callback"
    answer = asked(what, what, page)
    expect(answer.status in {400, 403, 500}, what, answer, "oauth2-proxy's own refusal of an empty callback (403)")


# Instances.


def ping(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def await_instance(site: Site, port: int, since: float) -> None:
    deadline = time.monotonic() + 20
    while not ping(port):
        still_alive()
        state = unit_state(site.service)["SubState"]
        if state in {"auto-restart", "failed", "dead"} or time.monotonic() > deadline:
            raise Failure("instance", f"it does not come up ({state}): {unit_log(site.service, since)}")
        time.sleep(0.02)


def start_instance(site: Site, port: int, *, restart: bool, new_socket: bool = False) -> None:
    """Brings a site's socket and service up. The socket stays open during a restart, so that no request is lost."""
    since = time.time()
    if new_socket:
        run("instance", "systemctl", "stop", site.socket, site.service)
    if new_socket or unit_state(site.socket)["ActiveState"] != "active":
        try:
            run("socket", "systemctl", "start", site.socket)
        except Failure:
            holder = "".join(re.findall(r'users:\(\("([^"]+)"', run_quietly("ss", "-Hltnp", f"sport = :{port}")))
            by = f" (port {port} is held by {holder})" if holder else ""
            raise Failure("socket", unit_log(site.socket, since) + by) from None
    run("instance", "systemctl", "restart" if restart else "start", site.service)
    await_instance(site, port, since)


def run_quietly(*command: str) -> str:
    with contextlib.suppress(Failure, OSError):
        return run("", *command)
    return ""


def port_of(bundle: Bundle) -> int:
    port = bundle.facts("site.json").get("port")
    if not isinstance(port, int):
        raise Failure("input", f"site.json, port must be a number, got {port!r}")
    return port


def check_version(allow_vulnerable: bool) -> None:
    said = run("oauth2-proxy version", str(OAUTH2_PROXY), "--version")
    number = re.search(r"\bv(\d+)\.(\d+)\.(\d+)", said)
    version = tuple(int(part) for part in number.groups()) if number else (0, 0, 0)
    open_advisories = [name for name, fixed in ADVISORIES.items() if version < fixed]
    if open_advisories and not allow_vulnerable:
        found = ".".join(map(str, version)) if number else said.strip()[:80]
        safe = ".".join(map(str, max(ADVISORIES.values())))
        raise Failure(
            "oauth2-proxy version",
            f"{found} is known to be vulnerable ({', '.join(open_advisories)}); {safe} or newer is right",
        )


# The worker: takes requests from the queue, all waiting pushes as one group.


@dataclass(frozen=True)
class Request:
    path: Path
    kind: str
    site: Site
    by: str
    content: dict[str, Any]

    @staticmethod
    def read(path: Path) -> Request | None:
        """A request of the queue; None, and it is gone, where it is none."""
        try:
            content = json.loads(path.read_text())
            return Request(path, content["kind"], Site(content["domain"]), content["by"], content)
        except (ValueError, KeyError, TypeError, Failure):
            path.unlink()
            return None

    @property
    def domain(self) -> str:
        return self.site.domain

    @property
    def verdict(self) -> Path:
        return VERDICTS / f"{self.path.stem}.json"

    def settle(self, ok: bool, headline: str, details: str = "", **logged: Any) -> None:
        """Says how it ended: to whoever waits, and in the log."""
        text = self.site.redacted(f"{self.domain} on {host_name()}: {headline}")
        for line in self.site.redacted(details).splitlines():
            text += f"\n  {line}"
        entry = {
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "by": self.by,
            "action": self.kind,
            "site": self.domain,
            "generation": self.site.live(),
            "ok": ok,
            "verdict": text,
            **logged,
        }
        try:
            with LOG.open("a") as log:
                log.write(f"{json.dumps(entry)}\n")
                log.flush()
                os.fsync(log.fileno())
            replace_file(self.verdict, json.dumps({"ok": ok, "text": text}), 0o600)
        except OSError as error:  # a full disk must not keep the worker from ending what it took
            print(f"{text}\n(no verdict could be written: {error})", file=sys.stderr)
        finally:
            self.path.unlink()

    def fail(self, failure: Failure) -> None:
        fate = "rolled back, failed" if failure.switched else "refused, nothing changed: failed"
        self.settle(
            False,
            f"{fate} in step {failure.step!r}",
            f"{failure.what}\nlive now: {self.site.live_text()}",
            step=failure.step,
        )


def host_name() -> str:
    with contextlib.suppress(ValueError, TypeError):
        return str(json.loads(read_text(HOST) or "").get("name"))
    return socket.gethostname()


@dataclass
class Push:
    """A push whose generation is written out beside the live one."""

    request: Request
    site: Site
    bundle: Bundle
    old: int | None
    new: int
    changed: list[str]

    @property
    def restart(self) -> bool:
        return bool(set(self.changed) - NOT_FOR_INSTANCE)

    @property
    def new_socket(self) -> bool:
        return self.site.socket in self.changed


@contextlib.contextmanager
def lock() -> Iterator[None]:
    """One program at a time changes the host."""
    with LOCK.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                still_alive()
                time.sleep(0.05)
        yield


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def work() -> None:
    """Everything in the queue; then done."""
    with lock():
        go_back_if_unfinished()
        while requests := take_requests():
            pushes = [request for request in requests if request.kind == "push"]
            for request in requests:
                if request.kind != "push":
                    settled(ACTIONS[request.kind], request)
            push_group(pushes)
        for verdict in VERDICTS.iterdir():
            if not Path("/proc", verdict.stem.split("-")[-1]).exists():
                verdict.unlink()  # whoever waited for it is gone


def take_requests() -> list[Request]:
    """The oldest waiting request of each site, marked as taken. What waited since before the last boot is dropped."""
    taken: dict[str, Request] = {}
    for path in sorted(QUEUE.glob("*.json")):
        request = Request.read(path)
        if request is None:
            continue
        if request.content.get("boot") != boot_id():
            path.unlink()
        elif request.domain not in taken:
            mark = path.with_suffix(".taken")
            try:
                os.rename(path, mark)
            except FileNotFoundError:
                continue  # whoever waited for it has given up and taken it back
            taken[request.domain] = replace(request, path=mark)
    return list(taken.values())


def settled(action: Callable[[Request], Any], request: Request) -> Any:
    """What the action returns; where it fails, the request is settled with that, and None comes back."""
    try:
        return action(request)
    except Exception as error:
        request.fail(Failure.of(error))
    return None


def push_group(requests: list[Request]) -> None:
    """Takes pushes live with one check and one reload; where that fails, one by one, so that only a bad one fails."""
    staged = [push for request in requests if (push := settled(stage, request))]
    if not take_live(staged):
        for push in staged:
            take_live([push])
    for push in staged:
        prune(push.site)


def take_live(group: list[Push]) -> bool:
    """Commits a group and settles its requests. False: a group of several failed, and each is to be tried alone."""
    if not group:
        return True
    try:
        commit(group)
    except Exception as error:
        if len(group) > 1:
            return False
        discard(group[0].site, group[0].new)
        group[0].request.fail(Failure.of(error))
        return True
    for push in group:
        before = "the first" if push.old is None else f"was {push.old}"
        changed = ", ".join(push.changed) or "nothing; put right what was not as it should be"
        push.request.settle(
            True, f"live, generation {push.new} ({before}); changed: {changed}", changed=push.changed, old=push.old
        )
    return True


def stage(request: Request) -> Push | None:
    """Writes a push's generation out and checks it by itself; None where the live one is the same and well."""
    bundle = Bundle.parse(request.content["bundle"])
    site = request.site
    site.check_places(bundle)
    check_version(bundle.facts("site.json").get("allowVulnerableOauth2Proxy") is True)
    old = site.live()
    if old is not None and is_well(site, bundle, old):
        request.settle(True, f"unchanged, generation {old}")
        return None
    for number in site.numbers():
        if number > (old or 0):
            discard(site, number)  # of a program that died before it was live
    for folder in (site.folder, site.generations):
        make_folder(folder, 0o755)
    numbers = [int(entry.name.split(".")[0]) for entry in site.generations.iterdir() if entry.name[0].isdigit()]
    new = max(numbers, default=0) + 1
    push = Push(request, site, bundle, old, new, site.changed(bundle))
    aside = site.generations / f".{new}"
    remove_folder(aside)
    make_folder(aside, 0o755)
    try:
        for file in bundle.files:
            write_new(aside / file.name, file.text)
            if old is not None and file.name not in push.changed:
                # systemd takes a unit with a newer time for a changed one, which would need a daemon-reload.
                before = (site.current / file.name).stat()
                os.utime(aside / file.name, ns=(before.st_atime_ns, before.st_mtime_ns))
        write_new(aside / "bundle", bundle.text)
        write_new(aside / "generation.conf", f'set $protected_sites_generation "{new}";\n')
        flush_folder(aside)
        os.rename(aside, site.generation(new))
        for folder in (site.generations, site.folder, SITES):
            flush_folder(folder)
        check_alone(push)
    except BaseException:
        discard(site, new)
        raise
    return push


def is_well(site: Site, bundle: Bundle, live: int) -> bool:
    """Whether a site is live with just this bundle, whole, running and closed."""
    if site.bundle(live).text != bundle.text:
        return False
    if drift_of(site):
        return False
    with contextlib.suppress(Failure):
        probe(site, bundle, live)
        return True
    return False


def check_alone(push: Push) -> None:
    """What oauth2-proxy and systemd say of a site's files."""
    site = push.site
    environment = site.environment()
    with as_if_live({site: push.new}, site.links(push.bundle)) as as_candidate:
        run(
            "oauth2-proxy --config-test",
            *as_candidate,
            *("setpriv", f"--reuid={SERVICE_USER}", f"--regid={SERVICE_USER}", "--clear-groups"),
            *(str(OAUTH2_PROXY), f"--config={site.configuration}", "--config-test"),
            env=environment,
        )
        units = [str(UNITS / site.socket), str(UNITS / site.service)]
        verify = ("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units)
        said = run("systemd-analyze verify", *as_candidate, *verify)
        about = [line for line in said.splitlines() if site.domain in line]
        if about:
            raise Failure("systemd-analyze verify", "\n".join(line[:300] for line in about[:3]))


def check_nginx(generations: Mapping[Site, int], links: Mapping[Path, str | None]) -> None:
    with as_if_live(generations, links) as as_candidate:
        run("nginx -t", *as_candidate, "nginx", "-t", "-q")


def rehearse_apart(group: list[Push], links: Mapping[Path, str]) -> None:
    """Has sites prove that they are closed before anybody can reach them: in a network, with mounts and processes, of
    their own, which end with the rehearsal."""
    seen = {link: target for link, target in links.items() if link.parent in {NGINX_SITES, OAUTH2_PROXY_FILES}}
    with as_if_live({push.site: push.new for push in group}, seen) as as_candidate:
        # No name can be looked up there, and Nginx does not start without those that it knows.
        whole = run("nginx -T", *as_candidate, "nginx", "-T", "-q")
        named = r"(?:\b(?:server|\w+_pass)\s+(?:\w+://)?|syslog:server=)([\w.-]*[A-Za-z][\w.-]*)"
        names = sorted(set(re.findall(named, whole)))
        apart = ("unshare", "--net", "--pid", "--fork", "--kill-child")
        domains = [push.site.domain for push in group]
        rehearsal = (str(PROGRAM), "rehearse", f"--names={','.join(names)}", *domains)
        run("rehearsal", *apart, *as_candidate, *rehearsal, timeout=40)


def rehearse(sites: list[Site], names: list[str]) -> int:
    """The rehearsal itself, where nothing can be reached but this Nginx and the sites' instances. The names are those of
    Nginx's backends: each is this host, on which nothing else listens."""
    run("rehearsal", "ip", "link", "set", "lo", "up")
    for version in ("ipv4", "ipv6"):  # other addresses of this host, which Nginx may listen on, are not here
        with contextlib.suppress(OSError):
            Path(f"/proc/sys/net/{version}/ip_nonlocal_bind").write_text("1")
    hosts = (read_text(Path("/etc/hosts")) or "") + "".join(f"\n127.0.0.1 {name}" for name in names) + "\n"
    for covered in ("/run", "/var/log/nginx"):  # Nginx's pid file, its logs
        run("rehearsal", "mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", covered)
    Path("/run/hosts").write_text(hosts)
    run("rehearsal", "mount", "--bind", "/run/hosts", "/etc/hosts")
    try:
        started = [subprocess.Popen(["nginx", "-g", "daemon off;"], stdin=subprocess.DEVNULL)]
        started += [start_apart(site, port_of(site.bundle(site.live() or 0))) for site in sites]
        for site in sites:
            number = site.live() or 0
            deadline = time.monotonic() + 15
            while not (answers_as(site) == f"generation {number}" and ping(port_of(site.bundle(number)))):
                if any(program.poll() is not None for program in started) or time.monotonic() > deadline:
                    raise Failure("rehearsal", f"{site.domain} answers as {answers_as(site)}")
                time.sleep(0.02)
            probe(site, site.bundle(number), number)
    except Failure as failure:
        print(failure.what, file=sys.stderr)
        return 1
    return 0


def start_apart(site: Site, port: int) -> subprocess.Popen[bytes]:
    """An instance without systemd, which gets its socket as systemd would hand it over."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        os.dup2(listening.fileno(), 3)
        handed_over = ("/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh")
        user = ("setpriv", f"--reuid={SERVICE_USER}", f"--regid={SERVICE_USER}", "--clear-groups")
        return subprocess.Popen(
            # A Redis cannot be reached from here, and nobody signs in: where sessions lie changes nothing.
            [*handed_over, *user, str(OAUTH2_PROXY), f"--config={site.configuration}", "--session-store-type=cookie"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=dict(os.environ) | site.environment(),
            pass_fds=(3,),
        )


def commit(group: list[Push]) -> None:
    """Takes checked generations live, all of them or none."""
    links = {link: target for push in group for link, target in push.site.links(push.bundle).items()}
    check_nginx(
        {push.site: push.new for push in group},
        {link: target for link, target in links.items() if link.parent == NGINX_SITES},
    )
    rehearse_apart(group, links)
    requests = [push.request.path.stem for push in group]
    entries = [{"domain": push.site.domain, "old": push.old, "new": push.new} for push in group]
    for push in group:
        # Made now, so that going back needs no room on the disk.
        if push.old is not None:
            replace_link(push.site.previous, f"generations/{push.old}")
    write_journal(requests, sites=entries)
    try:
        for push in group:
            replace_link(push.site.current, f"generations/{push.new}")
        missing = [link for link in links if not link.is_symlink()]
        for link in missing:
            link.parent.mkdir(exist_ok=True)
            replace_link(link, links[link])
        if missing or any({push.site.socket, push.site.service} & set(push.changed) for push in group):
            run("daemon-reload", "systemctl", "daemon-reload")
        for push in group:
            start_instance(push.site, port_of(push.bundle), new_socket=push.new_socket, restart=push.restart)
        reload_nginx({push.site: push.new for push in group})
        for push in group:
            probe(push.site, push.bundle, push.new)
    except Exception as error:
        failure = Failure.of(error)
        problems = go_back(entries)
        what = "\n".join([failure.what, *problems])
        raise Failure(failure.step, what, switched=True) from error
    end_journal()
    for push in group:
        remove_link(push.site.previous)


def write_journal(requests: list[str], **entries: Any) -> None:
    """What is about to change, so that whoever finds it can go back."""
    replace_file(JOURNAL, json.dumps({"requests": requests, "sites": [], "credentials": None} | entries), 0o600)


def end_journal() -> None:
    JOURNAL.unlink(missing_ok=True)
    flush_folder(STATE)


def go_back(entries: list[dict[str, Any]], *, booting: bool = False) -> list[str]:
    """Back to what was live before a commit; safe to repeat. Returns what did not work. At boot nothing runs yet."""
    problems: list[str] = []
    back = [(Site(entry["domain"]), entry["old"], entry["new"]) for entry in entries]

    def attempt(action: Callable[..., Any], *given: Any) -> None:
        try:
            action(*given)
        except Exception as error:
            problems.append(f"while going back: {error}")

    for site, old, _ in back:
        attempt(take_out if old is None else switch_back, site)
    links_are_back = not problems
    attempt(run, "daemon-reload", "systemctl", "daemon-reload")
    if not booting:
        for site, old, new in back:
            if old is not None:
                attempt(restart_as_before, site, old, new)
        if nginx_runs():
            attempt(reload_nginx, {site: old for site, old, _ in back})
    if links_are_back:  # else the journal stays, and the next worker or the next boot tries again
        end_journal()
    return problems


def switch_back(site: Site) -> None:
    if site.previous.is_symlink():
        os.replace(site.previous, site.current)
        flush_folder(site.folder)


def take_out(site: Site) -> None:
    """Takes away the links of a site that was not there before, and what they started."""
    run_quietly("systemctl", "stop", site.socket, site.service)
    for link in (*site.places, site.start_link, site.current):
        remove_link(link)


def restart_as_before(site: Site, old: int, new: int) -> None:
    bundle = site.bundle(old)
    differing = {file.name for file in set(bundle.files) ^ set(site.bundle(new).files)}
    restart = bool(differing - NOT_FOR_INSTANCE)
    start_instance(site, port_of(bundle), restart=restart, new_socket=site.socket in differing)


def go_back_if_unfinished(*, booting: bool = False) -> None:
    """Ends what a program that died had begun: goes back, and says so to whoever waits."""
    problems: list[str] = []
    requests: list[str] = []
    if JOURNAL.exists():
        journal = json.loads(JOURNAL.read_text())
        requests = journal["requests"]
        if journal["credentials"]:
            problems = go_back_to_credentials(**journal["credentials"], booting=booting)
        else:
            problems = go_back(journal["sites"], booting=booting)
    for path in sorted(QUEUE.glob("*.taken")):
        if request := Request.read(path):
            what = "\n".join(["the push program ended before it had a verdict", *problems])
            request.fail(Failure("worker", what, switched=path.stem in requests))


def discard(site: Site, number: int) -> None:
    """Puts a generation that did not go live aside; the last one stays for whoever wants to look at it."""
    with contextlib.suppress(OSError):
        remove_folder(site.generations / f".{number}")
        if site.live() is None:
            remove_folder(site.folder)
            return
        for earlier in site.generations.glob("*.failed"):
            remove_folder(earlier)
        os.rename(site.generation(number), site.generations / f"{number}.failed")


def prune(site: Site) -> None:
    with contextlib.suppress(OSError):
        for number in site.numbers()[:-KEPT_GENERATIONS]:
            if number != site.live():
                remove_folder(site.generation(number))


def remove(request: Request) -> None:
    """Takes a site off the host: first out of Nginx, then the rest. What is not there is no failure."""
    site = request.site
    links = [*site.places, site.start_link]
    ours = [link for link in links if link.is_symlink() and is_ours(site, link)]
    if not ours and not site.folder.exists():
        request.settle(True, "was not on this host")
        return
    check_nginx({}, {site.nginx_link: None} if site.nginx_link in ours else {})
    if site.nginx_link in ours:
        remove_link(site.nginx_link)
    if nginx_runs():
        reload_nginx({site: None})
    run_quietly("systemctl", "stop", site.socket, site.service)
    for link in ours:
        remove_link(link)
    run("daemon-reload", "systemctl", "daemon-reload")
    run_quietly("systemctl", "reset-failed", site.socket, site.service)
    remove_folder(site.folder)
    request.settle(True, "removed")


def is_ours(site: Site, link: Path) -> bool:
    target = os.readlink(link)
    return target.startswith(f"{site.current}/") or target == f"../{site.socket}"


# Credentials.


def credentials(patience: float) -> int:
    """Proves a client secret at Entra, then has the worker switch to it."""
    try:
        given = json.loads(read_input())
        values = {key: given[key] for key in ("domain", "tokenEndpoint", "clientId", "clientSecret", "cookieSecret")}
        environment = dict(given.get("environment", {}))
    except (ValueError, KeyError, TypeError):
        raise Failure("input", "it must be a JSON object with domain, tokenEndpoint, clientId, …") from None
    for key, value in values.items():
        if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
            raise Failure("input", f"{key} must be a text without spaces and line breaks")
    for key, value in environment.items():
        # What systemd reads literally, without quotes.
        if not re.fullmatch(r"OAUTH2_PROXY_[A-Z_]+", key) or not re.fullmatch(r"[\w!%*+,./:=?@^~-]+", str(value), re.A):
            allowed = "letters, digits and !%*+,./:=?@^_~-"
            raise Failure("input", f"environment: {key[:60]!r} must be a variable of oauth2-proxy, its value {allowed}")
    site = Site(values["domain"])
    variables = {"OAUTH2_PROXY_CLIENT_ID": values["clientId"], **environment}
    files = {
        "client.env": "".join(f"{key}={value}\n" for key, value in variables.items()),
        "client-secret": values["clientSecret"],
        "cookie-secret": values["cookieSecret"],
    }
    current = site.credentials / "current"
    if all(read_text(current / name) == text for name, text in files.items()):
        print(f"{site.domain} on {host_name()}: unchanged credentials")
        return 0
    prove(values["tokenEndpoint"], values["clientId"], values["clientSecret"], patience)
    group = grp.getgrnam(SERVICE_USER).gr_gid
    make_folder(site.credentials, 0o750, group)
    numbers = [int(entry.name) for entry in site.credentials.iterdir() if entry.name.isdigit()]
    new = max(numbers, default=0) + 1
    folder = site.credentials / str(new)
    make_folder(folder, 0o750, group)
    for name, text in files.items():
        write_new(folder / name, text, 0o640, group)
    for flushed in (folder, site.credentials, CREDENTIALS):
        flush_folder(flushed)
    return submit("credentials", site.domain, number=new)


def prove(endpoint: str, client_id: str, secret: str, patience: float) -> None:
    """Asks Entra for a token with the secret. A new secret takes Entra seconds, at times minutes, to know
    everywhere; until then it is told apart from a wrong one only by waiting."""
    if not endpoint.startswith("https://"):
        raise Failure("proof at Entra", f"tokenEndpoint must be an https URL, got {endpoint[:100]!r}")
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
        "scope": "https://graph.microsoft.com/.default",
    }

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any, **__: Any) -> None:
            return None

    opener = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + patience
    pause = 0.5
    while True:
        try:
            with opener.open(endpoint, urllib.parse.urlencode(form).encode(), timeout=15) as response:
                response.read(65536)
                return
        except urllib.error.HTTPError as error:
            body = error.read(65536).decode(errors="replace")
            said, codes = f"HTTP {error.code}", set()
            with contextlib.suppress(ValueError, AttributeError, TypeError):
                answer = json.loads(body)
                codes = set(answer.get("error_codes", []))
                said = str(answer.get("error_description", answer.get("error"))).splitlines()[0][:200]
            # Not known yet: a secret, an application, its service principal; or Entra has too much to do.
            worth_waiting = codes & {7000215, 7000222, 700016, 7000229} or error.code == 429 or error.code >= 500
            pause = max(pause, min(30.0, float(error.headers.get("Retry-After", "0")))) if worth_waiting else pause
        except (OSError, http.client.HTTPException) as error:
            said, worth_waiting = f"{urllib.parse.urlsplit(endpoint).netloc}: {error}", True
        said = said.replace(secret, "[secret]")
        if not worth_waiting:
            raise Failure("proof at Entra", said)
        if time.monotonic() + pause > deadline:
            raise Failure("proof at Entra", f"{said} (tried for {patience:.0f} s)")
        time.sleep(pause)
        pause = min(pause * 1.5, 10)


def switch_credentials(request: Request) -> None:
    """Takes proved credentials live. oauth2-proxy reads the client secret at each use; the rest needs a restart."""
    site, new = request.site, str(request.content["number"])
    if not (site.credentials / new).is_dir():
        raise Failure("credentials", "others came in between; push them again")
    current = site.credentials / "current"
    old = os.readlink(current) if current.is_symlink() else None
    live = site.live()
    restart = live is not None and any(
        read_text(current / name) != read_text(site.credentials / new / name)
        for name in ("client.env", "cookie-secret")
    )
    write_journal([request.path.stem], credentials={"domain": site.domain, "old": old, "new": new})
    try:
        replace_link(current, new)
        if restart and live is not None:
            start_instance(site, port_of(site.bundle(live)), restart=True)
    except Exception as error:
        failure = Failure.of(error)
        what = site.redacted(failure.what)
        problems = go_back_to_credentials(site.domain, old, new)
        raise Failure(failure.step, "\n".join([what, *problems]), switched=True) from None
    end_journal()
    for entry in site.credentials.iterdir():
        if entry.name not in {new, "current"}:
            remove_folder(entry)
    request.settle(True, f"credentials live ({'instance restarted' if restart else 'no restart needed'})")


def go_back_to_credentials(domain: str, old: str | None, new: str, *, booting: bool = False) -> list[str]:
    """Back to the credentials that were live before; safe to repeat. Returns what did not work."""
    site, problems = Site(domain), []
    current, live = site.credentials / "current", site.live()
    try:
        if old is None:
            remove_link(current)
        elif os.readlink(current) != old:
            replace_link(current, old)
        remove_folder(site.credentials / new)
        if live is not None and not booting:
            start_instance(site, port_of(site.bundle(live)), restart=True)
    except (Failure, OSError) as error:
        problems.append(f"while going back: {error}")
    end_journal()
    return problems


def remove_credentials(request: Request) -> None:
    site = request.site
    if site.live() is not None:
        raise Failure("credentials", f"{site.domain} is still live on this host; remove it first")
    remove_folder(site.credentials)
    request.settle(True, "credentials removed")


ACTIONS: dict[str, Callable[[Request], None]] = {
    "remove": remove,
    "credentials": switch_credentials,
    "remove-credentials": remove_credentials,
}


# The one who waits for a verdict.


def read_input() -> str:
    """Standard input, whole."""
    data = sys.stdin.buffer.read(LARGEST_INPUT + 1)
    if len(data) > LARGEST_INPUT:
        raise Failure("input", f"it is longer than {LARGEST_INPUT} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Failure("input", f"it is not UTF-8: {error}") from None


def push() -> int:
    bundle = Bundle.parse(read_input())
    site = Site(str(bundle.facts("site.json").get("domain")))
    port_of(bundle)
    site.check_places(bundle)
    return submit("push", site.domain, bundle=bundle.text)


def rollback(domain: str) -> int:
    """Pushes the generation before the live one again."""
    site = Site(domain)
    earlier = [number for number in site.numbers() if number < (site.live() or 0)]
    if not earlier:
        raise Failure("rollback", f"{domain} has no earlier generation on this host")
    return submit("push", domain, bundle=site.bundle(earlier[-1]).text)


def submit(kind: str, domain: str, **content: Any) -> int:
    """Has the worker do something, and waits for its verdict."""
    if not QUEUE.is_dir():
        raise Failure("queue", f"{QUEUE} is missing; this host has not been set up")
    name = f"{time.time_ns()}-{os.getpid()}"
    path, verdict = QUEUE / f"{name}.json", VERDICTS / f"{name}.json"
    by = os.environ.get("SUDO_USER", "root")
    request = {"kind": kind, "domain": domain, "by": by, "boot": boot_id(), **content}
    replace_file(path, json.dumps(request), 0o600)
    asked = 0.0
    try:
        while not verdict.exists():
            # Again and again: a worker that is about to end may not have seen the request.
            if time.monotonic() - asked > 0.5:
                waits = path.exists() or path.with_suffix(".taken").exists()
                if not waits and not verdict.exists():
                    raise Failure("worker", "the host could not write its verdict; its journal tells why")
                run("worker", "systemctl", "start", "--no-block", WORKER)
                asked = time.monotonic()
            time.sleep(0.01)
    except Failure as failure:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # still waiting: then it will not happen any more
            raise Failure(failure.step, f"{failure.what}\nThe request was taken back") from None
        raise
    said = json.loads(verdict.read_text())
    verdict.unlink()
    print(said["text"], file=sys.stdout if said["ok"] else sys.stderr)
    return 0 if said["ok"] else 1


# Setting a host up.


WORKER_UNIT = f"""# {OURS} (components/host/protected-sites.py); edits here are lost.
[Unit]
Description=Protected Sites: takes waiting pushes live
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={PROGRAM} worker
ExecStopPost={PROGRAM} recover
NotifyAccess=main
WatchdogSec=45
WatchdogSignal=SIGKILL
TimeoutStopSec=90
LimitCORE=0
"""

RECOVER_UNIT = f"""# {OURS} (components/host/protected-sites.py); edits here are lost.
[Unit]
Description=Protected Sites: goes back where a push was cut off
DefaultDependencies=no
RequiresMountsFor=/etc /var/lib/protected-sites /usr/local/sbin
After=systemd-remount-fs.service systemd-tmpfiles-setup.service
Before=sockets.target nginx.service {WORKER}
ConditionPathExistsGlob=|{JOURNAL}
ConditionPathExistsGlob=|{QUEUE}/*

[Service]
Type=oneshot
ExecStart={PROGRAM} recover --boot
LimitCORE=0

[Install]
WantedBy=sysinit.target
"""


def sudo_rule(user: str) -> str:
    domain = "[a-z0-9][a-z0-9.-]*"
    return (
        f"# {OURS} (components/host/protected-sites.py); edits here are lost.\n"
        f"Defaults:{user} !requiretty, !lecture\n"
        f"{user} ALL=(root) NOPASSWD: "
        f"{PROGRAM} ^(push|credentials|status( --json)?|(remove|remove-credentials|rollback) {domain})$\n"
    )


def setup() -> int:
    """Makes a machine a proxy host; a second time it changes nothing."""
    bundle = Bundle.parse(read_input())
    facts = bundle.facts("host.json")
    wanted = {file.place: file.text for file in bundle.files if file.place}
    if set(wanted) - {NGINX_SHARED}:
        raise Failure("places", f"a host's files go to {NGINX_SHARED} only, got {', '.join(map(str, wanted))}")
    deployer = str(facts.get("deployer", "protected-sites"))
    release = facts["oauth2Proxy"]
    own = {
        UNITS / WORKER: (WORKER_UNIT, 0o644),
        UNITS / RECOVER: (RECOVER_UNIT, 0o644),
        SUDO_RULE: (sudo_rule(deployer), 0o440),
    }
    for place in [*wanted, *own]:
        if os.path.lexists(place) and OURS not in (read_text(place) or "").split("\n")[0]:
            raise Failure("places", f"{place} is there already and is not ours; move it away")
    if os.path.lexists(OAUTH2_PROXY) and not os.path.realpath(OAUTH2_PROXY).startswith(f"{OAUTH2_PROXY_VERSIONS}/"):
        raise Failure("places", f"{OAUTH2_PROXY} is there already and is not ours; move it away")

    done: list[str] = []
    packages = [
        name for name, file in (("nginx", "/usr/sbin/nginx"), ("sudo", "/usr/bin/sudo")) if not Path(file).exists()
    ]
    if packages:
        apt = ("apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages)
        run("packages", *apt, timeout=600, env={"DEBIAN_FRONTEND": "noninteractive"})
        done.append(f"installed {', '.join(packages)}")
    for folder, mode in ((STATE, 0o755), (QUEUE, 0o700), (VERDICTS, 0o700), (ROOT, 0o755), (SITES, 0o755)):
        make_folder(folder, mode)
    made = json.loads(read_text(MADE) or "{}")
    for user, home in ((SERVICE_USER, "/nonexistent"), (deployer, str(STATE / "deployer"))):
        try:
            pwd.getpwnam(user)
        except KeyError:
            shell = "/bin/sh" if user == deployer else "/usr/sbin/nologin"
            useradd = ("useradd", "--system", "--user-group", "--no-create-home", "--password=*")
            run("users", *useradd, f"--home-dir={home}", f"--shell={shell}", user)
            made["users"] = [*made.get("users", []), user]
            done.append(f"user {user}")
    make_folder(CREDENTIALS, 0o750, grp.getgrnam(SERVICE_USER).gr_gid)
    make_folder(OAUTH2_PROXY_FILES, 0o755)
    make_folder(LOG.parent, 0o750)
    replace_file(MADE, json.dumps(made))
    with lock():
        done += install_units(own)
        done += install_shared_nginx(wanted, made)
        done += install_oauth2_proxy(release, facts.get("allowVulnerableOauth2Proxy") is True)
    host = json.dumps(facts, indent=2) + "\n"
    if read_text(HOST) != host:
        replace_file(HOST, host)
    print(f"{host_name()}: {'; '.join(done) or 'unchanged'}")
    return 0


def install_units(own: dict[Path, tuple[str, int]]) -> list[str]:
    changed = {place: new for place, new in own.items() if read_text(place) != new[0]}
    if SUDO_RULE in changed:
        with tempfile.TemporaryDirectory(dir="/run") as aside:
            candidate = Path(aside, "rule")
            write_new(candidate, changed[SUDO_RULE][0], 0o440)
            run("visudo -c", "visudo", "-c", "-q", "-f", str(candidate))
    for place, (text, mode) in changed.items():
        replace_file(place, text, mode)
    if changed:
        run("daemon-reload", "systemctl", "daemon-reload")
    if not holds("systemctl", "--quiet", "is-enabled", RECOVER):
        run("units", "systemctl", "--quiet", "enable", RECOVER)
    return [str(place) for place in changed]


def install_shared_nginx(wanted: dict[Path, str], made: dict[str, Any]) -> list[str]:
    """What all sites share; Debian's own default site, if nobody changed it, makes room."""
    done: list[str] = []
    text = wanted.get(NGINX_SHARED, "")
    default = DEFAULT_SITE.is_symlink()
    if default and os.path.realpath(DEFAULT_SITE) == str(PACKAGED_DEFAULT_SITE):
        packaged = run("default site", "dpkg-query", "--showformat=${Conffiles}\n", "--show", "nginx-common")
        digest = hashlib.md5(PACKAGED_DEFAULT_SITE.read_bytes(), usedforsecurity=False).hexdigest()
        if f"{PACKAGED_DEFAULT_SITE} {digest}" not in packaged:
            raise Failure("default site", f"{DEFAULT_SITE} is not as Debian packaged it; move it away")
    elif os.path.lexists(DEFAULT_SITE):
        raise Failure("default site", f"{DEFAULT_SITE} is not as Debian packaged it; move it away")
    changed = read_text(NGINX_SHARED) != text
    if changed or default:
        with tempfile.TemporaryDirectory(dir="/run") as aside:
            candidate = Path(aside, "shared.conf")
            write_new(candidate, text)
            check_nginx({}, {NGINX_SHARED: str(candidate), DEFAULT_SITE: None})
        if default:
            made["default_site"] = os.readlink(DEFAULT_SITE)
            replace_file(MADE, json.dumps(made))
            remove_link(DEFAULT_SITE)
            done.append("took Debian's default site out")
        if changed:
            replace_file(NGINX_SHARED, text)
            done.append(str(NGINX_SHARED))
        reload_nginx({})
    elif not nginx_runs():
        run("Nginx start", "systemctl", "start", "nginx.service")
        done.append("started Nginx")
    return done


def install_oauth2_proxy(release: dict[str, str], allow_vulnerable: bool) -> list[str]:
    """Gets the release if it is not there; restarts the instances one by one, and goes back if one stays down."""
    version, url, digest = release["version"], release["url"], release["sha256"]
    binary = OAUTH2_PROXY_VERSIONS / version / "oauth2-proxy"
    done: list[str] = []
    if not binary.exists():
        if not url.startswith("https://"):
            raise Failure("oauth2-proxy", f"its url must be https, got {url[:100]!r}")
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                archive = response.read(256 << 20)
        except (OSError, http.client.HTTPException) as error:
            raise Failure("oauth2-proxy", f"{url}: {error}") from None
        found = hashlib.sha256(archive).hexdigest()
        if found != digest:
            raise Failure("oauth2-proxy", f"{url}: its SHA-256 is {found}; right is {digest}")
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            member = next((item for item in packed if item.isfile() and item.name.endswith("/oauth2-proxy")), None)
            content = packed.extractfile(member) if member else None
            if content is None:
                raise Failure("oauth2-proxy", f"{url} holds no file oauth2-proxy")
            make_folder(OAUTH2_PROXY_VERSIONS, 0o755)
            make_folder(binary.parent, 0o755)
            replace_file(binary, content.read(), 0o755)
        done.append(f"oauth2-proxy {version}")
    said = run("oauth2-proxy", str(binary), "--version")
    if f"v{version}" not in said.split():
        raise Failure("oauth2-proxy", f"{binary} says it is {said.strip()[:80]!r}; right is v{version}")
    old = os.readlink(OAUTH2_PROXY) if OAUTH2_PROXY.is_symlink() else None
    if old != str(binary):
        replace_link(OAUTH2_PROXY, str(binary))
        done.append(f"{OAUTH2_PROXY} is {version}")
    try:
        check_version(allow_vulnerable)
        run_everywhere(binary)
    except Failure as failure:
        if old is None:
            remove_link(OAUTH2_PROXY)
        elif old != str(binary):
            replace_link(OAUTH2_PROXY, old)
            run_everywhere(Path(old))
        raise Failure(failure.step, f"{failure.what}\nlive now: {old or 'no oauth2-proxy'}") from None
    return done


def run_everywhere(binary: Path) -> None:
    """Has every instance run the binary, one after the other; also after an upgrade that was cut off."""
    for site in all_sites():
        live = site.live()
        if live is not None:
            main = run("instance", "systemctl", "show", "--property=MainPID", "--value", site.service).strip()
            runs_other = main != "0" and os.path.realpath(f"/proc/{main}/exe") != str(binary)
            start_instance(site, port_of(site.bundle(live)), restart=runs_other)


def teardown() -> int:
    """Puts back what was there before the set-up. Packages stay, and so does everything that is not ours."""
    if all_sites():
        raise Failure("teardown", f"still on this host: {', '.join(site.domain for site in all_sites())}")
    made = json.loads(read_text(MADE) or "{}")
    with lock():
        for unit in (WORKER, RECOVER):
            run_quietly("systemctl", "--quiet", "disable", "--now", unit)
        for place in (NGINX_SHARED, UNITS / WORKER, UNITS / RECOVER, SUDO_RULE):
            if OURS in (read_text(place) or "").split("\n")[0]:
                place.unlink()
        if "default_site" in made and not os.path.lexists(DEFAULT_SITE):
            replace_link(DEFAULT_SITE, made["default_site"])
        run("daemon-reload", "systemctl", "daemon-reload")
        if nginx_runs():
            check_nginx({}, {})
            reload_nginx({})
        if OAUTH2_PROXY.is_symlink() and os.readlink(OAUTH2_PROXY).startswith(f"{OAUTH2_PROXY_VERSIONS}/"):
            remove_link(OAUTH2_PROXY)
        for folder in (OAUTH2_PROXY_VERSIONS, ROOT, STATE, LOG.parent):
            remove_folder(folder)
        with contextlib.suppress(OSError):
            OAUTH2_PROXY_FILES.rmdir()
        for user in made.get("users", []):
            run_quietly("userdel", user)
    LOCK.unlink(missing_ok=True)
    print("taken down")
    return 0


def authorize() -> int:
    """Sets who may push: the public keys on standard input, and no others."""
    keys = [line.strip() for line in read_input().splitlines() if line.strip()]
    for key in keys:
        if not re.fullmatch(r"(ssh-ed25519|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( [ -~]*)?", key):
            raise Failure("input", f"not a public SSH key: {key[:60]!r}")
    if not keys:
        raise Failure("input", "it must hold at least one public SSH key")
    deployer = json.loads(read_text(HOST) or "{}").get("deployer", "protected-sites")
    folder = Path(pwd.getpwnam(deployer).pw_dir)
    for made in (folder, folder / ".ssh"):
        make_folder(made, 0o755)
    # Root's own: whoever logs in with a key cannot add another.
    replace_file(folder / ".ssh" / "authorized_keys", "".join(f"restrict {key}\n" for key in keys))
    print(f"{host_name()}: {len(keys)} key{'s' if len(keys) > 1 else ''} may push")
    return 0


def drift_of(site: Site) -> list[str]:
    """What of a site is not as it was pushed."""
    live = site.live()
    if live is None:
        return ["it has no live generation"]
    bundle = site.bundle(live)
    missing = [file.name for file in bundle.files if read_text(site.current / file.name) is None]
    drift = [f"{name} is missing" if name in missing else f"{name} differs" for name in site.changed(bundle)]
    drift += [f"{link} is missing" for link in site.links(bundle) if not link.is_symlink()]
    # An inactive service is well: the next connection to its socket starts it.
    for unit, well in ((site.socket, {"active"}), (site.service, {"active", "inactive"})):
        state = unit_state(unit)
        if state["ActiveState"] not in well:
            drift.append(f"{unit} is {state['ActiveState']}")
        if state["NeedDaemonReload"] == "yes":
            drift.append(f"{unit} is not what systemd has loaded")
    answer = answers_as(site)
    return drift if answer == f"generation {live}" else [*drift, f"Nginx answers as {answer}"]


def extra_of(site: Site) -> list[str]:
    """What somebody has added to a site, which a push neither reads nor takes away; and an old program that runs."""
    live = site.live()
    if live is None:
        return []
    known = {"bundle", "generation.conf", *(file.name for file in site.bundle(live).files)}
    extra = [f"{name} is extra" for name in sorted({*os.listdir(site.current)} - known)]
    for unit in (site.socket, site.service):
        state = unit_state(unit)
        extra += [f"{path} changes the unit" for path in state["DropInPaths"].split() if f"/{unit}.d/" in path]
        main = state.get("MainPID", "0")
        with contextlib.suppress(OSError):
            if main != "0" and os.path.realpath(f"/proc/{main}/exe") != os.path.realpath(OAUTH2_PROXY):
                extra.append(f"{unit} runs {os.readlink(f'/proc/{main}/exe')}")
    return extra


def site_status(site: Site) -> dict[str, Any]:
    """A site for machines. Its `files` are the SHA-256 of what was pushed, for comparison with a configuration."""
    live = site.live()
    found: dict[str, Any] = {"domain": site.domain, "generation": live, "generations": site.numbers()}
    drift, files, end = [*drift_of(site), *extra_of(site)], {}, None
    if live is not None:
        bundle = site.bundle(live)
        files = {file.name: sha256_of(f"{file.place or ''}\n{file.text}") for file in bundle.files}
        try:
            end = certificate_end(site, bundle)
        except (OSError, ValueError) as error:
            drift.append(f"the certificate: {error}")
    return found | {"drift": drift, "files": files, "certificateEnds": end}


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def host_drift(sites: list[Site]) -> list[str]:
    """What of the host, apart from its sites, is not as it was set up; and links of sites that are gone."""
    deployer = str(json.loads(read_text(HOST) or "{}").get("deployer", "protected-sites"))
    own = {UNITS / WORKER: WORKER_UNIT, UNITS / RECOVER: RECOVER_UNIT, SUDO_RULE: sudo_rule(deployer)}
    drift = [f"{place} differs" for place, text in own.items() if read_text(place) != text]
    if JOURNAL.exists():
        drift.append("a push is under way, or was cut off")
    if not nginx_runs():
        drift.append("nginx.service is not active")
    known = {str(site.folder) for site in sites}
    for folder in (NGINX_SITES, OAUTH2_PROXY_FILES, UNITS):
        for link in sorted(folder.iterdir()) if folder.is_dir() else []:
            target = os.readlink(link) if link.is_symlink() else ""
            if target.startswith(f"{SITES}/") and not any(target.startswith(f"{site}/") for site in known):
                drift.append(f"{link} is left of a site that is gone")
    return drift


def status(as_json: bool) -> int:
    """What is on the host. Changes nothing; 1 if something is not as it should be."""
    sites = all_sites()
    found = {
        "host": host_name(),
        "program": sha256_of(PROGRAM.read_text()),
        "sharedNginx": sha256_of(read_text(NGINX_SHARED) or ""),
        "oauth2Proxy": run_quietly(str(OAUTH2_PROXY), "--version").strip(),
        "nginx": run_quietly("nginx", "-v").strip().removeprefix("nginx version: "),
        "unfinished": JOURNAL.exists(),
        "drift": host_drift(sites),
        "sites": [site_status(site) for site in sites],
    }
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for line in found["drift"]:
            print(f"this host  {line}")
        for site, shown in zip(sites, found["sites"], strict=True):
            print(f"{site.domain}  {site.live_text()}  {'; '.join(shown['drift']) or 'as pushed'}")
    return 1 if found["drift"] or any(shown["drift"] for shown in found["sites"]) else 0


def recover(boot: bool) -> int:
    """What is left to do for a worker that has ended, which is nothing where it ended by itself."""
    if JOURNAL.exists() or any(QUEUE.glob("*.taken")):
        with lock():
            go_back_if_unfinished(booting=boot)
    return 0


def work_and_return() -> int:
    work()
    return 0


def out_of_time(*_: Any) -> None:
    raise Failure("waiting", "no verdict in time; see pushes.jsonl on the host for how it ends")


def check() -> int:
    """Says that the program arrived whole, and that this Python can run it."""
    print("whole" if sys.version_info >= (3, 11) else f"Python 3.11 or newer is needed, got {sys.version.split()[0]}")
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="protected-sites", description="Changes a proxy host of Protected Sites.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="makes this machine a proxy host (bundle on standard input)")
    commands.add_parser("teardown", help="puts back what was there before")
    commands.add_parser("authorize", help="sets who may push (public keys on standard input)")
    commands.add_parser("push", help="takes a site live (bundle on standard input)")
    commands.add_parser("remove", help="removes a site").add_argument("domain")
    commands.add_parser("rollback", help="pushes a site's previous generation again").add_argument("domain")
    proved = commands.add_parser("credentials", help="proves a site's credentials, then switches (standard input)")
    proved.add_argument("--patience", type=float, default=120, help="seconds to wait for Entra to know them")
    commands.add_parser("remove-credentials", help="removes a site's credentials").add_argument("domain")
    commands.add_parser("status", help="what is on this host").add_argument("--json", action="store_true")
    commands.add_parser("worker", help="started by systemd")
    commands.add_parser("recover", help="started by systemd").add_argument("--boot", action="store_true")
    rehearsal = commands.add_parser("rehearse", help="started by the worker")
    rehearsal.add_argument("--names", default="")
    rehearsal.add_argument("domains", nargs="+")
    commands.add_parser("check", help="whether this program is whole")
    given = parser.parse_args(arguments)
    actions: dict[str, Callable[[], int]] = {
        "setup": setup,
        "teardown": teardown,
        "authorize": authorize,
        "push": push,
        "remove": lambda: submit("remove", Site(given.domain).domain),
        "rollback": lambda: rollback(given.domain),
        "credentials": lambda: credentials(given.patience),
        "remove-credentials": lambda: submit("remove-credentials", Site(given.domain).domain),
        "status": lambda: status(given.json),
        "worker": work_and_return,
        "recover": lambda: recover(given.boot),
        "rehearse": lambda: rehearse([Site(domain) for domain in given.domains], given.names.split(",")),
        "check": check,
    }
    os.umask(0o022)
    if given.command not in {"worker", "recover", "check"}:
        signal.signal(signal.SIGALRM, out_of_time)
        signal.alarm(900 if given.command == "setup" else 600)
    try:
        if os.geteuid() != 0 and given.command != "check":
            raise Failure("start", "it must run as root")
        return actions[given.command]()
    except (Failure, OSError) as error:
        failure = Failure.of(error)
        what = "\n  ".join(failure.what.splitlines())
        print(f"protected-sites {given.command}: failed in step {failure.step!r}\n  {what}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
