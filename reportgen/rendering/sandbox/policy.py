"""The Content-Security-Policy of an HTML report: what makes a page self-contained, whatever a template puts into it."""

from __future__ import annotations

import re
from pathlib import Path

from reportgen.utils.errors import ReportgenError

# Matched, not parsed: a parser that is not the browser's sees another tree, and a policy outside the head counts for nothing.
HEAD = re.compile(
    rb'\s*<!DOCTYPE html>\s*<html[^<>]*>\s*<head>\s*(?:<meta charset="utf-8">\s*)?'
    rb'<meta http-equiv="Content-Security-Policy" content="([^"<>]*)">',
    re.IGNORECASE,
)
# A second one can only be there to lead away: no policy keeps a page from refreshing to another address.
HTTP_EQUIV = re.compile(rb"<meta[^>]*http-equiv", re.IGNORECASE)
SOURCES = re.compile(r"'none'|'unsafe-inline'|'sha(?:256|384|512)-[A-Za-z0-9+/=]+'|data:")


def require_policy(page: Path) -> None:
    """Make sure that a browser loads nothing for this page but what is in it.

    Raises:
        ReportgenError: the page does not begin with a policy, or it lets something in, or it is not the only one.
    """
    text = page.read_bytes()
    head = HEAD.match(text)
    if head is None or not _is_closed(head[1].decode("utf-8", "replace")) or HTTP_EQUIV.search(text, head.end()):
        raise ReportgenError(
            "template: the page has lost its Content-Security-Policy, which keeps it from loading anything; "
            "extend base/report.html, or begin the page as that does, with this one <meta http-equiv>"
        )


def _is_closed(policy: str) -> bool:
    directives = [words for text in policy.split(";") if (words := text.split())]
    closed = all(SOURCES.fullmatch(source) for words in directives for source in words[1:])
    return closed and ["default-src", "'none'"] in directives
