"""Reports changed as a stranger might: nodes of real ones dropped, repeated, swapped, grown, retyped, given a value at the edge.

    python tests/changed_reports.py SECONDS [SEED]     from the top of a checkout: every command, in a process with limits

What comes of each is right, or one line and exit 1 or 2: `misbehaviour` says where it is not.
"""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fixtures import PLAIN_NAMES, example_notes, finish_run, make_report
from reportgen.rendering.render import render_all
from reportgen.report import digest
from reportgen.report.diff import compare
from reportgen.report.document import Document, Report, Shown
from reportgen.report.manifest import MANIFEST, entry_of, manifest_json, read_manifest
from reportgen.report.open import read_report
from reportgen.report.report_json import REPORT, report_json
from reportgen.sharing.annotate import annotated, write_annotated
from reportgen.sharing.anonymous import without_authors
from reportgen.sharing.bundle import bundle
from reportgen.sharing.model_card import write_card
from reportgen.sharing.repeat import plan
from reportgen.sharing.tracking.entry import entry_of as entry_of_tracker
from reportgen.sharing.verify import verify
from reportgen.utils.errors import ReportgenError

# Written as they stand: json.dumps knows no integer of 400 digits that it would not read first.
RAW = {
    "@nan": "NaN",
    "@infinity": "-Infinity",
    "@large": "1e999",
    "@long": "9" * 400,
    "@longer": "9" * 5000,
    "@half": '"\\ud800"',
}
EDGES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 10**10, -(10**10), 2**31, 2**63, 2**64 - 1, 2**64, 0.0, -0.0, 0.5, 1.5, 1e-300, 1e300, 1.7e308,
    "", " ", "a", "nan", "inf", "-1", "9" * 400, "\0", "a\nb", "\x1b[31m", "\u202e", "../../etc/passwd", "/etc/passwd", "C:\\a.png",
    "figures/none.png", "a.png", "x" * 5000, "<script>alert(1)</script>", "{{ 7 * 7 }}", "#", "0001-01-01T00:00:00+23:00",
    "9999-12-31T23:59:59-23:00", "2026-13-01", "$x$", "\\input{x}", "[]()", "|", "- ", "# a", "\ufffe", "\U0001f600", "writeup", "brief",
    [], {}, [[]], [{}], {"": ""}, {"a": {"b": [1]}}, [None], ["a", "a"], *RAW,
)  # fmt: skip


def kinds(folder: Path) -> list[Path]:
    """Finished runs of different kinds: one model, two models, a probe set, with notes, without figures; not rendered."""
    made = []
    for kind, change in (("one", _one), ("two", _two), ("probe", _probe), ("notes", _notes), ("bare", _bare)):
        report, run = make_report(folder / kind, 2, names=PLAIN_NAMES, size=24)
        made.append(finish_run(change(report), run, formats=()))
    return made


def _one(report: Report) -> Report:
    return report


def _two(report: Report) -> Report:
    data = json.loads(report_json(report))
    own = data["provenance"]["models"][0]
    data["provenance"]["models"].append({**own, "name": "efficientnet_lite1", "weights_sha256": "cd" * 32})
    for image in data["images"]:
        further = {key: image[key] for key in ("picture", "prediction", "target", "label", "correct")}
        image["models"] = {"efficientnet_lite1": further}
        image["cams"] = {"gradcam": {"map": "maps/image-000/gradcam.npy", "forward_passes": 1, "gini": 0.5}}
    section = copy.deepcopy(data["sections"][0])
    section["id"] += "@efficientnet_lite1"
    for block in section["blocks"]:
        if "id" in block:
            block["id"] += "@efficientnet_lite1"
    data["sections"].append(section)
    finding = copy.deepcopy(data["findings"][0])
    finding["id"] += "@efficientnet_lite1"
    data["findings"].append(finding)
    data["tested"] = [data["findings"][0]["id"], finding["id"]]
    data["summary"] = {"images": "Two images.", "findings": data["tested"], "rest": "The others stand below."}
    return Report.model_validate(data)


def _probe(report: Report) -> Report:
    layer = {"name": "blocks.6", "n_units": 2, "concepts": {"fur": 2}, "colour_units": 0, "mean_similarity": 0.4}
    size = {"name": "words", "size": 10, "sha256": "ab" * 32}
    dissection = [{"model": "efficientnet_lite0", "layers": [layer], "n_images": 9, "top_k": 5, "concept_set": size}]
    gates = [{"name": "min_iou", "measure": "IoU", "bound": "at least", "limit": 0.5, "value": 0.4, "passed": False}]
    work = {"kind": "article", "authors": ["A, B."], "title": "T", "venue": "V", "year": 2020, "cited_in": ["cams"]}
    more = {"gates": gates, "references": [{"key": "a2020", **work}], "glossary": [{"term": "IoU", "text": "Overlap."}]}
    return Report.model_validate({**json.loads(report_json(report)), "dissection": dissection, **more})


