"""What a template sees, as a type."""

from __future__ import annotations

from typing import Any, TypeAlias

# Plain data: keys as in report.json and docs/templates.md, values dict, list, str, int, float, bool or None. `Any`: a template reads
# the values, and whatever an analysis adds to an image or to the report is among them.
Plain: TypeAlias = dict[str, Any]
