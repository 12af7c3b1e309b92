"""Errors that a user can cause. Each is one clear line and knows its exit code (DESIGN: Commands)."""

from __future__ import annotations


class ReportgenError(Exception):
    """Something a user can mend. `str(error)` is one line: what is wrong, with which file, what to do."""

    exit_code = 2


class CheckFailed(ReportgenError):
    """A check that was asked for did not pass: `--strict`, a gate, validate, verify."""

    exit_code = 1


class UsageError(ReportgenError):
    """Wrong usage or settings: an unknown model, a misspelt key, missing weights."""

    exit_code = 2


class NothingToDo(ReportgenError):
    """There is no readable image to explain."""

    exit_code = 3
