"""Gates: thresholds in the settings, judged on the run's own numbers.

    [gates]
    min_share_correct = 0.8
    max_skipped = 0

A key is `min_` or `max_` and the name of a measure. The measures below are the core's own; an analysis declares further
ones (`gates`, name -> what it measures) and hands their values over in its `Contribution`. What could not be measured
has not passed.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.report.digest import gate_sentence
from reportgen.report.document import Gate, Report
from reportgen.utils.errors import UsageError

JUNIT = "junit.xml"
CORE = {
    "images": "images explained",
    "share_correct": "share of the labelled images that are predicted as labelled",
    "skipped": "files that could not be read",
    "warnings": "warnings in the report",
}


def require_known_measures(gates: Mapping[str, float], analyses: Sequence[AnyAnalysis]) -> None:
    """Whether every gate can be judged: asked before the work.

    Raises:
        UsageError: a gate's measure is unknown, or belongs to a task that is not run.
    """
    known = {**CORE, **_declared(analyses)}
    for key in gates:
        measure = key[4:]
        if measure not in known:
            close = difflib.get_close_matches(measure, list(known), n=1, cutoff=0.5)
            hint = (
                f"did you mean {key[:4]}{close[0]}?" if close else f"measures of this run: {', '.join(sorted(known))}"
            )
            raise UsageError(f"setting gates.{key}: none of this run's tasks measures {measure!r}; {hint}")


def judged(
    gates: Mapping[str, float],
    analyses: Sequence[AnyAnalysis],
    measured: Mapping[str, float | None],
    report: Report,
) -> list[Gate]:
    """Every gate with its value and whether it passed, in order of their names.

    Args:
        measured: what the analyses contributed; None where a value cannot be computed.
        report: for the core's own measures.
    """
    values = {**_core(report), **measured}
    texts = {**CORE, **_declared(analyses)}
    return [
        Gate(
            name=key,
            measure=texts[key[4:]],
            bound="at most" if key.startswith("max_") else "at least",
            limit=limit,
            value=values.get(key[4:]),
            passed=_passed(key, limit, values.get(key[4:])),
        )
        for key, limit in sorted(gates.items())
    ]


def junit_xml(gates: Sequence[Gate]) -> bytes:
    """The gates as JUnit XML, one test case a gate; equal gates give equal bytes."""
    failures = sum(not gate.passed for gate in gates)
    counts = f'tests="{len(gates)}" failures="{failures}" errors="0" skipped="0"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {counts}>"]
    lines.append(f' <testsuite name="reportgen gates" {counts}>')
    for gate in gates:
        case = f'  <testcase classname="reportgen.gates" name={quoteattr(gate.name)}'
        if gate.passed:
            lines.append(f"{case}/>")
        else:
            lines.append(f"{case}><failure message={quoteattr(gate_sentence(gate))}/></testcase>")
    return "\n".join([*lines, " </testsuite>", "</testsuites>", ""]).encode()


def _passed(key: str, limit: float, value: float | None) -> bool:
    if value is None:
        return False
    return value <= limit if key.startswith("max_") else value >= limit


def _declared(analyses: Sequence[AnyAnalysis]) -> dict[str, str]:
    return {name: text for analysis in analyses for name, text in analysis.gates.items()}


def _core(report: Report) -> dict[str, float | None]:
    counts = report.counts
    return {
        "images": counts.images,
        "share_correct": counts.correct / counts.labelled if counts.labelled else None,
        "skipped": len(report.skipped),
        "warnings": counts.warnings,
    }
