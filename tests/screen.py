"""A terminal of a few lines: what a user sees of what a program writes."""

from __future__ import annotations

import re

from rich.cells import cell_len

SEQUENCE = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])")


class Screen:
    """Lines of `width` cells. It knows the control sequences that reportgen uses, and fails on any other."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0
        self.wrapping = True
        self.wrapped = 0  # how often a line went on in the next one

    def feed(self, text: str) -> None:
        at = 0
        while at < len(text):
            found = SEQUENCE.match(text, at)
            if found:
                self._control(found[1], found[2])
                at = found.end()
                continue
            self._put(text[at])
            at += 1

    @property
    def shown(self) -> list[str]:
        """The lines, without what is empty at their ends and below them."""
        lines = ["".join(line).rstrip() for line in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _control(self, arguments: str, kind: str) -> None:
        line = self.lines[self.row]
        if kind == "K" and not arguments:
            del line[self.column :]
        elif kind == "J" and not arguments:
            del line[self.column :]
            del self.lines[self.row + 1 :]
        elif kind in "hl" and arguments == "?7":
            self.wrapping = kind == "h"
        else:
            assert kind == "m", f"unknown sequence {arguments}{kind}"

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row, self.column = self.row + 1, 0
            if self.row == len(self.lines):
                self.lines.append([])
        else:
            assert character.isprintable(), repr(character)
            cells = cell_len(character)
            if self.column + cells > self.width:
                if not self.wrapping:
                    return
                self.wrapped += 1
                self._put("\n")
            line = self.lines[self.row]
            line += [" "] * (self.column + cells - len(line))
            line[self.column : self.column + cells] = [character, *[""] * (cells - 1)]
            self.column += cells
