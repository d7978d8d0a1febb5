"""What the deployer, the user whose SSH key is in the stack, may run.

The sudo rule (units.py) allows that user the program with any arguments: sudo-rs, Ubuntu's sudo since 26.04, supports
no regular expressions, and takes a wildcard literally where sudo does not. So the check is here.
"""

from __future__ import annotations

import json
import os
import re

from .failure import Failure
from .files import read_text
from .places import HOST

DOMAIN, MARK, NAME = "[a-z0-9][a-z0-9.-]*", "[0-9TZ:.-]+", "[A-Za-z0-9_-]+"

# Whole command lines, a pattern for each argument. States of earlier releases contain commands with domains and marks.
ALLOWED = (
    *(("push",), ("push", "--repair", MARK)),
    *(("credentials",), ("credentials", "--repair", MARK)),
    *(("status",), ("status", "--json")),
    ("forget-sessions",),
    *(("remove", DOMAIN), ("remove", DOMAIN, "--of", NAME)),
    *(("remove-credentials", DOMAIN), ("remove-credentials", DOMAIN, "--of", NAME)),
)


def user() -> str:
    """The user's name on this host."""
    return str(json.loads(read_text(HOST) or "{}").get("deployer", "protected-sites"))


def refuse_more(arguments: list[str]) -> None:
    """Raises a Failure for a command that the deployer may not run. Other users' rights are up to the host's admin."""
    if os.environ.get("SUDO_USER") == user() and not any(is_like(arguments, allowed) for allowed in ALLOWED):
        raise Failure("sudo", "not allowed: this user may only push and remove sites, and read the status")


def is_like(arguments: list[str], patterns: tuple[str, ...]) -> bool:
    return len(arguments) == len(patterns) and all(map(re.fullmatch, patterns, arguments))