def _notes(report: Report) -> Report:
    document = Document(authors=["A. Bee"], notes=example_notes()[:1], css="p { color: red }", accent="#123456")  # type: ignore[arg-type]
    shown = Shown(of=2, images=[report.images[0].name], reasons=["worst"], rule="one")
    return report.model_copy(update={"document": document, "shown": shown})


def _bare(report: Report) -> Report:
    sections = [s.model_copy(update={"blocks": [b for b in s.blocks if b.type == "text"]}) for s in report.sections]
    return report.model_copy(update={"sections": sections, "findings": []})


# --- changes ---------------------------------------------------------------------------------------


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every node but the whole."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from nodes(inner)


def changed(data: Any, chance: random.Random) -> tuple[Any, list[str]]:
    """A copy with one to three nodes changed, and what was done."""
    data, done = copy.deepcopy(data), []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        # First a part of the report, then a node in it: images and sections have most nodes, and would be nearly all.
        top = chance.choice(list(data)) if data else None
        within = list(nodes(data[top])) if top and isinstance(data[top], dict | list) else []
        holder, key = chance.choice(within) if within and chance.random() < 0.9 else (data, top)
        if holder is None or key is None:
            continue
        change = chance.choice(CHANGES)
        done.append(f"{top}: {change.__name__} {key!r}"[:200])
        change(holder, key, data, chance)
    return data, done


def drop(holder: Any, key: Any, data: Any, chance: random.Random) -> None:
    del holder[key]


def repeat(holder: Any, key: Any, data: Any, chance: random.Random) -> None:
    if isinstance(holder, list):
        holder.insert(chance.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
    else:
        holder[f"{key}2"] = copy.deepcopy(holder[key])


def swap(holder: Any, key: Any, data: Any, chance: random.Random) -> None:
    other, at = chance.choice(list(nodes(data)))
    holder[key], other[at] = copy.deepcopy(other[at]), copy.deepcopy(holder[key])


def grow(holder: Any, key: Any, data: Any, chance: random.Random) -> None:
    value = holder[key]
    if isinstance(value, list) and value:
        holder[key] = [copy.deepcopy(chance.choice(value)) for _ in range(chance.choice((1, 40, 200)))]
    elif isinstance(value, str):
        holder[key] = (value or "y ") * chance.choice((2, 100, 2000))
    elif isinstance(value, int | float):
        holder[key] = value * chance.choice((10**3, 10**10, -1, 10**19)) + chance.choice((0, 1))
    else:
        for _ in range(chance.choice((5, 60, 600))):
            value = [value] if chance.random() < 0.5 else {"a": value}
        holder[key] = value


def retype(holder: Any, key: Any, data: Any, chance: random.Random) -> None:
    value = holder[key]
    holder[key] = chance.choice((str(value)[:100], [value], {"value": value}, None, 1, 0.5, True, [], {}))


def edge(holder: Any, key: Any, data: Any, chance: random.Random) -> None:
    holder[key] = copy.deepcopy(chance.choice(EDGES))


CHANGES = (drop, repeat, swap, grow, retype, edge, edge)


def spelled(data: Any) -> bytes:
    """JSON, also of what is none."""
    text = json.dumps(data, ensure_ascii=False)
    for mark, raw in RAW.items():
        text = text.replace(f'"{mark}"', raw)
    return text.encode("utf-8", "surrogatepass")


def put(run: Path, data: bytes) -> None:
    """Another report.json into a finished run, and into its manifest, as whoever forges one would."""
    (run / REPORT).write_bytes(data)
    (run / MANIFEST).write_bytes(manifest_json({**(read_manifest(run) or {}), REPORT: entry_of(data)}))


# --- commands, in this process -----------------------------------------------------------------------


def functions(run: Path, other: Report, out: Path, notes: Path) -> dict[str, Callable[[], object]]:
    """What the commands call on a report, but for what lays out pages of paper."""

    def rendered(*formats: str) -> object:
        report = read_report(run)
        return render_all(report, run, out / formats[0], formats=formats)

    def noted() -> object:
        report = annotated(read_report(run), notes, lambda _: None)
        return write_annotated(report, run, run, out / "own", "writeup", ["md"])

    def summed() -> object:
        report = read_report(run)
        return digest.markdown(report), digest.pairs(report), list(digest.lines(report))

    def compared() -> object:
        found = compare(read_report(run), other)
        return [str(difference) for difference in (*found.verdicts, *found.numbers, *found.other, *found.notes)]

    def logged() -> object:
        files = {name: sha256 for name, (sha256, _) in (read_manifest(run) or {}).items()}
        return entry_of_tracker(read_report(run), run, files, None, everything=True)

    return {
        "summary": summed,
        "diff": compared,
        "diff back": lambda: compare(other, read_report(run)),
        "verify": lambda: verify(run),
        "card": lambda: write_card(read_report(run), run, None, None),
        "bundle": lambda: bundle(run, out / "a.zip"),
        "anonymous": lambda: report_json(without_authors(read_report(run))),
        "run --from": lambda: plan(run, notes, {}, None),
        "log": logged,
        "notes": noted,
        "notebook": lambda: read_report(run)._repr_html_(),
        "manuscripts": lambda: rendered("docx", "md", "tex"),
        "html": lambda: rendered("html"),
    }


def outcome(call: Callable[[], object]) -> str:
    """`right`, `refused`, or what is wrong: an error that a user would see as a traceback, or one of several lines."""
    try:
        call()
    except ReportgenError as error:
        lines = list(error.lines)
        wrong = [line for line in lines if not line or "\n" in line or len(line) > 2000]
        return f"lines: {wrong[0][:300]!r}" if wrong else "refused"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno})"
    return "right"


