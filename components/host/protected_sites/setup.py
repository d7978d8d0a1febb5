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
from .bundle import Bundle, read_input
from .commands import PATH, holds, install_packages, run, run_quietly
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
    STATE,
    SUDO_RULE,
    TEXTFILES,
    VERDICTS,
    WORKER,
)
from .shared_nginx import shared_texts
from .sites import all_sites
from .units import OUR_UNITS, sudo_rule, units_for

# What is run here, by the package that has it. The last two are part of the smallest system up to Debian 13.
NEEDED = {"nginx": "nginx", "sudo": "sudo", "ip": "iproute2", "useradd": "passwd", "mount": "mount"}


def setup(repair: str | None) -> int:
    """Makes a machine a proxy host; a second time it changes nothing. For `repair` see announcement.py."""
    first = not HOST.exists()
    bundle = Bundle.parse(read_input())
    facts = bundle.facts("host.json")
    wanted = {file.place: file.text for file in bundle.files if file.place}
    if set(wanted) - {NGINX_SHARED}:
        raise Failure("places", f"a host's files go to {NGINX_SHARED} only, got {', '.join(map(str, wanted))}")
    deployer = str(facts.get("deployer", "protected-sites"))
    release = facts["oauth2Proxy"]
    own = {
        **{place: (text, 0o644) for place, text in units_for(facts).items()},
        SUDO_RULE: (sudo_rule(deployer), 0o440),
    }
    for place in [*wanted, *own]:
        if os.path.lexists(place) and OURS not in (read_text(place) or "").split("\n")[0]:
            raise Failure("places", f"{place} is there already and is not ours; move it away")
    if os.path.lexists(OAUTH2_PROXY) and not os.path.realpath(OAUTH2_PROXY).startswith(f"{OAUTH2_PROXY_VERSIONS}/"):
        raise Failure("places", f"{OAUTH2_PROXY} is there already and is not ours; move it away")

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
        done += install_shared_nginx(wanted, made)
        done += set_limits(str(facts.get("workerShutdownTimeout", "10m")), made)
        replace_file(MADE, json.dumps(made))
        vulnerable = facts.get("allowVulnerableOauth2Proxy") is True
        done += install_oauth2_proxy(release, vulnerable, facts.get("outboundProxy"))
    host = json.dumps(facts, indent=2) + "\n"
    if read_text(HOST) != host:
        replace_file(HOST, host)
    if read_text(SET_UP) != bundle.text:
        replace_file(SET_UP, bundle.text)
    keep_mark("host", repair, first=first)
    print(f"{host_name()}: {'; '.join(done) or 'unchanged'}")
    return 0


def check_ipv6() -> None:
    """Sites listen on both; where the kernel has no IPv6 at all, Nginx does not start, not even as it was packaged."""
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError as error:
        remedy = "boot it without ipv6.disable=1; the sysctl net.ipv6.conf.all.disable_ipv6=1 turns IPv6 off as well"
        raise Failure("Nginx", f"this host's kernel has no IPv6 ({error.strerror}), and sites listen on [::]; {remedy}") from None


def check_includes() -> None:
    """Debian's nginx.conf reads the folders in which our files lie; nginx.org's, for one, does not."""
    NGINX_SITES.mkdir(exist_ok=True)
    read = folders_read()
    for folder in (NGINX_SHARED.parent, NGINX_SITES):
        if folder not in read:
            line = f"include {folder}/*.conf;"
            raise Failure("Nginx", f"/etc/nginx/nginx.conf does not read {folder}; it needs this line in http {{ }}: {line}")


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
    if not holds("systemctl", "--quiet", "is-enabled", RECOVER):
        run("units", "systemctl", "--quiet", "enable", RECOVER)
    if not holds("systemctl", "--quiet", "is-enabled", FOLLOWER):
        run("units", "systemctl", "--quiet", "enable", FOLLOWER)
    if not holds("systemctl", "--quiet", "is-enabled", METRICS_TIMER):
        run("units", "systemctl", "--quiet", "enable", "--now", METRICS_TIMER)
    return [str(place) for place in changed]


def install_shared_nginx(wanted: dict[Path, str], made: dict[str, Any]) -> list[str]:
    """What all sites share; Debian's own default site, if nobody changed it, makes room."""
    done: list[str] = []
    texts = shared_texts(wanted.get(NGINX_SHARED, ""), nginx_says(), openssl_number())
    default = DEFAULT_SITE.is_symlink()
    if default and os.path.realpath(DEFAULT_SITE) == str(PACKAGED_DEFAULT_SITE):
        packaged = run("default site", "dpkg-query", "--showformat=${Conffiles}\n", "--show", "nginx-common")
        digest = hashlib.md5(PACKAGED_DEFAULT_SITE.read_bytes(), usedforsecurity=False).hexdigest()
        if f"{PACKAGED_DEFAULT_SITE} {digest}" not in packaged:
            raise Failure("default site", f"{DEFAULT_SITE} is not as Debian packaged it; move it away")
    elif os.path.lexists(DEFAULT_SITE):
        raise Failure("default site", f"{DEFAULT_SITE} is not as Debian packaged it; move it away")
    changed = [place for place, text in texts.items() if read_text(place) != text]
    if NGINX_HTTP2 in changed:  # first: a check reads it, and Nginx does not start where it is missing
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
            done.append("took Debian's default site out")
        if NGINX_SHARED in changed:
            replace_file(NGINX_SHARED, texts[NGINX_SHARED])
        done += map(str, changed)
        reload_nginx({})
    elif not nginx_runs():
        run("Nginx start", "systemctl", "start", "nginx.service")
        done.append("started Nginx")
    return done


def teardown() -> int:
    """Puts back what was there before the set-up. Packages stay, and so does everything that is not ours."""
    if all_sites():
        raise Failure("teardown", f"still on this host: {', '.join(site.domain for site in all_sites())}")
    made = json.loads(read_text(MADE) or "{}")
    with lock():
        for unit in (FOLLOWER, METRICS_TIMER, METRICS, WORKER, RECOVER):
            run_quietly("systemctl", "--quiet", "disable", "--now", unit)
        for place in (NGINX_SHARED, *OUR_UNITS, CERTBOT_DROP_IN, SUDO_RULE):
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
        # Before MADE goes with its folder: where a user stays, another teardown knows of it.
        for user in {*made.get("users", []), *deployers()}:
            remove_account(user)
            Path("/run/sudo/ts", user).unlink(missing_ok=True)  # where sudo has refused it something
        for folder in (OAUTH2_PROXY_VERSIONS, ROOT, STATE, LOG.parent):
            remove_folder(folder)
        with contextlib.suppress(OSError):
            OAUTH2_PROXY_FILES.rmdir()
    # Nginx makes one where it checks a file, too, also for a site that it then refuses.
    for folder in Path("/run").glob(f"{AUTH_CACHE_PREFIX}*"):
        remove_folder(folder)
    for place in (LOCK, ACME_LOCK, ANNOUNCEMENT):
        place.unlink(missing_ok=True)
    print("taken down")
    return 0


def deployers() -> list[str]:
    """Users who live in our folder: ours, also where an earlier teardown could not take one away and forgot it."""
    return [user.pw_name for user in pwd.getpwall() if user.pw_dir == str(STATE / "deployer")]


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
