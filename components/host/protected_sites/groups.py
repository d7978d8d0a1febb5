"""What the worker does to several sites at once, and to some of them where it cannot be done to all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Each = TypeVar("Each")


def divided(
    action: Callable[[list[Each]], list[Each]],
    group: list[Each],
    error: Exception,
    fail: Callable[[Each, Exception], None],
) -> list[Each]:
    """Tries each half of a group that failed, down to those that fail alone, which are settled with their error. Returns
    those with which it went well."""
    if len(group) == 1:
        fail(group[0], error)
        return []
    half = len(group) // 2
    return action(group[:half]) + action(group[half:])
