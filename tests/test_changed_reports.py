"""A report.json may come from anybody: whatever was done to one, every command does right by it, or says in one line where it is wrong."""

from __future__ import annotations

import json
import random
import re
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changed_reports import changed, functions, kinds, outcome, put, spelled, tried
from fixtures import make_report
from reportgen.rendering.filters import moment
from reportgen.rendering.sections import Anchors
from reportgen.report.blocks import Table
from reportgen.report.document import Report
from reportgen.report.json_text import Misplaced, place_of, read_json
from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.report.open import read_report
from reportgen.report.report_json import REPORT, parse_report, report_json
from reportgen.report.soundness import faults, require_sound
from reportgen.sharing.verify import verify
from reportgen.utils.errors import UsageError
from toys import ROOT

BOUNDED = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return kinds(tmp_path_factory.mktemp("kinds"))


@pytest.fixture(scope="module")
def whole(runs: list[Path]) -> list[bytes]:
    return [(run / REPORT).read_bytes() for run in runs]


@pytest.fixture
def data(whole: list[bytes]) -> Any:
    """The report of two models, with every kind of block, as data."""
    return json.loads(whole[1])


def said_of(data: Any) -> str:
    """What is said of a report that is refused; empty where it is read."""
    try:
        parse_report(spelled(data), "x.json")
    except UsageError as error:
        assert "\n" not in str(error)
        assert str(error).startswith("x.json: not a report of schema version 1 (at ")
        assert len(str(error)) < 1000
        return str(error).removeprefix("x.json: not a report of schema version 1 (at ").removesuffix(")")
    return ""


# --- any change ------------------------------------------------------------------------------------


@settings(BOUNDED, max_examples=300)
@given(seed=st.integers(0, 2**32 - 1), which=st.integers(0, 4))
def test_a_changed_report_is_read_or_refused_in_one_line(whole: list[bytes], seed: int, which: int) -> None:
    said_of(changed(json.loads(whole[which]), random.Random(seed))[0])


