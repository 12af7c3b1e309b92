"""Keeping secrets out of what is said: in messages, in answers of servers, in what libraries write to the log."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

BLOT = "[token]"
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|CREDENTIAL", re.IGNORECASE)
SHORTEST = 6  # characters; a shorter value would blot out words that are no secret


def without_secret(secret: str, text: str) -> str:
    """The text with the secret taken out, also as it stands in an address, in HTML, or in JSON."""
    forms = (secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret), json.dumps(secret)[1:-1])
    for form in dict.fromkeys(forms):
        text = text.replace(form, BLOT)
    return text


def without_secrets(environ: Mapping[str, str], text: str) -> str:
    """The text with the values of all variables taken out whose names say that they are secret, and passwords in addresses."""
    text = re.sub(r"(?<=://)[^/\s@'\"]+@", f"{BLOT}@", text)
    for name, value in environ.items():
        if len(value) >= SHORTEST and _SECRET_NAME.search(name):
            text = without_secret(value, text)
    return text


def shown_address(address: str) -> str:
    """An address without name, password, query and fragment, any of which may hold a secret."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return BLOT
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) if parts.netloc else address


@contextmanager
def unlogged(*loggers: str) -> Iterator[None]:
    """Libraries log headers and addresses, in which a server or a user may have put a secret."""
    known = [logging.getLogger(name) for name in loggers]
    levels = [logger.level for logger in known]
    for logger in known:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(known, levels, strict=True):
            logger.setLevel(level)
