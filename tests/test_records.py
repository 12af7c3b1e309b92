"""Runs of more images than report.json holds: every image in images.parquet, the same pages, and every reader of a run."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pypdf
import pytest
from PIL import Image

import reportgen
from made_runs import image_record
from reportgen import Report, Settings, UsageError, make_report, read_report
from reportgen.analysis.registry import load_analyses
from reportgen.pipeline.providers import Providers
from reportgen.rendering.context import page_context
from reportgen.rendering.pdf import attachments as pdf_attachments
from reportgen.rendering.render import render_all
from reportgen.report import columns
from reportgen.report.blocks import Column, Table
from reportgen.report.bounds import NAMES, NOTES, ROWS, KeptRows, bounded
from reportgen.report.columns import require_writable, write_images, write_rows
from reportgen.report.diff import Differences, _numbers_of, compare
from reportgen.report.document import ImageRecord, Warning_
from reportgen.report.every_image import EveryImage, whole_table
from reportgen.report.provenance import RuntimeRecord
from reportgen.report.report_json import report_json
from reportgen.sharing.annotate import annotated
from reportgen.sharing.bundle import bundle
from reportgen.sharing.repeat import plan
from reportgen.sharing.verify import verify
from reportgen.utils.errors import CheckFailed
from reportgen.utils.versions import versions
from toys import toy_network, toy_spec

IMAGES, LIMIT = 10, 4


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(IMAGES):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    rows = [f"{i}.png,{i % 5}" for i in range(IMAGES - 1)]
    (folder / "labels.csv").write_text("\n".join(["name,label", *rows, ""]))
    return folder


def made(photos: Path, out: Path, *formats: str, **document: Any) -> Report:
    spec, record = toy_spec(toy_network()), RuntimeRecord(name="torch", precision="exact", device="cpu")
    providers = Providers(load_analyses, lambda *_: spec, lambda *_: record, versions=versions)
    settings = Settings(
        models=("toy",),
        tasks=("cams", "lime", "agreement"),
        lime={"num_samples": 8, "resamples": 0, "repeats": 2},
        formats=formats or ("html",),
        template="brief",  # whose PDF is made, and made again, in a moment
        document={"figures": 3, **document},
    )
    command = ["reportgen", "run", photos.name]
    return make_report(photos, out, settings, command=command, progress=False, providers=providers)


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The run with the limit off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        return made(photos, tmp_path_factory.mktemp("whole") / "out")


@pytest.fixture(scope="module")
def cut(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        made(photos, tmp_path_factory.mktemp("cut") / "out", "html", "pdf", records=LIMIT)
        return read_report(tmp_path_factory.getbasetemp() / "cut0" / "out")


def with_files(report: Report) -> list[str]:
    """Names of the images whose maps and masks lie in the run folder."""
    assert report.shown is not None
    return report.shown.images


def same_but_for_files(found: Differences) -> bool:
    """Whether two runs report the same, but for the line of a chapter that says of which images files were written."""
    return not (found.images or found.verdicts or found.numbers) and all(
        str(one.a).startswith("Figures stand here") for one in found.other
    )


def home(report: Report) -> Path:
    assert report.folder is not None
    return report.folder


@pytest.fixture
def run(cut: Report, tmp_path: Path) -> Path:
    return Path(shutil.copytree(home(cut), tmp_path / "run"))


# --- what is written -----------------------------------------------------------------------------


def test_report_json_holds_the_images_with_figures_and_the_file_all(whole: Report, cut: Report) -> None:
    assert cut.records is not None and cut.shown is not None and whole.records is None
    assert [image.name for image in cut.images] == cut.shown.images and len(cut.images) == 3
    assert [image.name for image in cut.records.cards] == [i.name for i in whole.images if i not in cut.images]
    assert all("cams" not in (card.model_extra or {}) for card in cut.records.cards)
    with EveryImage(cut) as every:
        assert [_numbers_of(image) for image in every] == [_numbers_of(image) for image in whole.images]
    assert cut.counts == whole.counts
    assert (whole.counts.images, whole.counts.labelled) == (IMAGES, IMAGES - 1)


def test_the_file_has_a_column_for_every_number(whole: Report, cut: Report) -> None:
    rows = pyarrow.parquet.read_table(home(cut) / "images.parquet").to_pylist()
    assert [row["name"] for row in rows] == [image.name for image in whole.images]
    for row, image in zip(rows, whole.images, strict=True):
        extra = image.model_extra or {}
        assert row["cams.gradcam.gini"] == extra["cams"]["gradcam"]["gini"]
        assert row["prediction.probability"] == image.prediction.probability
        assert (row["label"], row["prediction"]) == (image.label and image.label.name, image.prediction.name)
        assert row["correct"] is image.correct
        record = ImageRecord.model_validate_json(row["record"])
        assert _numbers_of(record) == _numbers_of(image)
        if image.name in with_files(cut):
            assert record == image
        else:
            assert set(record.results) == {"observation", "cams", "lime", "agreement"}  # type: ignore[attr-defined]
        assert [one["text"] for one in row["warnings"]] == [w.text for w in whole.warnings if w.image == image.name]


def test_equal_images_give_equal_bytes_in_parts_of_any_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [image_record(f"{i}.png") for i in range(7)]
    write_images(tmp_path / "a", images, {})
    write_images(tmp_path / "b", list(images), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    monkeypatch.setattr(columns, "GROUP", 3)
    write_images(tmp_path / "c", images, {})
    with pyarrow.parquet.ParquetFile(tmp_path / "c") as file:
        assert file.metadata.num_row_groups == 3
        assert file.schema_arrow.metadata is None, "no date, no pandas, nothing of this machine"


def test_no_more_images_are_held_than_are_written_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive, most = set(), 0

    class Many:
        def __iter__(self) -> Iterator[Any]:
            nonlocal most
            for i in range(50):
                image = image_record(f"{i}.png")
                alive.add(id(image))
                weak = __import__("weakref").finalize(image, alive.discard, id(image))
                weak.atexit = False
                most = max(most, len(alive))
                yield image

    monkeypatch.setattr(columns, "GROUP", 5)
    write_images(tmp_path / "many", Many(), {})
    assert most <= 2 * 5 + 1


def test_a_column_of_numbers_and_texts_is_one_of_texts_and_a_large_integer_too(tmp_path: Path) -> None:
    images = [image_record("a").model_copy(), image_record("b")]
    values: list[dict[str, Any]] = [{"x": 1, "y": 2**70, "z": None, "w": 1}, {"x": "one", "y": 1, "w": 0.5}]
    images = [type(i).model_validate({**i.model_dump(), "own": v}) for i, v in zip(images, values, strict=True)]
    write_images(tmp_path / "file", images, {})
    found = pyarrow.parquet.read_table(tmp_path / "file")
    assert found["own.x"].to_pylist() == ["1", "one"] and found["own.y"].to_pylist() == [str(2**70), "1"]
    assert found["own.w"].to_pylist() == [1.0, 0.5] and found["own.z"].to_pylist() == [None, None]


def test_without_the_library_a_large_run_says_so_before_any_work(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(
        UsageError, match=r"10 images are more than document.records = 4.*pip install 'reportgen\[columns\]'"
    ):
        made(photos, tmp_path / "out", records=LIMIT)
    assert not (tmp_path / "out").exists()
    require_writable(4, LIMIT)


# --- tables and warnings -------------------------------------------------------------------------


def long_table(n: int, named: bool = True) -> Table:
    names = [f"{i:05d}.jpg" for i in range(n)]
    return Table(
        id="long",
        caption="Long.",
        columns=[Column(key="image", label="Image"), Column(key="iou", label="IoU", decimals=2)],
        rows=[[name, i / n] for i, name in enumerate(names)],
        row_images=list(names) if named else [],
    )


@pytest.mark.parametrize("figures", [0, 3, 10, 30])
@pytest.mark.parametrize("n", [18, 90])
def test_a_cut_table_shows_the_same_rows_on_every_page(
    cut: Report, monkeypatch: pytest.MonkeyPatch, figures: int, n: int
) -> None:
    for medium, most in (("pdf", 6), ("manuscript", 6), ("html", 20)):
        monkeypatch.setitem(ROWS, medium, most)
    table = long_table(n)
    shown = [f"{i:05d}.jpg" for i in range(n // 3, min(n // 3 + figures, n))]
    kept = KeptRows(LIMIT, frozenset(shown), frozenset(f"{i:05d}.jpg" for i in range(5)))
    less = kept.cut(table, "tables/long.parquet")
    assert less.count == n and len(less.rows) <= n
    pages = []
    for medium in ROWS:
        for one in (table, less):
            section = cut.sections[0].model_copy(update={"blocks": [one]})
            images = [cut.images[0].model_copy(update={"name": name, "slug": name}) for name in shown]
            update = {"sections": [section], "images": images, "records": None, "findings": [], "warnings": []}
            if figures == 0:
                update |= {"images": [], "shown": None}
            report = cut.model_copy(update={**update, "shown": None})
            (block,) = page_context(report, medium)["sections"][0]["blocks"]
            pages.append((block["kept"], block["count"], [block["rows"][i] for i in block["shown_rows"]]))
    assert pages[0::2] == pages[1::2]


def test_a_long_table_stands_whole_in_a_file_of_its_own(tmp_path: Path, cut: Report) -> None:
    table = long_table(1234)
    (tmp_path / "tables").mkdir()
    write_rows(tmp_path / "tables/long.parquet", table)
    less = KeptRows(LIMIT, frozenset(), frozenset()).cut(table, "tables/long.parquet")
    assert len(less.rows) == 1000 and whole_table(tmp_path, less).rows == table.rows
    for file, why in (("../long.parquet", "not here"), ("tables/other.parquet", "no such file")):
        assert less.all_rows is not None
        wrong = less.model_copy(update={"all_rows": less.all_rows.model_copy(update={"file": file})})
        with pytest.raises(UsageError, match=why):
            whole_table(tmp_path, wrong)


def test_tables_of_the_run_have_all_rows_beside_their_csv(whole: Report, cut: Report) -> None:
    long = [block for section in cut.sections for block in section.blocks if block.type == "table" and block.all_rows]
    assert long
    for table in long:
        assert (home(cut) / table.file).exists()
        pandas.testing.assert_frame_equal(table.to_pandas(), whole.table(table.id).to_pandas(), check_dtype=False)


def test_warnings_of_one_kind_are_bounded_and_counted() -> None:
    same = [Warning_(code="same", text="The same.", image=f"{i}") for i in range(100)]
    own = [Warning_(code="own", text=f"Sentence {i}.", image=f"{i}") for i in range(100)]
    run = [Warning_(code="run", text=f"Of the run {i}.") for i in range(100)]
    kept, counts = bounded([*same, *own, *run])
    assert kept == [*same[:NAMES], *own[:NOTES], *run]
    assert [(of.code, of.count, of.sentences, of.more) for of in counts] == [
        ("same", 100, 1, {"The same.": 100 - NAMES}),
        ("own", 100, 100, {}),
    ]


# --- pages ---------------------------------------------------------------------------------------


def test_pages_are_the_same_but_for_what_they_name(whole: Report, cut: Report, tmp_path: Path) -> None:
    """Settings and the list of files differ; so does where an image without figures stands."""
    for medium in ("pdf", "html", "manuscript"):
        a, b = (page_context(report, medium) for report in (whole, cut))
        same = {key for key in a if a[key] == b[key]}
        assert {"images", "measures", "totals", "findings", "warnings", "label_sources", "contents"} <= same | {
            "images"
        }
        assert [image["name"] for image in a["images"]] == [image["name"] for image in b["images"]]
        for x, y in zip(a["images"], b["images"], strict=True):
            assert {key: x[key] for key in y} == y
    cards = []
    for report, out in ((whole, tmp_path / "whole"), (cut, tmp_path / "cut")):
        (page,) = reportgen.render(report, out, formats=("html",))
        cards.append(re.findall(r'<li class="card.*?</li>', page.read_text("utf-8"), re.DOTALL))
    assert cards[0] == cards[1] and len(cards[0]) == IMAGES


def test_pages_say_where_all_images_stand(cut: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reportgen.report.bounds.CARDS, "html", 2)  # type: ignore[attr-defined]
    assert cut.folder is not None
    # In this process, whose bound it is.
    (page,) = render_all(cut, cut.folder, tmp_path, formats=["html"])["html"]
    assert "5 further images: <code>images.parquet</code>." in page.read_text("utf-8")


# --- every reader --------------------------------------------------------------------------------


def test_a_run_with_the_file_and_one_without_are_the_same(whole: Report, cut: Report) -> None:
    for a, b in ((whole, cut), (cut, whole), (cut, cut)):
        found = compare(a, b, 0.0)
        assert same_but_for_files(found), [str(one) for one in (*found.numbers, *found.other)][:3]


def test_verify_finds_what_was_changed(run: Path, photos: Path) -> None:
    assert verify(run, photos).ok
    data = bytearray((run / "images.parquet").read_bytes())
    data[200] ^= 1
    (run / "images.parquet").write_bytes(data)
    assert verify(run).changed == ["images.parquet"]
    with (
        pytest.raises(UsageError, match=r"images\.parquet: is not the file that the report describes"),
        EveryImage(read_report(run)),
    ):
        pass


def test_images_of_a_run_are_those_that_were_given(run: Path, photos: Path, tmp_path: Path) -> None:
    others = Path(shutil.copytree(photos, tmp_path / "others"))
    (others / "7.png").write_bytes((others / "6.png").read_bytes())
    (others / "8.png").unlink()
    found = verify(run, others)
    assert (found.changed, found.missing) == (["image 7.png"], ["image 8.png"])


def test_the_pdf_carries_the_file_and_is_enough(cut: Report, whole: Report, photos: Path, tmp_path: Path) -> None:
    pdf = Path(shutil.copy(home(cut) / "report.pdf", tmp_path / "report.pdf"))
    assert "images.parquet" in pypdf.PdfReader(pdf).attachments
    found = verify(pdf, photos)
    assert found.ok and any("byte for byte" in note for note in found.notes), found
    alone = read_report(pdf)
    assert alone.folder is None and same_but_for_files(compare(alone, whole))
    assert _numbers_of(alone["7.png"].record) == _numbers_of(whole["7.png"].record)


def test_a_large_file_stays_out_of_the_pdf(cut: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_attachments, "MOST_RECORDS", 100)
    (pdf,) = reportgen.render(cut, tmp_path / "small", formats=("pdf",), template="brief")
    assert "images.parquet" not in pypdf.PdfReader(pdf).attachments
    assert verify(pdf).ok
    with pytest.raises(
        UsageError, match=r"holds 3 of its 10 images; images\.parquet holds them all, so give the run folder"
    ):
        compare(cut, read_report(pdf))
    assert [
        path.name
        for path in reportgen.render(read_report(home(cut)), tmp_path / "again", formats=("html",), template="brief")
    ]


def test_a_bundle_holds_it_and_an_anonymous_one_without_folders(
    run: Path, whole: Report, photos: Path, tmp_path: Path
) -> None:
    names = bundle(run, tmp_path / "run.zip")
    assert "images.parquet" in names and verify(tmp_path / "run.zip", photos).ok
    assert same_but_for_files(compare(read_report(tmp_path / "run.zip"), whole))
    for target in ("a.zip", "b.zip"):
        bundle(run, tmp_path / target, anonymous=True)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert verify(tmp_path / "a.zip", photos).ok
    with EveryImage(read_report(tmp_path / "a.zip")) as every:
        assert [image.name for image in every] == [image.name for image in whole.images]


def rewritten(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """The run with every record in its file changed, and the report that describes that file."""
    report = read_report(run)
    assert report.records is not None
    with EveryImage(report) as every:
        data = [image.model_dump(mode="json") for image in every]
    for image in data:
        change(image)
    write_images(run / "images.parquet", [type(report.images[0]).model_validate(image) for image in data], {})
    described(run, report)


def described(run: Path, report: Report) -> None:
    data = (run / "images.parquet").read_bytes()
    update = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert report.records is not None
    changed = report.model_copy(update={"records": report.records.model_copy(update=update)})
    (run / "report.json").write_bytes(report_json(changed))
    manifest = json.loads((run / "manifest.json").read_bytes())
    for name in ("report.json", "images.parquet"):
        content = (run / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (run / "manifest.json").write_text(json.dumps(manifest))
    (run / "report.pdf").unlink(missing_ok=True)
    del manifest["files"]["report.pdf"]
    (run / "manifest.json").write_text(json.dumps(manifest))


def test_folders_of_a_machine_leave_an_anonymous_file_and_names_are_found_in_it(run: Path, tmp_path: Path) -> None:
    rewritten(run, lambda image: image.update(own={"from": "/srv/ann/work/a.jpg"}))
    bundle(run, tmp_path / "a.zip", anonymous=True)
    with EveryImage(read_report(tmp_path / "a.zip")) as every:
        assert {image.own["from"] for image in every} == {"a.jpg"}  # type: ignore[attr-defined]
    shutil.copy(run / "report.json", tmp_path / "report.json")
    other = Path(shutil.copytree(run.parent / "run", tmp_path / "other"))
    rewritten_again = read_report(other)
    with EveryImage(rewritten_again) as every:
        data = [{**image.model_dump(mode="json"), "own": {"by": "/home/ann"}} for image in every]
    write_images(other / "images.parquet", [type(rewritten_again.images[0]).model_validate(one) for one in data], {})
    (other / "report.pdf").write_bytes(b"")
    manifest = json.loads((other / "manifest.json").read_bytes())
    manifest["files"]["report.pdf"] = {}
    (other / "manifest.json").write_text(json.dumps(manifest))
    described(other, rewritten_again)
    with pytest.raises(CheckFailed, match=r"not anonymous: images\.parquet holds the path '/home/ann'"):
        bundle(other, tmp_path / "b.zip", anonymous=True)


def test_one_image_and_all_of_them_in_python(whole: Report, cut: Report) -> None:
    view = cut["7.png"]
    assert _numbers_of(view.record) == _numbers_of(whole["7.png"].record)
    shown = with_files(cut)[0]
    assert np.array_equal(cut[shown].map("gradcam"), whole[shown].map("gradcam"))
    unfiled = next(image.name for image in whole.images if image.name not in with_files(cut))
    with pytest.raises(UsageError, match=f"{unfiled}: no map"):
        cut[unfiled].map("gradcam")
    frames = [report.to_pandas() for report in (cut, whole)]
    numbers = [f[[c for c in f if not c.startswith("results.") and not c.endswith(("map", "mask"))]] for f in frames]
    pandas.testing.assert_frame_equal(*numbers, check_dtype=False, check_like=True)
    with pytest.raises(KeyError, match=r"no image is called '77\.png'"):
        cut["77.png"]
    assert f"{IMAGES} images" in (cut._repr_html_() or "")


def test_a_repeat_and_notes_know_every_image(cut: Report, photos: Path, tmp_path: Path) -> None:
    assert plan(home(cut), photos, {}, None).loaded.settings.document.records == LIMIT
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "introduction.md").write_text(
        '{{ totals.images }} images, {{ totals.warnings }}, {{ images["7.png"].correct }}.'
    )
    assert len(annotated(cut, notes, print).document.notes) == 1
    (notes / "introduction.md").write_text('{{ images["7.png"].agreement.iou }}')
    shown = {image.name for image in cut.images}
    assert "7.png" not in shown
    with pytest.raises(UsageError, match=r"document\.show"):
        annotated(cut, notes, print)


# --- from anybody --------------------------------------------------------------------------------


def damaged(run: Path, table: pyarrow.Table | bytes) -> Report:
    """The report of a run that describes another file."""
    if isinstance(table, bytes):
        (run / "images.parquet").write_bytes(table)
    else:
        pyarrow.parquet.write_table(table, run / "images.parquet")
    described(run, read_report(run))
    return read_report(run)


def test_a_file_that_is_none_of_a_report_is_one_line(run: Path) -> None:
    good = pyarrow.parquet.read_table(run / "images.parquet")
    kept = {name: (run / name).read_bytes() for name in ("report.json", "manifest.json", "report.pdf")}
    record = good.schema.get_field_index("record")
    hostile = {
        "not a Parquet file that can be read": b"PAR1 and nothing else PAR1",
        "has no column 'record'": good.drop_columns(["record"]),
        "does not hold the 10 images": good.slice(0, 9),
        "holds no image of a report": good.set_column(record, "record", pyarrow.array(['{"name": 1}'] * 10)),
        "lacks a value": good.set_column(0, "name", pyarrow.array([None] * 10, pyarrow.string())),
    }
    for words, table in hostile.items():
        for name, data in kept.items():
            (run / name).write_bytes(data)
        report = damaged(run, table)
        with pytest.raises(UsageError, match=words) as raised, EveryImage(report) as every:
            list(every)
        assert "\n" not in str(raised.value)


def test_a_text_that_is_repeated_is_not_written_out(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file of one long text for every row takes no more memory than the text, and is refused where that is too long."""
    good = pyarrow.parquet.read_table(run / "images.parquet")
    text = pyarrow.array(["x" * 5_000_000] * 10)
    report = damaged(run, good.set_column(good.schema.get_field_index("record"), "record", text))
    assert (run / "images.parquet").stat().st_size < 1_000_000
    before = pyarrow.total_allocated_bytes()
    with pytest.raises(UsageError, match="holds no image"), EveryImage(report) as every:
        every.at(0)
    assert pyarrow.default_memory_pool().max_memory() - before < 60_000_000


def test_a_missing_file_says_what_to_give(run: Path) -> None:
    (run / "images.parquet").unlink()
    with pytest.raises(UsageError, match=r"images\.parquet: no such file; every image of this report stands in it"):
        compare(read_report(run), read_report(run))
    assert not verify(run).ok


def test_a_zip_with_the_file_in_it_is_bounded(run: Path, tmp_path: Path) -> None:
    bundle(run, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert archive.getinfo("images.parquet").compress_type == zipfile.ZIP_STORED
