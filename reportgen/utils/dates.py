"""The date that a report bears."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from reportgen.utils.errors import UsageError


def created() -> str:
    """The date of a report, ISO 8601 in UTC: now, or SOURCE_DATE_EPOCH.

    Raises:
        UsageError: SOURCE_DATE_EPOCH is no time.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        moment = datetime.fromtimestamp(int(epoch), timezone.utc) if epoch else datetime.now(timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"SOURCE_DATE_EPOCH is {epoch[:40]!r}: give whole seconds since 1970") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
