"""Setting a host up, and taking it down again."""

from __future__ import annotations

import contextlib
import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

from .accounts import remove_account
from .acme import install_certbot
from .addresses import look_up_new, provide
from .announcement import keep_mark
from .blocked import NOBODY
from .bundle import Bundle
from .commands import PATH, install_packages, run, run_quietly, succeeds
from .failure import Failure
from .files import (
    make_folder,
    read_text,
    remove_folder,
    remove_link,
    replace_file,
    replace_link,
    write_new,
)
from .host import host_name, lock
from .inherited import folders_read
from .nginx import check_nginx, nginx_runs, reload_nginx
from .nginx_limits import set_limits, undo_limits
from .nginx_version import nginx_says, openssl_number
from .oauth2_proxy import install_oauth2_proxy
from .places import (
    ACME_LOCK,
    ANNOUNCEMENT,
    AUTH_CACHE_PREFIX,
    BLOCKED,
    BLOCKED_IN_FORCE,
    CERTBOT_DROP_IN,
    CREDENTIALS,
    DEFAULT_SITE,
    FOLLOWER,
    HOST,
    LOCK,
    LOG,
    MADE,
    METRICS,
    METRICS_TIMER,
    NGINX_DROP_IN,
    NGINX_HTTP2,
    NGINX_SHARED,
    NGINX_SITES,
    OAUTH2_PROXY,
    OAUTH2_PROXY_FILES,
    OAUTH2_PROXY_VERSIONS,
    OURS,
    PACKAGED_DEFAULT_SITE,
    PROMETHEUS,
    QUEUE,
    RECOVER,
    ROOT,
    SERVICE_USER,
    SET_UP,
    SITES,
    STARTING,
    STATE,
    SUDO_RULE,
    TEXTFILES,
    VERDICTS,
    WORKER,
)
from .shared_files import files_of, install_shared_files, remove_unused, version_of
from .shared_nginx import shared_texts
from .sites import all_sites
from .standard_input import read_input
from .units import OUR_FILES, files_for, sudo_rule

# Programs used here, and their packages. The last two are part of a minimal system up to Debian 13.
NEEDED = {"nginx": "nginx", "sudo": "sudo", "ip": "iproute2", "useradd": "passwd", "mount": "mount"}


def setup(name: str | None, repair: str | None) -> int:
    """Sets a machine up as a proxy host; running it again changes nothing. Without a name it keeps the one that it has.
    For `repair` see announcement.py."""
    first = not HOST.exists()
    bundle = Bundle.parse(read_input())
    facts = bundle.facts("host.json")
    wanted = {file.place: file.text for file in bundle.files if file.place}
    if set(wanted) - {NGINX_SHARED}:
        raise Failure("places", f"expected only {NGINX_SHARED}, got {', '.join(map(str, wanted))}")
    deployer = str(facts.get("deployer", "protected-sites"))
    release = facts["oauth2Proxy"]
    own = {
        **{place: (text, 0o644) for place, text in files_for(facts).items()},
        SUDO_RULE: (sudo_rule(deployer), 0o440),
    }
    for place in [*wanted, *own]:
        if os.path.lexists(place) and OURS not in (read_text(place) or "").split("\n")[0]:
            raise Failure("places", f"{place} already exists and is not managed by Protected Sites; move it away")
    if os.path.lexists(OAUTH2_PROXY) and not os.path.realpath(OAUTH2_PROXY).startswith(f"{OAUTH2_PROXY_VERSIONS}/"):
        raise Failure("places", f"{OAUTH2_PROXY} already exists and is not managed by Protected Sites; move it away")

    check_ipv6()
    done: list[str] = []
    if packages := [package for program, package in NEEDED.items() if not shutil.which(program, path=PATH)]:
        install_packages(*packages)
        done.append(f"installed {', '.join(packages)}")
    check_includes()
    if facts.get("acme") is True:
        done += install_certbot()
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
    make_folder(PROMETHEUS, 0o755)
    make_folder(LOG.parent, 0o750)
    replace_file(MADE, json.dumps(made))
    peers = look_up_new(wanted.get(NGINX_SHARED, ""), needed=False)
    with lock():
        done += install_units(own)
        provide(wanted.values(), peers)
        if not BLOCKED.exists():  # Nginx does not start without it
            replace_file(BLOCKED, read_text(BLOCKED_IN_FORCE) or NOBODY, 0o600)
        done += install_shared_files(bundle)
        done += install_shared_nginx(wanted, made)
        remove_unused(version_of(files_of(bundle)))
        done += set_limits(str(facts.get("workerShutdownTimeout", "10m")), made)
        replace_file(MADE, json.dumps(made))
        vulnerable = facts.get("allowVulnerableOauth2Proxy") is True
        done += install_oauth2_proxy(release, vulnerable, facts.get("outboundProxy"))
    host = json.dumps({"name": name or host_name(), **facts}, indent=2) + "\n"
    if read_text(HOST) != host:
        replace_file(HOST, host)
    if read_text(SET_UP) != bundle.text:
        replace_file(SET_UP, bundle.text)
    keep_mark("host", repair, first=first)
    print(f"{host_name()}: {'; '.join(done) or 'unchanged'}")
    return 0


