"""The systemd units, the sudo rule and the rotation of its log that the program brings itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .places import (
    ADDRESSES,
    CERTBOT_DROP_IN,
    FOLLOWER,
    JOURNAL,
    LOG,
    LOG_ROTATION,
    METRICS,
    METRICS_TIMER,
    NGINX_DROP_IN,
    OURS,
    PROGRAM,
    QUEUE,
    RECOVER,
    TEXTFILES,
    UNITS,
    WORKER,
)

WORKER_UNIT = f"""# {OURS} (components/host/protected_sites); edits here are lost.
[Unit]
Description=Protected Sites: push worker
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={PROGRAM} worker
ExecStopPost={PROGRAM} recover
# A signal to the whole unit kills that as well (systemd 262); the next worker starts with recovery.
Restart=on-abnormal
RestartSec=1
NotifyAccess=main
WatchdogSec=45
WatchdogSignal=SIGKILL
TimeoutStopSec=90
LimitCORE=0
"""

RECOVER_UNIT = f"""# {OURS} (components/host/protected_sites); edits here are lost.
[Unit]
Description=Protected Sites: rolls back an interrupted push
DefaultDependencies=no
RequiresMountsFor=/etc /var/lib/protected-sites /usr/local
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

METRICS_UNIT = f"""# {OURS} (components/host/protected_sites); edits here are lost.
[Unit]
Description=Protected Sites: writes metrics for Prometheus
ConditionPathIsDirectory={TEXTFILES}

[Service]
Type=oneshot
ExecStart={PROGRAM} metrics --textfile {TEXTFILES}/protected-sites.prom
LimitCORE=0
"""

METRICS_TIMER_UNIT = f"""# {OURS} (components/host/protected_sites); edits here are lost.
[Unit]
Description=Protected Sites: writes metrics for Prometheus every five minutes

[Timer]
OnCalendar=*:0/5
RandomizedDelaySec=60

[Install]
WantedBy=timers.target
"""

FOLLOWER_UNIT = f"""# {OURS} (components/host/protected_sites); edits here are lost.
[Unit]
Description=Protected Sites: follows the addresses of backends given by name
ConditionPathExistsGlob={ADDRESSES}/*.conf
Wants=network-online.target
After=network-online.target nginx.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={PROGRAM} follow-addresses
Restart=always
RestartSec=2
LimitCORE=0

[Install]
WantedBy=multi-user.target
"""

# For the main process, which opens the log files of all sites; its workers have worker_rlimit_nofile.
NGINX_DROP_IN_TEXT = f"""# {OURS} (components/host/protected_sites); edits here are lost.
[Service]
LimitNOFILE=65536:524288
"""

# The program opens the log for each line, and makes it if there is none. `maxsize` bounds what the metrics read.
LOG_ROTATION_TEXT = f"""# {OURS} (components/host/protected_sites); edits here are lost.
{LOG} {{
    monthly
    maxsize 10M
    rotate 36
    compress
    delaycompress
    missingok
    notifempty
    nocreate
}}
"""


def certbot_drop_in(proxy: object) -> str:
    """For renewals, which certbot's own timer starts."""
    variable = f"Environment=HTTPS_PROXY={proxy}\n" if proxy else ""
    return f"# {OURS} (components/host/protected_sites); edits here are lost.\n[Service]\n{variable}"


OUR_FILES = {
    LOG_ROTATION: LOG_ROTATION_TEXT,
    NGINX_DROP_IN: NGINX_DROP_IN_TEXT,
    UNITS / WORKER: WORKER_UNIT,
    UNITS / RECOVER: RECOVER_UNIT,
    UNITS / FOLLOWER: FOLLOWER_UNIT,
    UNITS / METRICS: METRICS_UNIT,
    UNITS / METRICS_TIMER: METRICS_TIMER_UNIT,
}


def files_for(facts: Mapping[str, Any]) -> dict[Path, str]:
    """The files of a host with these facts."""
    certbot = {CERTBOT_DROP_IN: certbot_drop_in(facts.get("outboundProxy"))} if facts.get("acme") is True else {}
    return OUR_FILES | certbot


def sudo_rule(user: str) -> str:
    """Allows any arguments; deployer.py checks them. Uses nothing that sudo and sudo-rs read differently."""
    return (
        f"# {OURS} (components/host/protected_sites); edits here are lost.\n"
        f"{user} ALL=(root) NOPASSWD: {PROGRAM}\n"
    )
