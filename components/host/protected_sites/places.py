"""Where everything is on a host, and other constants."""

from __future__ import annotations

from pathlib import Path

from . import plain_places

PROGRAM = Path("/usr/local/sbin/protected-sites")  # a link to a version's launcher; see install.py

ROOT = Path("/etc/protected-sites")
SITES = ROOT / "sites"
CREDENTIALS = ROOT / "credentials"
SHARED = ROOT / "shared"  # what sites have alike, by version; see shared_files.py
HOST = ROOT / "host.json"
PROMETHEUS = ROOT / "prometheus"  # targets for Prometheus' file_sd: one file for each site
ADDRESSES = Path(plain_places.ADDRESSES)
BLOCKED = ROOT / "blocked.conf"  # the people who get in nowhere; see blocked.py
STATE = Path(plain_places.STATE)
BLOCKED_IN_FORCE = STATE / "blocked"  # the same as Nginx has read it last
QUEUE = Path(plain_places.QUEUE)
VERDICTS = Path(plain_places.VERDICTS)
JOURNAL = Path(plain_places.JOURNAL)
COMMITTED = STATE / "committed.json"  # the journal of what has gone live, until every result is written
REPAIRS = STATE / "repairs"
SET_UP = STATE / "setup"  # the bundle of the last setup
MADE = STATE / "made.json"  # what the setup created, and the teardown removes
ANNOUNCEMENT = Path("/run/protected-sites-announcement.json")
LOCK = Path(plain_places.LOCK)
STARTING = Path(plain_places.STARTING)
LOG = Path("/var/log/protected-sites/pushes.jsonl")

NGINX_SITES = Path("/etc/nginx/sites-enabled")
NGINX_SHARED = Path("/etc/nginx/conf.d/protected-sites.conf")
NGINX_HTTP2 = ROOT / "http2.conf"  # what each site's server says about HTTP/2
NGINX_CONF = Path("/etc/nginx/nginx.conf")  # the distribution's own
NGINX_MAIN = Path("/etc/nginx/modules-enabled/zz-protected-sites.conf")  # Debian's nginx.conf includes it outside of http
NGINX_PID = Path("/run/nginx.pid")
NGINX_ERRORS = Path("/var/log/nginx/error.log")
NGINX_LOGS = Path("/var/log/nginx")
OAUTH2_PROXY_FILES = Path("/etc/oauth2-proxy")
OAUTH2_PROXY = Path("/usr/local/bin/oauth2-proxy")
OAUTH2_PROXY_VERSIONS = Path("/opt/oauth2-proxy")
UNITS = Path("/etc/systemd/system")
CERTBOT_DROP_IN = UNITS / "certbot.service.d" / "00-protected-sites.conf"
NGINX_DROP_IN = UNITS / "nginx.service.d" / "00-protected-sites.conf"  # so that any other drop-in comes after it
SUDO_RULE = Path("/etc/sudoers.d/protected-sites")
LOG_ROTATION = Path("/etc/logrotate.d/protected-sites")
DEFAULT_SITE = Path("/etc/nginx/sites-enabled/default")
PACKAGED_DEFAULT_SITE = Path("/etc/nginx/sites-available/default")

AUTH_CACHE_PREFIX = "protected-sites-auth_"  # of folders in /run, which Nginx creates for sites with authCache

CERTBOT = Path("/usr/bin/certbot")
LETSENCRYPT = Path("/etc/letsencrypt")
ACME_FOLDER = Path("/var/www/certbot")  # from which Nginx answers an ACME server's challenges
ACME_LOCK = Path("/run/protected-sites-acme.lock")

WORKER = plain_places.WORKER
RECOVER = "protected-sites-recover.service"
FOLLOWER = "protected-sites-addresses.service"
METRICS = "protected-sites-metrics.service"
METRICS_TIMER = "protected-sites-metrics.timer"
TEXTFILES = Path("/var/lib/prometheus/node-exporter")  # where Debian's node exporter looks
SERVICE_USER = "oauth2-proxy"
OURS = "Written by Protected Sites"  # in the first line of every file of ours that is not a link
