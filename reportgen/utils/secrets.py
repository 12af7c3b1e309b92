"""Keeping secrets out of what is said: in messages, in answers of servers, in what libraries write to the log."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

BLOT = "[token]"
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|CREDENTIAL", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")
SHORTEST = 6  # characters; a shorter value would blot out words that are no secret


def without_secret(secret: str, text: str) -> str:
    """The text with the secret taken out, also as it stands in an address, in HTML, in JSON, or in an error of Python's."""
    # An error may show a whole header, whose other characters decide which quotes have a backslash.
    doubled = secret.replace("\\", "\\\\")
    of_python = (doubled, doubled.replace("'", "\\'"))
    forms = (secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret), json.dumps(secret)[1:-1])
    for form in dict.fromkeys((*forms, *of_python)):
        text = text.replace(form, BLOT)
    return text


def without_secrets(environ: Mapping[str, str], text: str) -> str:
    """The text with the values of all variables taken out whose names say that they are secret, and passwords in addresses."""
    text = re.sub(r"(?<=://)[^/\s@'\"]+@", f"{BLOT}@", text)
    for name, value in environ.items():
        if len(value) >= SHORTEST and _SECRET_NAME.search(name):
            text = without_secret(value, text)
    return text


def is_address(text: str) -> bool:
    """Whether a text is an address, `s3://bucket/photos`, and no path."""
    return _ADDRESS.match(text) is not None


def shown_address(address: str) -> str:
    """An address without name, password, query and fragment, any of which may hold a secret; a path as it is."""
    if not is_address(address):
        return address
    scheme, rest = address.split("://", 1)
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


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
