"""Errors that a user can cause. Each is one clear line and knows its exit code (docs/run-folder.md, Exit codes)."""

from __future__ import annotations

from collections.abc import Sequence


def first_line(error: BaseException, most: int = 200) -> str:
    """What an error of a library says, in one line: the first of its message, or its class where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:most]


class ReportgenError(Exception):
    """Something a user can put right. `str(error)` is one line: what is wrong, with which file, what to do."""

    exit_code = 2

    @property
    def lines(self) -> Sequence[str]:
        """What to print: one line for each problem."""
        return (str(self),)


class CheckFailed(ReportgenError):
    """A check that was asked for did not pass: `--strict`, a gate, validate, verify."""

    exit_code = 1


class UsageError(ReportgenError):
    """Wrong usage or settings: an unknown model, a misspelt key, missing weights."""

    exit_code = 2


class Problems(UsageError):
    """Several problems at once, a line each."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self._lines = tuple(lines)

    @property
    def lines(self) -> Sequence[str]:
        return self._lines


class NothingToDo(ReportgenError):
    """There is no readable image to explain."""

    exit_code = 3
