"""The Content-Security-Policy of an HTML report: what makes a page self-contained, whatever a template puts into it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from reportgen.errors import ReportgenError

HEAD_CHARACTERS = 65_536
# Elements that load nothing, and may stand before the policy.
BEFORE = frozenset({"html", "head", "meta", "title"})
SOURCES = re.compile(r"'none'|'unsafe-inline'|'sha(?:256|384|512)-[A-Za-z0-9+/=]+'|data:")


def require_policy(page: Path) -> None:
    """Make sure that a browser loads nothing for this page but what is in it.

    Raises:
        ReportgenError: there is no policy before the first element that could load something, or it lets something in.
    """
    with page.open(encoding="utf-8") as file:
        head = _Head(file.read(HEAD_CHARACTERS))
    if head.policy is None or not _is_closed(head.policy):
        raise ReportgenError(
            "template: the page has lost its Content-Security-Policy, which keeps it from loading anything; "
            "extend base/report.html, or copy the <meta> from there to the top of the head"
        )


class _Head(HTMLParser):
    """The policy of a page, if it comes in time."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.policy: str | None = None
        self._late = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._late or self.policy is not None:
            return
        given = dict(attrs)
        kind = (given.get("http-equiv") or "").lower()
        if tag == "meta" and kind == "content-security-policy":
            self.policy = given.get("content") or ""
        elif tag not in BEFORE or kind:
            self._late = True


def _is_closed(policy: str) -> bool:
    directives = [words for text in policy.split(";") if (words := text.split())]
    closed = all(SOURCES.fullmatch(source) for words in directives for source in words[1:])
    return closed and ["default-src", "'none'"] in directives