# --- commands, in processes --------------------------------------------------------------------------

# Of the processor; by the clock ten times as much, for the machine may be busy with something else.
SECONDS, ADDRESS_SPACE = 60, 6 << 30


def commands(run: Path, other: Path, out: Path, notes: Path) -> dict[str, list[str]]:
    """Every command that reads a report, and the formats of `render`."""
    given = str(run)
    renders = {
        f"render {form}": ["render", given, "-o", str(out / form), "--format", form]
        for form in ("html", "docx", "md", "tex", "pdf")
    }
    return {
        "summary": ["summary", given],
        "markdown": ["summary", given, "--format", "markdown"],
        "verify": ["verify", given],
        "diff": ["diff", given, str(other)],
        "diff back": ["diff", str(other), given],
        "card": ["card", given],
        "bundle": ["bundle", given, "-o", str(out / "a.zip")],
        "anonymous": ["bundle", given, "-o", str(out / "b.zip"), "--anonymous", "--template", "writeup"],
        "run --from": ["run", "--from", given, str(notes), "-o", str(out / "again")],
        "notes": ["render", given, "-o", str(out / "own"), "--format", "md", "--notes", str(notes)],
        **renders,
    }


def misbehaviour(arguments: Sequence[str], seconds: int = SECONDS) -> str:
    """What is wrong with how a command ended, in a process with limits on time and memory; empty where nothing is."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        os.nice(19)

    command = [sys.executable, "-m", "reportgen", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=10 * seconds, preexec_fn=limit, check=False)
    except subprocess.TimeoutExpired:
        return f"no end within {10 * seconds} s"
    if done.returncode == -signal.SIGXCPU:
        return f"no end within {seconds} s of the processor"
    said = done.stderr.decode("utf-8", "replace")
    if "Traceback" in said:
        return "traceback: " + " | ".join(said.strip().splitlines()[-3:])
    if done.returncode not in (0, 1, 2):
        return f"exit {done.returncode}: {said[-300:]}"
    return ""


def tried(seconds: float, seed: int, tell: Callable[[str], None]) -> Counter[str]:
    """Change reports for so long, and hold every command to them; what failed is told, and its report kept."""
    chance, count, ends = random.Random(seed), Counter[str](), time.monotonic() + seconds
    folder = Path(tempfile.mkdtemp(prefix="changed-"))
    runs = kinds(folder / "kinds")
    whole = [json.loads((run / REPORT).read_bytes()) for run in runs]
    (folder / "notes").mkdir()
    (folder / "notes/introduction.md").write_text("Mine.")
    while time.monotonic() < ends:
        which = chance.randrange(len(runs))
        data, done = changed(whole[which], chance)
        run, out = folder / "run", folder / "out"
        for old in (run, out):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(runs[which], run)
        out.mkdir()
        put(run, spelled(data))
        count["reports"] += 1
        offered = commands(run, runs[which], out, folder / "notes")
        # All of them for one in eight; three by chance for the others, so that more reports are tried.
        chosen = list(offered) if count["reports"] % 8 == 0 else chance.sample(list(offered), 3)
        for name in chosen:
            wrong = misbehaviour(offered[name])
            count["commands"] += 1
            if wrong:
                kind = "hangs" if wrong.startswith("no end") else "tracebacks" if wrong.startswith("trace") else "other"
                count[kind] += 1
                kept = folder / f"failed-{sum(count[k] for k in ('hangs', 'tracebacks', 'other'))}.json"
                kept.write_bytes((run / REPORT).read_bytes())
                tell(f"{name}: {wrong}\n    {runs[which].parent.name}: {done}; {kept}")
        if count["reports"] % 20 == 0:
            tell(str(dict(count)))
    shutil.rmtree(folder / "run", ignore_errors=True)
    return count


if __name__ == "__main__":
    found = tried(
        float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0, lambda line: print(line, flush=True)
    )
    print(dict(found))
    sys.exit(any(found[kind] for kind in ("hangs", "tracebacks", "other")))
