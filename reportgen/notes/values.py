"""What stands in the braces of a note: the id of a finding, or a path to a number of the report and how it is shown.

    {{ C3 }}                                        a link to finding C3
    {{ findings.L2.value }}                         its first number; also .n .p .p_corrected .ci .needed .verdict
    {{ findings.C3.evidence.NAME }}                 one of its numbers; also .n .p .ci behind NAME
    {{ images["goldfish.jpg"].agreement.iou | 2 }}  what was measured on an image, with two digits after the point
    {{ totals.images }}, {{ dissection[0].n_images }}, {{ gates["min_iou"].value }}, {{ provenance.seed }}
    ... | 3    ... | percent    ... | percent 1     digits after the point; a share as a percentage

A path is names, `["text"]` and `[0]`, and looks data up: nothing is called, computed or repeated. It is no template language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from reportgen.notes.folder import nearest, of_name
from reportgen.report.document import Verdict
from reportgen.utils.json_types import JSON
from reportgen.utils.terminal_text import printable

Data: TypeAlias = Mapping[str, JSON]  # of JSON, an object
Step: TypeAlias = str | int
Role: TypeAlias = Literal["value", "p", "interval", "verdict"]
# What every report offers; an analysis' own numbers of the report stand beside them under its name.
ROOTS = ("findings", "images", "totals", "gates", "provenance")
_OF_FINDING = ("value", "n", "p", "p_corrected", "ci", "needed", "verdict", "evidence")
_OF_EVIDENCE = ("value", "n", "p", "ci")
_MOST_DECIMALS = 9
_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_STEP = re.compile(rf"\s*(?:\.\s*({_NAME})|\[\s*(?:\"([^\"]*)\"|'([^']*)'|(\d{{1,9}}))\s*\])")
_START = re.compile(_NAME)
_FORMAT = re.compile(r"(?:(\d)|(percent)(?:\s+(\d))?)")
_ID = re.compile(r"[^\W_][\w.@~/:+-]*")


class Unknown(ValueError):
    """An expression that means nothing here; its text says why, and what is near."""


@dataclass(frozen=True)
class Expression:
    """What stands in the braces, read.

    Attributes:
        finding: the id of a finding, where it is one alone; else empty.
        path: the steps to a value.
        decimals: digits after the point; None: as many as the value needs.
        percent: a share, shown times 100.
    """

    finding: str = ""
    path: tuple[Step, ...] = ()
    decimals: int | None = None
    percent: bool = False


@dataclass(frozen=True)
class Value:
    """A value of the report, and where a reader finds it.

    Attributes:
        role: how it is shown; of an interval `value` is its two ends.
        unit: `%` is of a share in [0, 1], which is shown times 100.
        target, of: what measured it: ("finding", id), ("image", name), or nothing.
    """

    value: JSON
    role: Role = "value"
    unit: str = ""
    target: str = ""
    of: str = ""


def read(text: str) -> Expression:
    """What stands in the braces.

    Raises:
        Unknown: it is neither the id of a finding nor a path with a format.
    """
    path, bar, form = text.partition("|")
    start = _START.match(path)
    steps: list[Step] = [start[0]] if start else []
    at = start.end() if start else 0
    while match := _STEP.match(path, at):
        name = next(part for part in match.groups() if part is not None)
        steps.append(int(name) if match[4] is not None else name)
        at = match.end()
    whole = bool(steps) and not path[at:].strip()
    if not bar and _ID.fullmatch(text) and not (whole and (len(steps) > 1 or steps[0] in ROOTS)):
        return Expression(finding=text)
    if not whole:
        raise Unknown(_malformed(text))
    if not bar:
        return Expression(path=tuple(steps))
    match = _FORMAT.fullmatch(form.strip())
    if match is None:
        raise Unknown(
            f"'{printable(form.strip(), 40)}' is no format; give the digits after the point (| 2), or | percent, | percent 1"
        )
    decimals = match[1] or match[3] or ("0" if match[2] else None)
    return Expression(path=tuple(steps), decimals=None if decimals is None else int(decimals), percent=bool(match[2]))


def _malformed(text: str) -> str:
    if not text:
        return r"nothing between {{ and }}; where braces are meant, write \{{"
    if "|" not in text and not re.search(r"[.\[]", text):
        return f"'{printable(text, 60)}' is no id of a finding"
    return (
        f"'{printable(text, 60)}' is no path; "
        'write names and ["text"], as in findings.C3.value or images["a.jpg"].correct'
    )


def by_path(report: Data) -> Data:
    """A report as plain data -> what paths begin in: records by their names, counts, and what analyses have added."""
    own = {name: value for name, value in report.items() if name not in _OF_REPORT}
    named: dict[str, JSON] = {
        "findings": _named(report["findings"], "id"),
        "images": {**_named(_cards(report), "name"), **_named(report["images"], "name")},
        "gates": _named(report["gates"], "name"),
        "totals": totals(report),
        "provenance": report["provenance"],
    }
    return {**own, **named}


def find(expression: Expression, data: Data) -> Value:
    """The value that a path leads to.

    Args:
        data: see `by_path`.

    Raises:
        Unknown: there is none; says where the path ends, and what is near.
    """
    root, steps = str(expression.path[0]), expression.path[1:]
    if root not in data:
        raise Unknown(f"nothing is called '{printable(root, 60)}' here{nearest(root, data)}")
    known = data[root]
    if root == "findings" and isinstance(known, Mapping):
        found = _of_finding(steps, known)
    elif root == "images" and isinstance(known, Mapping):
        name = _key(steps[:1], known, "images", "image")
        found = Value(_walked(known[name], steps[1:], f'images["{name}"]'), target="image", of=name)
    else:
        found = Value(_walked(known, steps, root))
    if isinstance(found.value, Mapping | list) and found.role != "interval":
        raise Unknown(f"{shown(expression.path)} is no single value{_parts(found.value)}")
    numeric = isinstance(found.value, int | float) and not isinstance(found.value, bool)
    numeric = numeric or found.value is None or found.role == "interval"
    if (expression.percent or expression.decimals is not None) and not numeric:
        raise Unknown(f"{shown(expression.path)} is no number; leave out what stands after |")
    return found


def shown(path: Sequence[Step]) -> str:
    """A path as it is written."""
    first, *rest = path
    plain = re.compile(_NAME)
    text = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" if plain.fullmatch(step) else f'["{step}"]'
        for step in rest
    )
    return printable(f"{first}{text}", 120)


def totals(data: Data) -> dict[str, JSON]:
    """Counts of a report, from its data alone."""
    findings = _records(data["findings"])
    judged_as = Counter(finding["verdict"] for finding in findings)
    verdicts: dict[str, JSON] = {verdict: judged_as[verdict] for verdict in get_args(Verdict)}
    counts: dict[str, JSON] = {
        name: len(_records(data[name])) for name in ("images", "skipped", "warnings", "findings")
    }
    return {**counts, **_judged(data), "verdicts": verdicts}


def _cards(data: Data) -> JSON:
    """The images of a run of many of which the report has no numbers of analyses."""
    records = data["records"]
    return records["cards"] if isinstance(records, Mapping) else []


def _judged(data: Data) -> dict[str, JSON]:
    """How many images have a label, and how many are predicted so; of a run of many images also how many it has, and warnings."""
    records = data["records"]
    if not isinstance(records, Mapping):
        judged = [image["correct"] for image in _records(data["images"]) if image["correct"] is not None]
        return {"labelled": len(judged), "correct": sum(map(bool, judged))}
    kinds = {kind["code"]: kind["count"] for kind in _records(records["warnings"])}
    others = sum(warning["code"] not in kinds for warning in _records(data["warnings"]))
    warnings = others + sum(count for count in kinds.values() if isinstance(count, int))
    return {"images": records["count"], "warnings": warnings, **{key: records[key] for key in ("labelled", "correct")}}


# The keys of every report; what else stands there an analysis has added.
_OF_REPORT = frozenset({
    "schema_version", "title", "provenance", "settings", "document", "images", "records", "shown", "skipped", "left_alone", "sections",
    "findings", "tested", "summary", "gates", "rules", "warnings", "glossary", "references", "files",
})  # fmt: skip


def _of_finding(steps: Sequence[Step], findings: Data) -> Value:
    name = _key(steps[:1], findings, "findings", "finding")
    (finding,) = _records([findings[name]])
    evidence = _records(finding["evidence"])
    part = _key(steps[1:2], _OF_FINDING, f"findings.{name}", "part")
    if part == "evidence":
        known = {str(item["name"]): item for item in evidence}
        if not known and finding["verdict"] == "not measured":
            return Value(None, target="finding", of=name)
        item = known[_key(steps[2:3], known, f"findings.{name}.evidence", "number")]
        inner, rest = (
            _key(steps[3:4] or ["value"], _OF_EVIDENCE, f"findings.{name}.evidence.{item['name']}", "part"),
            steps[4:],
        )
        found = _of_evidence(item, inner, name)
    else:
        rest = steps[2:]
        if part in ("p", "p_corrected", "needed", "verdict"):
            role: Role = "p" if part.startswith("p") else "verdict" if part == "verdict" else "value"
            found = Value(finding[part], role, target="finding", of=name)
        else:
            found = _of_evidence(evidence[0], part, name) if evidence else Value(None, target="finding", of=name)
    if rest:
        raise Unknown(f"findings.{name}.{part} has no parts, and {shown(['', *rest])} asks for one")
    return found


def _of_evidence(item: Data, part: str, finding: str) -> Value:
    unit = str(item["unit"] or "") if part in ("value", "ci") else ""
    role: Role = "interval" if part == "ci" and item["ci"] is not None else "p" if part == "p" else "value"
    return Value(item[part], role, unit, "finding", finding)


def _walked(value: JSON, steps: Sequence[Step], so_far: str) -> JSON:
    for step in steps:
        if isinstance(value, Mapping):
            key = of_name(str(step), value) if isinstance(step, str) else None
            if key is None:
                raise Unknown(
                    f"{printable(so_far, 120)} has no '{printable(str(step), 60)}'{nearest(str(step), value)}"
                )
            value, so_far = value[key], f"{so_far}.{key}"
        elif isinstance(value, list):
            if not isinstance(step, int) or step >= len(value):
                raise Unknown(f"{printable(so_far, 120)} is a list of {len(value)}: write [0] for the first")
            value, so_far = value[step], f"{so_far}[{step}]"
        else:
            raise Unknown(f"{printable(so_far, 120)} has no parts, and .{printable(str(step), 60)} asks for one")
    return value


def _key(steps: Sequence[Step], known: Mapping[str, object] | Sequence[str], so_far: str, what: str) -> str:
    """The first of the steps as one of the known."""
    if not steps:
        raise Unknown(f"{printable(so_far, 120)} is no single value: say which {what}{nearest('', known)}")
    found = of_name(str(steps[0]), known)
    if found is None:
        raise Unknown(
            f"{printable(so_far, 120)}: no {what} is called '{printable(str(steps[0]), 60)}'{nearest(str(steps[0]), known)}"
        )
    return found


def _parts(value: JSON) -> str:
    if isinstance(value, list):
        return f": it is a list of {len(value)}, write [0] for the first" if value else ": it is an empty list"
    return nearest("", value) if isinstance(value, Mapping) else ""


def _named(records: JSON, key: str) -> dict[str, Data]:
    return {str(record[key]): record for record in _records(records)}


def _records(value: JSON) -> list[Mapping[str, JSON]]:
    return [record for record in value if isinstance(record, Mapping)] if isinstance(value, list) else []
