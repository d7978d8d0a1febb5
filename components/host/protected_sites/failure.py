"""The error of a step."""

from __future__ import annotations


class Failure(Exception):
    """A step that failed, and why; `switched`: the change had gone live for a moment."""

    def __init__(self, step: str, what: str, *, switched: bool = False) -> None:
        super().__init__(f"{step}: {what}")
        self.step, self.what, self.switched = step, what, switched

    def as_text(self, command: str) -> str:
        """For whoever called a command."""
        what = "\n  ".join(self.what.splitlines())
        return f"protected-sites {command}: failed in step {self.step!r}\n  {what}"

    @staticmethod
    def of(error: Exception) -> Failure:
        """Any other exception is a broken host or a bug; the caller must see that as well."""
        if isinstance(error, Failure):
            return error
        if isinstance(error, OSError) and error.strerror:
            return Failure("files", f"{error.strerror}: {error.filename or 'while writing'}")
        return Failure("unexpected", f"{type(error).__name__}: {error}")
