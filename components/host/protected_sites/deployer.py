"""What the user may ask for whose SSH key the stack has.

The sudo rule (units.py) gives that user the program with any arguments: sudo-rs, which Ubuntu has as its sudo since
26.04, knows no regular expressions, and takes a wildcard for a text where sudo does not. So the guard is here.
"""

from __future__ import annotations

import json
import os
import re

from .failure import Failure
from .files import read_text
from .places import HOST

DOMAIN, MARK, NAME = "[a-z0-9][a-z0-9.-]*", "[0-9TZ:.-]+", "[A-Za-z0-9_-]+"

# Whole command lines, a pattern for each argument. With domains and marks for the states that hold such commands.
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
    """Refuses what the deployer must not ask for; sudo says who asks. Anybody else's rights are the host's own business."""
    if os.environ.get("SUDO_USER") == user() and not any(is_like(arguments, allowed) for allowed in ALLOWED):
        raise Failure("sudo", "this user may push and remove sites, and ask for the status; this is something else")


def is_like(arguments: list[str], patterns: tuple[str, ...]) -> bool:
    return len(arguments) == len(patterns) and all(map(re.fullmatch, patterns, arguments))
