"""Other programs, and what they say."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import subprocess

from .failure import Failure

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(step: str, *command: str, timeout: int = 30, env: dict[str, str] | None = None) -> str:
    """Runs a program and returns what it printed; its failure is the step's."""
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
        raise Failure(step, telling(done.stdout) or f"{shlex.join(command)} ended with {done.returncode}")
    return done.stdout


def run_quietly(*command: str) -> str:
    with contextlib.suppress(Failure, OSError):
        return run("", *command)
    return ""


def holds(*command: str) -> bool:
    """Whether a program that answers by its exit code says yes."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30).returncode == 0


def install_packages(*names: str) -> None:
    """Has the distribution's archive install packages, and nothing that is only recommended beside them."""
    run("packages", "apt-get", "-qq", "update", timeout=300)  # a bare machine knows of no packages yet
    apt = ("apt-get", "-qq", "install", "-y", "--no-install-recommends", *names)
    run("packages", *apt, timeout=600, env={"DEBIAN_FRONTEND": "noninteractive"})


def telling(output: str) -> str:
    """What a program said of what is wrong: the first such line and two more, short enough for an error message."""
    # systemd 262 says the last of these of a unit, systemd 252 of itself.
    noise = r"^(Start|Stop|Scheduled)|Main process exited|Failed with result|Consumed|test failed$|\bFailed to .*\bignoring\b|^$"
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


def unit_states(*units: str) -> dict[str, dict[str, str]]:
    """What systemd says of units, by their names. One question for all: with 100 sites a process for each takes long."""
    wanted = "Id,ActiveState,SubState,NeedDaemonReload,DropInPaths,MainPID,Listen"
    shown = run("systemctl show", "systemctl", "show", f"--property={wanted}", *units) if units else ""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def unit_state(unit: str) -> dict[str, str]:
    return unit_states(unit)[unit]
