"""What was noticed while the input was read, for the report: what a reader must know, and which files were left alone."""

from __future__ import annotations

from collections import defaultdict

from reportgen.report.document import LeftAlone, Warning_

# Of the files that share a reason so many are named; the others are counted.
MOST_NAMED = 5


class Remarks:
    """Filled by every reader of the input, in any order; nothing in it stops a run."""

    def __init__(self) -> None:
        self._warnings: dict[tuple[str, str, str | None], Warning_] = {}
        self._left: dict[str, dict[str, None]] = defaultdict(dict)
        self._used: set[str] = set()
        self._silent: frozenset[str] = frozenset()

    def use(self, file: str) -> None:
        """A file beside the images that is understood, and read."""
        self._used.add(file)

    def silence(self, files: frozenset[str]) -> None:
        """Files that nobody gave, and that are only looked at: that one of them is left alone is not told."""
        self._silent |= files

    @property
    def seen(self) -> set[str]:
        """The files beside the images of which something was said: used, or left alone."""
        return self._used.union(*self._left.values())

    def warn(self, code: str, name: str, text: str, image: str | None = None) -> None:
        """A warning of the report: `code` for programs, `name` the words for it, `text` one sentence."""
        self._warnings.setdefault((code, text, image), Warning_(code=code, name=name, text=text, image=image))

    def leave(self, file: str, reason: str) -> None:
        """A file of the input that is not understood, or not meant, and why; the reason is what files are counted under."""
        if file in self._silent:
            self._used.add(file)
        else:
            self._left[reason].setdefault(file)

    @property
    def warnings(self) -> list[Warning_]:
        """In the order in which they were made."""
        return list(self._warnings.values())

    @property
    def left_alone(self) -> list[LeftAlone]:
        """By reason, in the order of the names; what one reader left and another used is not among them."""
        named = {reason: sorted(set(files) - self._used) for reason, files in sorted(self._left.items())}
        return [
            LeftAlone(reason=reason, count=len(files), names=files[:MOST_NAMED])
            for reason, files in named.items()
            if files
        ]
