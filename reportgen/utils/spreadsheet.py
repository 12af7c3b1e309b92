"""Texts in CSV files that a spreadsheet would take for a formula, and run."""

from __future__ import annotations

# A spreadsheet runs a cell that begins with one of these (OWASP, CSV injection); a file name or a concept may.
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
TEXT = "'"  # before a cell it says that text follows


def as_text(text: str, *, undone: bool = False) -> str:
    """The text of a cell, with an apostrophe before what would run.

    Args:
        undone: whether the file is read again (`without_mark`): then a text that begins with an apostrophe gets another one.
    """
    return f"{TEXT}{text}" if text.startswith((*FORMULA, TEXT) if undone else FORMULA) else text


def without_mark(text: str) -> str:
    """What `as_text(..., undone=True)` was given; an apostrophe before anything else belongs to the text."""
    return text[1:] if text.startswith(TEXT) and text[1:].startswith((*FORMULA, TEXT)) else text