@settings(BOUNDED, max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), which=st.integers(0, 4))
def test_what_is_read_is_summed_up_compared_packed_and_written(
    runs: list[Path], whole: list[bytes], seed: int, which: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data, done = changed(json.loads(whole[which]), random.Random(seed))
    if said_of(data):
        return
    out, run = tmp_path_factory.mktemp("out"), runs[which]
    (out / "introduction.md").write_text("Mine.")
    put(run, spelled(data))
    try:
        offered = functions(run, parse_report(whole[which], "whole"), out / "made", out)
        for name in ("summary", "diff", "diff back", "verify", "card", "bundle", "anonymous", "run --from", "log"):
            assert outcome(offered[name]) in ("right", "refused"), (name, done)
    finally:
        put(run, whole[which])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_command_ends_well_in_a_process_with_limits(seed: int) -> None:
    told: list[str] = []
    found = tried(600, seed, told.append)
    assert found["commands"] > 100
    assert not (found["tracebacks"] or found["hangs"] or found["other"]), told


@pytest.mark.slow
@settings(BOUNDED, max_examples=4000)
@given(seed=st.integers(0, 2**32 - 1), which=st.integers(0, 4))
def test_every_function_behind_the_commands_ends_well(
    runs: list[Path], whole: list[bytes], seed: int, which: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data, done = changed(json.loads(whole[which]), random.Random(seed))
    if said_of(data):
        return
    out, run = tmp_path_factory.mktemp("out"), runs[which]
    (out / "introduction.md").write_text("Mine.")
    put(run, spelled(data))
    try:
        offered = functions(run, parse_report(whole[which], "whole"), out / "made", out)
        for name in random.Random(seed).sample(list(offered), 3):
            assert outcome(offered[name]) in ("right", "refused"), (name, done)
    finally:
        put(run, whole[which])
        shutil.rmtree(out)


# --- each rule -------------------------------------------------------------------------------------


def table(data: Any) -> Any:
    """The table of measures: `sections[0].blocks[8]`."""
    return next(block for block in data["sections"][0]["blocks"] if block["type"] == "table")


def figure(data: Any) -> Any:
    """A figure with a legend: `sections[0].blocks[6]`."""
    return next(block for block in data["sections"][0]["blocks"] if block["type"] == "figure")


def put_at(*path: Any) -> Callable[[Any], None]:
    """A change: what is last in `path` stands where the rest leads."""
    *steps, last, value = path

    def change(data: Any) -> None:
        for step in steps:
            data = data[step]
        data[last] = value

    return change


def of_table(key: str, value: Any) -> Callable[[Any], None]:
    return lambda data: put_at(key, value)(table(data))


def of_figure(*path: Any) -> Callable[[Any], None]:
    return lambda data: put_at(*path)(figure(data))


GATE = {"name": "min_iou", "measure": "IoU", "bound": "at least", "limit": 0.5, "value": 0.4, "passed": False}
WORK = {"key": "a2020", "kind": "article", "authors": ["A, B."], "title": "T", "venue": "V", "year": 2020}
SHOWN = {"of": 2, "images": [], "reasons": [], "rule": ""}

RULES: dict[str, tuple[Callable[[Any], None], str]] = {
    "a row shorter than its columns": (
        lambda d: table(d)["rows"][5].pop(),
        r"sections\[0\]\.blocks\[\d+\]\.rows\[5\]: holds 6 cells for 7 columns",
    ),
    "a row longer than its columns": (
        lambda d: table(d)["rows"][0].append(1),
        r"rows\[0\]: holds 8 cells for 7 columns",
    ),
    "a summary shorter than its columns": (of_table("summary", [[1]]), r"summary\[0\]: holds 1 cells for 7"),
    "a table without columns": (of_table("columns", []), r"rows\[0\]: holds 7 cells for 0 columns"),
    "fewer images than rows": (of_table("row_images", [None]), r"row_images: holds 1 names for 6 rows"),
    "two columns of one key": (
        lambda d: put_at("key", "image")(table(d)["columns"][1]),
        r"columns\[1\]\.key: a second column is called 'image'",
    ),
    "a number with a negative count of digits": (
        lambda d: put_at("decimals", -1)(table(d)["columns"][2]),
        r"columns\[2\]\.decimals: a number has 0 to 20",
    ),
    "a number with a million digits": (
        lambda d: put_at("decimals", 10**6)(table(d)["columns"][2]),
        r"columns\[2\]\.decimals: a number has 0 to 20",
    ),
    "a table's file outside": (of_table("file", "../../a.csv"), r"\.file: '\.\./\.\./a\.csv' could lie outside"),
    "NaN in a cell": (
        lambda d: put_at(2, "@nan")(table(d)["rows"][1]),
        r"sections\[0\]\.blocks\[\d+\]\.rows\[1\]\[2\]: NaN is no number",
    ),
    "infinity in a cell": (
        lambda d: put_at(2, "@infinity")(table(d)["rows"][1]),
        r"rows\[1\]\[2\]: -Infinity is no number",
    ),
    "a number beyond floats": (
        lambda d: put_at(2, "@large")(table(d)["rows"][1]),
        r"rows\[1\]\[2\]: a number beyond what can be counted with",
    ),
    "an integer of 400 digits": (
        lambda d: put_at(2, "@long")(table(d)["rows"][1]),
        r"rows\[1\]\[2\]: an integer of 400 digits",
    ),
    "an integer of 5000 digits": (put_at("settings", "seed", "@longer"), r"settings\.seed: an integer of 5000 digits"),
    "an integer of 65 bits": (put_at("provenance", "seed", 2**64), r"provenance\.seed: an integer of 20 digits"),
    "an integer of 400 digits as text": (
        put_at("provenance", "seed", "9" * 400),
        r"provenance\.seed: is an integer of more than 64 bits",
    ),
    "NaN in a probability": (
        put_at("images", 0, "prediction", "probability", "@nan"),
        r"images\[0\]\.prediction\.probability: NaN is no number",
    ),
    "NaN as text": (
        put_at("images", 1, "prediction", "logit", "nan"),
        r"images\[1\]\.prediction\.logit: is no finite number",
    ),
    "infinity as text in an interval": (
        put_at("findings", 0, "evidence", 0, "ci", [0, "inf"]),
        r"findings\[0\]\.evidence\[0\]\.ci\[1\]: is no finite number",
    ),
    "a probability of 2": (
        put_at("images", 0, "prediction", "top5", 0, "probability", 2),
        r"images\[0\]\.prediction\.top5\[0\]\.probability: lies outside",
    ),
    "a p of -1": (put_at("findings", 0, "p", -1), r"findings\[0\]\.p: lies outside of 0 and 1"),
    "n less than nothing": (
        put_at("findings", 0, "evidence", 0, "n", -1),
        r"findings\[0\]\.evidence\[0\]\.n: is less than 0",
    ),
    "a count less than nothing": (put_at("left_alone", 0, "count", -1), r"left_alone\[0\]\.count: is less than 0"),
    "a picture of no size": (
        of_figure("pictures", 0, "width", 0),
        r"sections\[0\]\.blocks\[\d+\]\.pictures\[0\]\.width: a picture has sides of 1 to 65535",
    ),
    "a picture of enormous size": (
        put_at("images", 0, "picture", "height", 10**9),
        r"images\[0\]\.picture\.height: a picture has sides",
    ),
    "a photograph of no size": (put_at("images", 0, "width", 0), r"images\[0\]\.width: a photograph has sides"),
    "a picture outside": (
        of_figure("pictures", 1, "file", "../a.png"),
        r"pictures\[1\]\.file: '\.\./a\.png' is no picture .* could lie outside",
    ),
    "a picture that is none": (
        put_at("images", 0, "picture", "file", "run.sh"),
        r"images\[0\]\.picture\.file: 'run\.sh' is no picture",
    ),
    "a legend outside": (of_figure("legend", "file", "/etc/a.png"), r"legend\.file: '/etc/a\.png'"),
    "a logo outside": (
        put_at("document", "logo", {"file": "C:a.png", "width": 1, "height": 1, "alt": ""}),
        r"document\.logo\.file: 'C:a\.png'",
    ),
    "a file of the run outside": (
        put_at("files", [{"path": "/etc", "count": 1, "text": ""}]),
        r"files\[0\]\.path: '/etc' could lie outside",
    ),
    "a figure of no columns": (of_figure("columns", 0), r"\.columns: a figure has 1 to 100 columns"),
    "a figure of a million columns": (of_figure("columns", 10**6), r"\.columns: a figure has 1 to 100 columns"),
    "shown.of of ten thousand million": (
        put_at("shown", {**SHOWN, "of": 10**10}),
        r"shown\.of: is 10000000000, and the report has 2 images",
    ),
    "more reasons than images": (
        put_at("shown", {**SHOWN, "reasons": ["a"]}),
        r"shown\.reasons: holds 1 reasons for 0 images",
    ),
    "an image shown that is not there": (
        put_at("shown", {**SHOWN, "images": ["z"]}),
        r"shown\.images\[0\]: no image of this report is called 'z'",
    ),
    "an image shown twice": (
        lambda d: d.update(shown={**SHOWN, "images": [d["images"][0]["name"]] * 2}),
        r"shown\.images\[1\]: a second shown image is called",
    ),
    "a gate twice": (put_at("gates", [GATE, GATE]), r"gates\[1\]\.name: a second gate is called 'min_iou'"),
    "a work twice": (put_at("references", [WORK, WORK]), r"references\[1\]\.key: a second work is called 'a2020'"),
    "no models": (put_at("provenance", "models", []), r"provenance\.models: names no model"),
    "a model twice": (
        lambda d: d["provenance"]["models"].append(d["provenance"]["models"][0]),
        r"provenance\.models\[2\]\.name: a second model",
    ),
    "an image twice": (lambda d: d["images"].append(d["images"][0]), r"images\[2\]\.name: a second image is called"),
    "two images in one folder": (
        lambda d: put_at("slug", d["images"][0]["slug"])(d["images"][1]),
        r"images\[1\]\.slug: a second folder",
    ),
    "a section twice": (
        lambda d: put_at("id", "cams")(d["sections"][1]),
        r"sections\[1\]\.id: a second section is called 'cams'",
    ),
    "a section without a name": (
        put_at("sections", 2, "id", ""),
        r"sections\[2\]\.id: a section has a name of 0 characters",
    ),
    "a section with a name without end": (
        put_at("sections", 2, "id", "x" * 1001),
        r"sections\[2\]\.id: a section has a name of 1001",
    ),
    "a figure twice": (
        lambda d: d["sections"][0]["blocks"].append(figure(d)),
        r"sections\[0\]\.blocks\[\d+\]\.id: a second figure",
    ),
    "a table twice": (lambda d: d["sections"][1]["blocks"].append(table(d)), r"blocks\[\d+\]\.id: a second table"),
    "a finding twice": (lambda d: d["findings"].append(d["findings"][0]), r"findings\[5\]\.id: a second finding"),
    "a finding of no section": (
        put_at("findings", 0, "section", "z"),
        r"findings\[0\]\.section: no section of this report is called 'z'",
    ),
    "evidence that stands nowhere": (
        put_at("findings", 0, "evidence", 0, "source", "z"),
        r"findings\[0\]\.evidence\[0\]\.source: no table or figure",
    ),
    "a claim that was tested and is not there": (
        put_at("tested", ["z"]),
        r"tested\[0\]: no finding of this report is called 'z'",
    ),
    "a summary of what is not there": (put_at("summary", "findings", ["z"]), r"summary\.findings\[0\]: no finding"),
    "a note on what is not there": (
        put_at("document", "notes", [{"name": "a", "place": "section", "of": "z", "text": ""}]),
        r"document\.notes\[0\]\.of: no section",
    ),
    "nested without end": (
        lambda d: put_at("settings", nested(100))(d),
        r"settings.*: nested more than 64 levels deep",
    ),
    "nested beyond the reader": (lambda d: put_at("settings", nested(900))(d), r"nested more than 64 levels deep"),
    "half a character": (put_at("title", "@half"), r"title: holds half a character"),
    "a wrong type": (
        put_at("sections", 0, "blocks", 0, "level", "x"),
        r"sections\[0\]\.blocks\[0\]\.level: Input should be 2 or 3",
    ),
    "a missing key": (
        lambda d: table(d)["rows"] and table(d).pop("caption"),
        r"sections\[0\]\.blocks\[\d+\]\.caption: Field required",
    ),
    "a cell that is a list": (
        lambda d: put_at(0, [])(table(d)["rows"][0]),
        r"sections\[0\]\.blocks\[\d+\]\.rows\[0\]\[0\]: ",
    ),
    "a block of an unknown kind": (
        put_at("sections", 0, "blocks", 0, "type", "a\nb"),
        r"sections\[0\]\.blocks\[0\]: Input tag 'a\\nb'",
    ),
}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("name", RULES)
def test_what_no_report_may_hold_is_refused_with_its_place(name: str, data: Any) -> None:
    change, says = RULES[name]
    change(data)
    assert re.search(says, said_of(data)), said_of(data)


def test_a_key_twice_is_refused_with_its_place(whole: list[bytes]) -> None:
    twice = whole[0].replace(b'"reportgen":', b'"seed": 1, "reportgen":', 1)
    with pytest.raises(UsageError, match=r"at provenance: has the key 'seed' twice\)"):
        parse_report(twice, "x")


@pytest.mark.parametrize(
    ("text", "limits", "says"),
    [
        (b"[" * 100_000, DEFAULT_LIMITS, "nested more than 64 levels deep"),
        (b"[" + b"1," * 100 + b"1]", ReadLimits(values=100), "holds more than 100 values"),
        (b'"' + b"a" * 100 + b'"', ReadLimits(file=50), "holds 102 bytes; at most 0 MiB are read"),
        (b'{"a": "\xff"}', DEFAULT_LIMITS, "no UTF-8 at byte 7"),
        ('{"a": 1}'.encode("utf-16"), DEFAULT_LIMITS, "no UTF-8 at byte 0"),
        (b'{"a": 1', DEFAULT_LIMITS, "no JSON at line 1, column 8"),
        (b'{"a": 1} 2', DEFAULT_LIMITS, "no JSON at line 1, column 10"),
        (b'{"\\ud800": 1}', DEFAULT_LIMITS, "half a character"),
        (b'[{"a": ["\\ud800"]}]', DEFAULT_LIMITS, "half a character"),
    ],
)
def test_text_that_is_no_json_within_limits_is_refused(text: bytes, limits: ReadLimits, says: str) -> None:
    with pytest.raises(Misplaced, match=re.escape(says)):
        read_json(text, limits)


def test_an_integer_without_end_takes_neither_time_nor_memory() -> None:
    tracemalloc.start()
    with pytest.raises(Misplaced, match="an integer of 10000000 digits"):
        read_json(b"9" * 10_000_000)
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()


def test_places_are_written_as_in_programs_and_cut() -> None:
    assert place_of(("sections", 2, "blocks", 4, "rows", 7)) == "sections[2].blocks[4].rows[7]"
    assert place_of(("images", 0, "a b\n")) == 'images[0]["a b\\n"]'
    assert place_of(()) == "the whole"
    assert len(place_of(("x" * 5000,) * 500)) < 1000


def test_a_run_that_is_as_its_manifest_says_and_holds_no_report_is_refused(runs: list[Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(runs[0], tmp_path / "run"))
    assert verify(run).ok
    put(run, b"{}")
    with pytest.raises(
        UsageError, match=r"report\.json: not a report of schema version 1 \(at title: Field required\)"
    ):
        verify(run)


# --- what passes -----------------------------------------------------------------------------------


def test_what_reportgen_makes_passes(whole: list[bytes], tmp_path: Path) -> None:
    for data in whole:
        assert report_json(parse_report(data, "x")) == data
    shipped = read_report(ROOT / "templates/_fixture")
    made, _ = make_report(tmp_path, 12)
    assert not [*faults(shipped), *faults(made)]


UNUSUAL: dict[str, Callable[[Any], object]] = {
    "a section without blocks": put_at("sections", 1, "blocks", []),
    "a figure without pictures": of_figure("pictures", []),
    "a picture that two figures show": of_figure("pictures", 1, "file", "figures/frame-000.jpg"),
    "a figure about an image that is not there": of_figure("image", "gone.jpg"),
    "rows about an image that is not there": of_table("row_images", ["gone.jpg"] * 6),
    "rows about no image": of_table("row_images", []),
    "a warning about an image that is not there": put_at("warnings", 0, "image", "gone.jpg"),
    "a table without rows": lambda d: table(d).update(rows=[], row_images=[]),
    "no images": lambda d: d.update(images=[]),
    "no sections": lambda d: d.update(sections=[], findings=[], tested=[], summary=None),
    "an empty title": put_at("title", ""),
    "a title of any characters": put_at("title", "\u732b \U0001f600 \u202e \0 \n"),
    "a number as another program writes it": put_at("images", 0, "width", 500.0),
    "a probability that rounding made too large": put_at("images", 0, "prediction", "probability", 1.0000001),
    "an integer where a float is meant": put_at("images", 0, "prediction", "probability", 1),
    "keys of an analysis that nobody knows": put_at("images", 0, "mine", {"a": [{"b": None}], "": 2**63}),
    "settings of another version": put_at("settings", {"unknown": [1, {"x": "y"}]}),
    "a date that is none": put_at("provenance", "created", "yesterday"),
    "a date that is of another year in UTC": put_at("provenance", "created", "9999-12-31T23:59:59-23:00"),
    "keys in another order": lambda d: d.update({key: d.pop(key) for key in sorted(d)}),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_only_unusual_is_read(name: str, data: Any) -> None:
    UNUSUAL[name](data)
    assert said_of(data) == ""


def test_a_report_that_an_editor_saved_with_a_mark_is_read(whole: list[bytes]) -> None:
    assert parse_report(b"\xef\xbb\xbf" + whole[0], "x").title == "Explainability report"


# --- behind the door -------------------------------------------------------------------------------


def test_titles_that_name_one_anothers_anchors_have_an_end() -> None:
    anchors, names, name = Anchors(), [], "x"
    for _ in range(1500):
        names.append(name)
        name += "-2"
    assert len({anchors.new("a", name) for name in [*names, "x"]}) == 1501


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "2026-13-01", ""])
def test_a_time_that_no_clock_shows_is_none(created: str) -> None:
    assert moment(created) is None


def test_what_an_analysis_makes_wrong_is_found_before_it_is_written(data: Any) -> None:
    report = Report.model_validate(data)
    section = report.sections[0]
    broken = [b.model_copy(update={"rows": [[1]]}) if isinstance(b, Table) else b for b in section.blocks]
    report = report.model_copy(update={"sections": [section.model_copy(update={"blocks": broken})]})
    with pytest.raises(Misplaced, match="holds 1 cells for 7 columns"):
        require_sound(report)
