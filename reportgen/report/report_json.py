"""report.json: the Report as bytes, and back. Whatever way a report comes in, it passes `parse_report`."""

from __future__ import annotations

import json

from pydantic import ValidationError

from reportgen.report.document import Report
from reportgen.report.json_text import Misplaced, Path, read_json
from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.report.soundness import require_sound
from reportgen.utils.errors import UsageError
from reportgen.utils.json_types import JSON
from reportgen.utils.terminal_text import printable

REPORT = "report.json"
_MOST_MESSAGE = 200


def report_json(report: Report) -> bytes:
    """report.json's bytes: every key, null where there is nothing, no NaN."""
    return (json.dumps(report.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse_report(data: bytes, source: str, limits: ReadLimits = DEFAULT_LIMITS) -> Report:
    """report.json's bytes as a Report, without a folder.

    A report may come from anybody. What comes out of here holds to its types and to every rule of `soundness`, and so may be
    rendered, compared and packed without asking again.

    Args:
        source: where they come from, for messages.

    Raises:
        UsageError: they are no report of this schema, or one that breaks a rule; says where.
    """
    try:
        tree = read_json(data, limits)
        report = _typed(tree)
        require_sound(report)
    except Misplaced as error:
        raise UsageError(f"{source}: not a report of schema version 1 (at {error})") from None
    return report.as_read()


def _typed(tree: JSON) -> Report:
    try:
        return Report.model_validate(tree)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        said = "Input should be an object" if problem["type"] == "model_type" else problem["msg"]
        raise Misplaced(_path_in(tree, problem["loc"]), printable(said, _MOST_MESSAGE)) from None


def _path_in(tree: JSON, loc: Path) -> Path:
    """pydantic's place as one in the JSON: without the names of types that it tried; a key that is missing comes last."""
    path: list[str | int] = []
    for position, part in enumerate(loc):
        if isinstance(tree, dict) and isinstance(part, str) and part in tree:  # noqa: SIM114  # mypy cannot follow it as one
            tree = tree[part]
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
        elif position < len(loc) - 1 or not isinstance(tree, dict):
            continue
        path.append(part)
    return tuple(path)
