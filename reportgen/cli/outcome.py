"""What came of a run: for the user's eyes, and as data."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.cli.terminal import Terminal, duration
from reportgen.report.ids import parts_of
from reportgen.utils.errors import CheckFailed
from reportgen.utils.terminal_text import counted

if TYPE_CHECKING:
    from reportgen.report.document import Report

# More lines of files that could not be read push everything else from the screen.
MOST_SKIPPED = 20


def tell_outcome(report: Report, out: Path, files: Sequence[Path], terminal: Terminal, *, strict: bool) -> None:
    """What a user should know of a report that is written into `out`, `files` among it.

    Raises:
        CheckFailed: a gate failed, or, with `strict`, an image was skipped.
    """
    from reportgen.pipeline.gates import JUNIT
    from reportgen.report.digest import gate_sentence, left_alone

    terminal.found(out=out, paths=files, **outcome(report))
    for file in files:
        terminal.result(file)
    for note in report.files:
        terminal.detail(f"{out / note.path}: {counted(note.count, 'file')}, {note.text}")
    for skipped in report.skipped[:MOST_SKIPPED]:
        terminal.say(f"skipped {skipped.name!r}: {skipped.reason}")
    if len(report.skipped) > MOST_SKIPPED:
        terminal.say(f"skipped {len(report.skipped) - MOST_SKIPPED} more; the report names them all")
    if left := left_alone(report):
        terminal.say(left)
    failed = [gate for gate in report.gates if not gate.passed]
    for gate in failed:
        terminal.say(f"gate {gate_sentence(gate)}", "red")
    for line in closing_lines(report, out, files, terminal.seconds):
        terminal.say(line)
    if failed:
        raise CheckFailed(f"{len(failed)} of {len(report.gates)} gates failed; see {out / JUNIT}")
    if strict and report.skipped:
        raise CheckFailed(
            f"{len(report.skipped)} of {len(report.skipped) + report.counts.images} images were skipped (--strict)"
        )


def outcome(report: Report) -> dict[str, object]:
    """The keys of `--json` that say what is in a report (docs/command-line.md)."""
    from reportgen.report.digest import verdict_counts

    return {
        "counts": {
            "images": report.counts.images,
            "skipped": len(report.skipped),
            "findings": len(report.findings),
            "gates": len(report.gates),
            "gates_failed": sum(not gate.passed for gate in report.gates),
            "warnings": report.counts.warnings,
        },
        "verdicts": verdict_counts(report),
        "findings": [
            {"id": f.id, "section": f.section, "verdict": f.verdict, "claim": f.claim, "text": f.text}
            for f in report.findings
        ],
        "gates": [gate.model_dump() for gate in report.gates],
        "skipped": [skipped.model_dump() for skipped in report.skipped],
        "left_alone": [left.model_dump() for left in report.left_alone],
        "warnings": report.counts.warnings,
    }


def closing_lines(report: Report, out: Path, files: Sequence[Path], seconds: float) -> Iterator[str]:
    """What was made and how long it took, what to look at first, and how."""
    from reportgen.report.digest import verdict_counts

    made = ", ".join(map(str, files))
    parts = [f"{counted(report.counts.images, 'image')}, {duration(seconds)}"]
    if report.findings:
        verdicts = {verdict: number for verdict, number in verdict_counts(report).items() if number}
        (first, number), *others = verdicts.items()
        told = [f"{number} of {counted(len(report.findings), 'claim')} {first}"]
        parts.append(", ".join([*told, *(f"{number} {verdict}" for verdict, number in others)]))
    if report.warnings:
        parts.append(counted(report.counts.warnings, "warning"))
    yield f"{made}: {'; '.join(parts)}"
    first_look = look_first(report)
    if first_look:
        yield f"look first at {first_look}"
    yield f"open it with: reportgen open {shlex.quote(str(out))}"


def look_first(report: Report) -> str:
    """What a reader must not miss: a claim that the data contradict, else a warning, else a claim that they support; empty: nothing."""
    for verdict in ("contradicted", "supported"):
        if verdict == "supported" and report.warnings:
            warning = report.warnings[0]
            return f"the warning{f' on {warning.image}' if warning.image else ''}: {warning.text}"
        for finding in report.findings:
            if finding.verdict == verdict:
                plain, model = parts_of(finding.id)
                return f"finding {plain}{f' of {model}' if model else ''} ({verdict}): {finding.claim}"
    return ""