def check_ipv6() -> None:
    """Sites listen on IPv4 and IPv6; without IPv6 in the kernel not even the packaged Nginx starts."""
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError as error:
        remedy = "boot it without ipv6.disable=1; the sysctl net.ipv6.conf.all.disable_ipv6=1 turns IPv6 off as well"
        raise Failure("Nginx", f"this host's kernel has no IPv6 ({error.strerror}), and sites listen on [::]; {remedy}") from None


def check_includes() -> None:
    """Debian's nginx.conf includes the folders of our files; others, such as nginx.org's, do not."""
    NGINX_SITES.mkdir(exist_ok=True)
    read = folders_read()
    for folder in (NGINX_SHARED.parent, NGINX_SITES):
        if folder not in read:
            line = f"include {folder}/*.conf;"
            raise Failure("Nginx", f"/etc/nginx/nginx.conf does not include {folder}; add this line in http {{ }}: {line}")


def install_units(own: dict[Path, tuple[str, int]]) -> list[str]:
    changed = {place: new for place, new in own.items() if read_text(place) != new[0]}
    if SUDO_RULE in changed:
        with tempfile.TemporaryDirectory(dir="/run") as aside:
            candidate = Path(aside, "rule")
            write_new(candidate, changed[SUDO_RULE][0], 0o440)
            run("visudo -c", "visudo", "-c", "-q", "-f", str(candidate))
    for place, (text, mode) in changed.items():
        place.parent.mkdir(exist_ok=True)
        replace_file(place, text, mode)
    if changed:
        run("daemon-reload", "systemctl", "daemon-reload")
    if not succeeds("systemctl", "--quiet", "is-enabled", RECOVER):
        run("units", "systemctl", "--quiet", "enable", RECOVER)
    if not succeeds("systemctl", "--quiet", "is-enabled", FOLLOWER):
        run("units", "systemctl", "--quiet", "enable", FOLLOWER)
    if not succeeds("systemctl", "--quiet", "is-enabled", METRICS_TIMER):
        run("units", "systemctl", "--quiet", "enable", "--now", METRICS_TIMER)
    return [str(place) for place in changed]


def install_shared_nginx(wanted: dict[Path, str], made: dict[str, Any]) -> list[str]:
    """Installs what all sites share; removes Debian's default site if it is unmodified."""
    done: list[str] = []
    texts = shared_texts(wanted.get(NGINX_SHARED, ""), nginx_says(), openssl_number())
    default = DEFAULT_SITE.is_symlink()
    if default and os.path.realpath(DEFAULT_SITE) == str(PACKAGED_DEFAULT_SITE):
        packaged = run("default site", "dpkg-query", "--showformat=${Conffiles}\n", "--show", "nginx-common")
        digest = hashlib.md5(PACKAGED_DEFAULT_SITE.read_bytes(), usedforsecurity=False).hexdigest()
        if f"{PACKAGED_DEFAULT_SITE} {digest}" not in packaged:
            raise Failure("default site", f"{DEFAULT_SITE} differs from Debian's package; move it away")
    elif os.path.lexists(DEFAULT_SITE):
        raise Failure("default site", f"{DEFAULT_SITE} differs from Debian's package; move it away")
    changed = [place for place, text in texts.items() if read_text(place) != text]
    if NGINX_HTTP2 in changed:  # first: the check reads it, and Nginx does not start without it
        replace_file(NGINX_HTTP2, texts[NGINX_HTTP2])
    if changed or default:
        with tempfile.TemporaryDirectory(dir="/run") as aside:
            candidate = Path(aside, "shared.conf")
            write_new(candidate, texts[NGINX_SHARED])
            check_nginx({}, {NGINX_SHARED: str(candidate), DEFAULT_SITE: None})
        if default:
            made["default_site"] = os.readlink(DEFAULT_SITE)
            replace_file(MADE, json.dumps(made))
            remove_link(DEFAULT_SITE)
            done.append("removed Debian's default site")
        if NGINX_SHARED in changed:
            replace_file(NGINX_SHARED, texts[NGINX_SHARED])
        done += map(str, changed)
        reload_nginx({})
    elif not nginx_runs():
        run("Nginx start", "systemctl", "start", "nginx.service")
        done.append("started Nginx")
    return done


