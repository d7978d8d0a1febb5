"""Running other programs, and reading their output."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable

from .failure import Failure

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(step: str, *command: str, timeout: int = 30, env: dict[str, str] | None = None) -> str:
    """Runs a program and returns its output. Raises a Failure of the step if it fails."""
    import shlex  # most callers of a push, which wait for the worker, run nothing
    import subprocess

    still_alive()
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
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
        raise Failure(step, error_in(done.stdout) or f"{shlex.join(command)} exited with {done.returncode}")
    return done.stdout


def run_quietly(*command: str) -> str:
    with contextlib.suppress(Failure, OSError):
        return run("", *command)
    return ""


def succeeds(*command: str) -> bool:
    """Whether a program exits with 0."""
    import subprocess

    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30).returncode == 0


def install_packages(*names: str) -> None:
    """Installs packages of the distribution, without those that they only recommend."""
    run("packages", "apt-get", "-qq", "update", timeout=300)  # a fresh machine has no package lists yet
    apt = ("apt-get", "-qq", "install", "-y", "--no-install-recommends", *names)
    run("packages", *apt, timeout=600, env={"DEBIAN_FRONTEND": "noninteractive"})


def error_in(output: str) -> str:
    """The error in a program's output: its first line and two more, short enough for a message."""
    # systemd 262 logs the last of these for a unit, systemd 252 for itself.
    noise = r"^(Start|Stop|Scheduled)|Main process exited|Failed with result|Consumed|test failed$|\bFailed to .*\bignoring\b|^$"
    said = [line.strip() for line in output.splitlines() if not re.search(noise, line.strip())]
    wrong = r"emerg|error|fail|invalid|denied|unknown|in use|refus"
    first = next((at for at, line in enumerate(said) if re.search(wrong, line, re.IGNORECASE)), max(len(said) - 3, 0))
    return "\n".join(line[:300] for line in said[first : first + 3])


def still_alive() -> None:
    """Pings systemd's watchdog, which kills a worker that hangs; then `recover` rolls back."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        import socket  # most commands get here only as the worker

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, contextlib.suppress(OSError):
            notify.sendto(b"WATCHDOG=1", "\0" + address[1:] if address.startswith("@") else address)


def unit_log(unit: str, since: float) -> str:
    """The error in a unit's log since a time (seconds since 1970)."""
    succeeds("journalctl", "--sync")
    since_text = f"--since=@{since:.6f}"
    said = run("journal", "journalctl", f"--unit={unit}", since_text, "--output=cat", "--no-pager", "--quiet")
    return error_in(said) or f"{unit} logged nothing"


def unit_states(*units: str) -> dict[str, dict[str, str]]:
    """The state of units, by name. One call for all: with 100 sites a process for each takes long."""
    wanted = "Id,ActiveState,SubState,NeedDaemonReload,DropInPaths,MainPID,Listen"
    shown = run("systemctl show", "systemctl", "show", f"--property={wanted}", *units) if units else ""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def in_memory(units: Iterable[str]) -> bool:
    """Whether systemd knows any of these units, or once did: a file that is new to it, it reads when it starts the unit."""
    return run("systemctl list-units", "systemctl", "list-units", "--all", "--plain", "--no-legend", *units).strip() != ""


def unit_state(unit: str) -> dict[str, str]:
    return unit_states(unit)[unit]
