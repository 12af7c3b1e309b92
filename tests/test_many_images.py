"""Large runs: which images have figures, what stands where, and that pages, names and pictures stay bounded."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image

from fixtures import make_report
from made_runs import analyse_toy
from reportgen.analyses.agreement.task import ANALYSIS as AGREEMENT
from reportgen.analyses.cams.task import ANALYSIS as CAMS
from reportgen.analyses.lime.task import ANALYSIS as LIME
from reportgen.analysis.shown import select, shown_note
from reportgen.rendering.context import page_context
from reportgen.rendering.environment import environment, page_chunks
from reportgen.rendering.render import render
from reportgen.rendering.templates import template_folders
from reportgen.report.bounds import CARDS, NAMES, NOTES, ROWS
from reportgen.report.document import Report, Shown, Warning_
from reportgen.utils.errors import UsageError

NAMES_100 = [f"image-{i:03d}.jpg" for i in range(100)]


# --- which images have figures -------------------------------------------------------------------


def test_a_small_run_shows_every_image() -> None:
    shown = select(NAMES_100[:24], [None] * 24, "IoU", most=24)
    assert shown.images == NAMES_100[:24] and shown.everything and not shown.rule
    assert shown_note(SimpleNamespace(shown=shown), "maps/") == []  # type: ignore[arg-type]


def test_a_large_run_shows_the_lowest_the_median_and_the_highest() -> None:
    scores: list[float | None] = list(range(100))
    random.Random(0).shuffle(scores)
    shown = select(NAMES_100, scores, "IoU", most=9)
    ranks = {name: scores[NAMES_100.index(name)] for name in shown.images}
    assert sorted(ranks.values()) == [0, 1, 2, 48, 49, 50, 97, 98, 99]  # type: ignore[type-var]
    assert shown.images == sorted(shown.images), "in the order of the run"
    reasons = {ranks[name]: reason.split()[-1] for name, reason in zip(shown.images, shown.reasons, strict=True)}
    assert [reasons[rank] for rank in (0, 2, 48, 50, 97, 99)] == ["lowest"] * 2 + ["median"] * 2 + ["highest"] * 2
    assert shown.rule.startswith("9 of 100 images have figures") and "IoU" in shown.rule and "3 lowest" in shown.rule


def test_what_could_not_be_measured_ranks_lowest_and_ties_go_by_name() -> None:
    scores = [0.5] * 50 + [None] + [0.5] * 49
    first, second = (select(NAMES_100, scores, "IoU", most=3) for _ in range(2))
    assert first == second
    assert first.images == [NAMES_100[48], NAMES_100[50], NAMES_100[99]]


def test_images_that_were_asked_for_come_on_top() -> None:
    shown = select(NAMES_100, list(range(100)), "IoU", most=3, asked=(NAMES_100[20], NAMES_100[0]))
    assert len(shown.images) == 4
    assert dict(zip(shown.images, shown.reasons, strict=True))[NAMES_100[20]] == "asked for"
    assert "1 that were asked for" in shown.rule


# --- through the pipeline ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = tmp_path_factory.mktemp("photos")
    for i in range(7):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"{i}.png")
    return photos


def analysed(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Report:
    lime = {"num_samples": 8, "resamples": 0}
    report, _ = analyse_toy(folder, out, out.parent / "cache", [CAMS, LIME], lime=lime, **settings)
    return report


def test_figures_for_the_chosen_and_files_for_all(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = analysed(folder, tmp_path / "out", monkeypatch, document={"figures": 3, "show": ["6.png", "5.png"]})
    assert report.shown is not None and report.shown.of == 7 and {"5.png", "6.png"} <= set(report.shown.images)
    assert "R² of LIME's surrogate" in report.shown.rule
    r2 = {image.name: image.lime["r2"] for image in report.images}  # type: ignore[attr-defined]
    ranked = sorted(r2, key=lambda name: (r2[name], name))
    assert {ranked[0], ranked[3], ranked[-1]} <= set(report.shown.images) and len(report.shown.images) <= 5
    for section in report.sections:
        figures = [block.image for block in section.blocks if block.type == "figure"]
        assert figures == report.shown.images
        assert any(block.type == "text" and f"{len(figures)} of 7 images" in block.text for block in section.blocks)
        tables = [block for block in section.blocks if block.type == "table" and block.row_images]
        assert all(len(table.rows) == 7 for table in tables)
    for image in report.images:
        assert (tmp_path / "out/maps" / image.slug / "gradcam.npy").exists()
        assert (tmp_path / "out" / image.picture.file).exists()
    written = {path.name for path in (tmp_path / "out/figures").iterdir()}
    assert {name.partition("-")[0] for name in written if "-gradcam" in name} == {
        image.slug for image in report.images if image.name in report.shown.images
    }


def test_a_small_run_says_nothing_of_a_choice(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = analysed(folder, tmp_path / "out", monkeypatch)
    assert report.shown is None
    assert len([b for s in report.sections for b in s.blocks if b.type == "figure" and b.image]) == 14


def test_an_image_that_is_not_there_cannot_be_shown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"no image is called '6\.pgn'; did you mean '6\.png'"):
        analysed(folder, tmp_path / "out", monkeypatch, document={"show": ["6.pgn"]})


# --- on the page ---------------------------------------------------------------------------------


def large(folder: Path, n: int) -> tuple[Report, Path]:
    """A report of n images, three of them with figures; the others share one picture."""
    report, run = make_report(folder, 3)
    small = report.images[0].model_copy(
        update={"picture": report.images[0].picture.model_copy(update={"file": "figures/small.jpg"}), "correct": False}
    )
    shutil.copy(run / report.images[0].picture.file, run / "figures/small.jpg")
    names = [image.name for image in report.images]
    rest = [small.model_copy(update={"name": f"other/{i:05d}.jpg", "slug": f"other-{i}"}) for i in range(3, n)]
    agreement = report.sections[-1]
    table = next(block for block in agreement.blocks if block.type == "table" and block.id == "iou")
    longer = table.model_copy(
        update={
            "rows": [*table.rows, *([image.name, 0.1, 0.2] for image in rest)],
            "row_images": [*table.row_images, *(image.name for image in rest)],
        }
    )
    plain = longer.model_copy(update={"id": "plain", "row_images": [], "file": "tables/plain.csv"})
    blocks = [longer if block is table else block for block in agreement.blocks]
    warnings = [Warning_(code="same", text="The same sentence.", image=image.name) for image in rest]
    warnings += [Warning_(code="own", text=f"Sentence {i}.", image=image.name) for i, image in enumerate(rest)]
    update = {
        "images": [*report.images, *rest],
        "shown": Shown(
            of=n, images=names, reasons=["lowest", "median", "highest"], rule=f"3 of {n} images have figures."
        ),
        "sections": [*report.sections[:-1], agreement.model_copy(update={"blocks": [*blocks, plain]})],
        "warnings": warnings,
    }
    return report.model_copy(update=update), run


def test_long_lists_are_cut_and_counted(tmp_path: Path) -> None:
    report, _ = large(tmp_path, 1200)
    context = page_context(report, "pdf")
    tables = {table["id"]: table for table in context["tables"]}
    assert tables["iou"]["kept"] == "images" and tables["iou"]["shown_rows"] == [0, 1, 2]
    ends = tables["plain"]["shown_rows"]
    assert tables["plain"]["kept"] == "ends" and (ends[0], ends[-1], len(ends)) == (0, 1199, ROWS["pdf"])
    same, own = context["warnings"]
    assert (len(same["notes"][0]["images"]), same["notes"][0]["more"]) == (NAMES, 1197 - NAMES)
    assert (len(own["notes"]), own["more"]) == (NOTES, 1197 - NOTES)
    assert context["totals"]["cards"] == 3 + CARDS["pdf"] and context["totals"]["shown"] == 3
    assert len(page_context(report, "html")["images"]) == 1200


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    report, run = large(tmp_path_factory.mktemp("large"), 200)
    out = tmp_path_factory.mktemp("out")
    render(report, run, out)
    return out


def test_on_paper_the_chosen_have_strips_and_the_rest_a_contact_sheet(tmp_path: Path) -> None:
    report, _ = large(tmp_path, 30)
    env = environment(template_folders("writeup"), url=str, asset=str)
    page = "".join(page_chunks(env, page_context(report, "pdf")))
    strips = re.findall(r'<article class="strip" id="([^"]+)".*?</article>', page, re.DOTALL)
    assert strips == [f"image-image-{i:03d}" for i in range(3)]
    assert re.findall(r'<li class="card([^"]*)" id="([^"]+)"', page) == [
        (" small", f"image-other-{i}") for i in range(3, 30)
    ]
    assert [page.count(f'<span lang="en">{reason}</span>') for reason in ("lowest", "median", "highest")] == [1, 1, 1]


def test_what_has_no_card_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CARDS, "pdf", 20)
    report, _ = large(tmp_path, 30)
    env = environment(template_folders("writeup"), url=str, asset=str)
    page = "".join(page_chunks(env, page_context(report, "pdf")))
    assert page.count('<li class="card small"') == 20
    assert "7 further images: report.json, <code>images</code>." in page


def test_the_analyses_name_their_headline_measures(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, _ = analyse_toy(
        folder,
        tmp_path / "out",
        tmp_path / "cache",
        [CAMS, LIME, AGREEMENT],
        lime={"num_samples": 8, "repeats": 2},
    )
    measures = page_context(report, "pdf")["measures"]
    assert [measure["label"] for measure in measures if measure["headline"]] == [
        "Grad-CAM area", "LIME area", "R²", "Jaccard, seeds", "IoU", "IoU, other images",
    ]  # fmt: skip


def test_pages_stay_bounded_and_say_what_is_left_out(pages: Path) -> None:
    with pdfium.PdfDocument(pages / "report.pdf") as pdf:
        text = "".join(leaf.get_textpage().get_text_range() for leaf in pdf)
        count = len(pdf)
    squeezed = " ".join(text.split())
    assert count < 20
    assert "3 of 200 images have figures." in squeezed
    assert "Images without figures" in squeezed and "00003.jpg" in squeezed.replace(" ", "")
    assert "3 of 200 rows stand here, those of images with figures; all of them: tables/iou.csv" in squeezed
    assert "60 of 200 rows stand here, the first and the last; all of them: tables/plain.csv" in squeezed
    assert f"and {197 - NOTES} more of this kind: report.json, warnings" in squeezed.replace("\u202f", "")


def test_pictures_load_when_they_are_seen(pages: Path) -> None:
    html = (pages / "report.html").read_text("utf-8")
    assert html.count('<li class="card') == 200
    assert html.count('decoding="async"') > 200