def teardown() -> int:
    """Undoes the setup. Packages stay, and so does everything that is not ours."""
    if all_sites():
        raise Failure("teardown", f"still on this host: {', '.join(site.domain for site in all_sites())}")
    made = json.loads(read_text(MADE) or "{}")
    with lock():
        for unit in (FOLLOWER, METRICS_TIMER, METRICS, WORKER, RECOVER):
            run_quietly("systemctl", "--quiet", "disable", "--now", unit)
        for place in (NGINX_SHARED, *OUR_FILES, CERTBOT_DROP_IN, SUDO_RULE):
            if OURS in (read_text(place) or "").split("\n")[0]:
                place.unlink()
        undo_limits(made)
        with contextlib.suppress(OSError):
            NGINX_DROP_IN.parent.rmdir()
        with contextlib.suppress(OSError):
            CERTBOT_DROP_IN.parent.rmdir()
        (TEXTFILES / "protected-sites.prom").unlink(missing_ok=True)
        if "default_site" in made and not os.path.lexists(DEFAULT_SITE):
            replace_link(DEFAULT_SITE, made["default_site"])
        run("daemon-reload", "systemctl", "daemon-reload")
        if nginx_runs():
            check_nginx({}, {})
            reload_nginx({})
        if OAUTH2_PROXY.is_symlink() and os.readlink(OAUTH2_PROXY).startswith(f"{OAUTH2_PROXY_VERSIONS}/"):
            remove_link(OAUTH2_PROXY)
        # Before MADE is removed with its folder: if a user cannot be removed, the next teardown still knows it.
        for user in {*made.get("users", []), *deployers()}:
            remove_account(user)
            Path("/run/sudo/ts", user).unlink(missing_ok=True)  # exists if sudo has refused something
        for folder in (OAUTH2_PROXY_VERSIONS, ROOT, STATE, LOG.parent):
            remove_folder(folder)
        with contextlib.suppress(OSError):
            OAUTH2_PROXY_FILES.rmdir()
    # `nginx -t` creates these as well, even for a site that it then rejects.
    for folder in Path("/run").glob(f"{AUTH_CACHE_PREFIX}*"):
        remove_folder(folder)
    for place in (LOCK, STARTING, ACME_LOCK, ANNOUNCEMENT):
        place.unlink(missing_ok=True)
    print("torn down")
    return 0


def deployers() -> list[str]:
    """Users whose home is our folder: ours, even if an earlier teardown failed to remove one and forgot it."""
    return [user.pw_name for user in pwd.getpwall() if user.pw_dir == str(STATE / "deployer")]


def authorize() -> int:
    """Sets the keys that may push: the public keys on standard input, and no others."""
    keys = [line.strip() for line in read_input().splitlines() if line.strip()]
    for key in keys:
        if not re.fullmatch(r"(ssh-ed25519|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( [ -~]*)?", key):
            raise Failure("input", f"not a public SSH key: {key[:60]!r}")
    if not keys:
        raise Failure("input", "must contain at least one public SSH key")
    deployer = json.loads(read_text(HOST) or "{}").get("deployer", "protected-sites")
    folder = Path(pwd.getpwnam(deployer).pw_dir)
    for made in (folder, folder / ".ssh"):
        make_folder(made, 0o755)
    # Owned by root: the deployer cannot add another key.
    replace_file(folder / ".ssh" / "authorized_keys", "".join(f"restrict {key}\n" for key in keys))
    print(f"{host_name()}: {len(keys)} key{'s' if len(keys) > 1 else ''} may push")
    return 0
