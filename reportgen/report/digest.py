"""A report in a few lines: for a terminal, for a page of a CI job, for the steps that follow it, for an experiment tracker.

Everything is taken from the report; nothing is judged anew. Texts of a report hold names of files, so a page gets them escaped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

from reportgen.report.document import Finding, Gate, Report, Verdict
from reportgen.utils.terminal_text import counted, printable

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
MOST_SKIPPED = 10  # named one by one
MOST_KINDS = 3  # reasons for which files were left alone
# Marks of Markdown and HTML, what would begin a list or a heading, and what GitHub makes a link or a mention of.
_MARKS = re.compile(r"[\\`*_\[\]|<>~$&@#]|^[-+=]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def verdict_counts(report: Report) -> dict[Verdict, int]:
    """How many claims have each verdict; 0 where none has."""
    found = Counter(finding.verdict for finding in report.findings)
    return {verdict: found[verdict] for verdict in VERDICTS}


def gates_state(report: Report) -> str:
    """`passed`, `failed`, or `none` where the run had no gates."""
    if not report.gates:
        return "none"
    return "passed" if all(gate.passed for gate in report.gates) else "failed"


def key(verdict: Verdict) -> str:
    """A verdict as a part of a name: `not_measured`."""
    return verdict.replace(" ", "_")


def pairs(report: Report) -> dict[str, str]:
    """Names and values for programs: images, skipped files, warnings, claims by verdict, gates."""
    counts = {key(verdict): count for verdict, count in verdict_counts(report).items()}
    numbers = {
        "images": report.counts.images,
        "skipped": len(report.skipped),
        "warnings": report.counts.warnings,
        **counts,
    }
    return {**{name: str(number) for name, number in numbers.items()}, "gates": gates_state(report)}


def lines(report: Report) -> Iterator[str]:
    """The same for people, a line each, with the findings of the first page and every gate."""
    if report.summary is not None:
        yield report.summary.images
    yield ", ".join(f"{count} {verdict}" for verdict, count in verdict_counts(report).items()) + " (claims)"
    for finding in leading(report):
        yield f"{finding.id} {finding.verdict}: {finding.text}"
    for gate in report.gates:
        yield f"{'PASS' if gate.passed else 'FAIL'} {gate_sentence(gate)}"
    yield f"{report.counts.warnings} warnings, {len(report.skipped)} files skipped"


def leading(report: Report) -> list[Finding]:
    """The findings of the first page, in its order."""
    by_id = {finding.id: finding for finding in report.findings}
    named = report.summary.findings if report.summary is not None else []
    return [by_id[name] for name in named if name in by_id]


def markdown(report: Report) -> str:
    """A short page of Markdown."""
    parts = [f"### {escaped(report.title)}"]
    if report.summary is not None:
        parts.append(escaped(report.summary.images))
    counts = verdict_counts(report)
    parts.append(_table([tuple(counts), tuple(str(count) for count in counts.values())]))
    if report.gates:
        rows = [("PASS" if gate.passed else "FAIL", escaped(gate_sentence(gate))) for gate in report.gates]
        parts.append(_table([("", "gate"), *rows]))
    found = [f"- **{escaped(f.id)}, {f.verdict}:** {escaped(f.text)}" for f in leading(report)]
    if found:
        parts.append("\n".join(found))
    if report.summary is not None and report.summary.rest:
        parts.append(escaped(report.summary.rest))
    parts += [f"{counted(report.counts.warnings, 'warning')} in the report."] if report.warnings else []
    if report.skipped:
        named = [f"- {escaped(file.name)}: {escaped(file.reason)}" for file in report.skipped[:MOST_SKIPPED]]
        more = len(report.skipped) - len(named)
        named += [f"- and {more} more"] if more else []
        parts.append("\n".join([f"{counted(len(report.skipped), 'file')} could not be read:", "", *named]))
    if left := left_alone(report):
        parts.append(f"{left[0].upper()}{escaped(left[1:])}.")
    return "\n\n".join(parts) + "\n"


def left_alone(report: Report) -> str:
    """How many files of the input were left alone, and why, in one line; empty where none were."""
    kinds = sorted(report.left_alone, key=lambda left: -left.count)
    if not kinds:
        return ""
    named = [f"{left.reason} ({left.count})" for left in kinds[:MOST_KINDS]]
    more = [f"{counted(len(kinds) - MOST_KINDS, 'further reason')}"] if len(kinds) > MOST_KINDS else []
    return f"{counted(sum(left.count for left in kinds), 'file')} left alone: {'; '.join([*named, *more])}"


def escaped(text: str) -> str:
    """Text on one line, so that a page shows it as it stands: neither Markdown nor HTML nor a link."""
    return _MARKS.sub(lambda found: f"\\{found[0]}", printable(text))


def gate_sentence(gate: Gate) -> str:
    """`min_share_correct: 0.75 is not at least 0.8 (share of ...)`."""
    if gate.value is None:
        return f"{gate.name}: could not be measured; {gate.bound} {gate.limit:.6g} is asked for ({gate.measure})"
    relation = "is" if gate.passed else "is not"
    return f"{gate.name}: {gate.value:.6g} {relation} {gate.bound} {gate.limit:.6g} ({gate.measure})"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|{' --- |' * len(rows[0])}", *body])
