"""What of a chapter stands on paper, and in which columns."""

from __future__ import annotations

import pytest

from fixtures import make_report
from reportgen.rendering.context import page_context
from reportgen.rendering.filters import opening
from reportgen.rendering.plain import Plain
from reportgen.report.blocks import Block, Column, Facts, Figure, Heading, Listing, Section, Table, Text
from reportgen.report.document import Report

LONG = "A sentence that says something about the images of this run, and how sure that is. " * 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return make_report(tmp_path_factory.mktemp("run"), 4)[0]


def page(report: Report, blocks: list[Block], medium: str = "pdf", **extra: object) -> Plain:
    """The chapter of these blocks, after the report's own first, in which every image has maps."""
    section = Section(id="mine", title="Mine", blocks=blocks, **extra)
    changed = report.model_copy(update={"sections": [*report.sections[:1], section]})
    found: Plain = next(s for s in page_context(changed, medium)["sections"] if s["id"] == "mine")
    return found


def table(id: str, *, detail: bool = False) -> Table:
    return Table(
        id=id,
        caption="Numbers.",
        columns=[Column(key="a", label="A")],
        rows=[["x"]],
        file=f"tables/{id}.csv",
        detail=detail,
    )


def about(report: Report, position: int, particular: str = "") -> Figure:
    image = report.images[position]
    return Figure(
        id=f"of-{position}", caption="Its map.", pictures=[image.picture], image=image.name, particular=particular
    )


def standing(section: Plain) -> list[str]:
    return [block["id"] for block in section["blocks"] if block["type"] in ("figure", "table") and block["stands"]]


def test_details_give_way_on_paper_keep_their_number_and_are_said(made: Report) -> None:
    blocks: list[Block] = [table("first", detail=True), table("second")]
    paper, screen = page(made, blocks), page(made, blocks, "html")
    assert standing(paper) == ["second"] and standing(screen) == ["first", "second"]
    numbers = [[block["number"] for block in section["blocks"]] for section in (paper, screen)]
    assert numbers[0] == numbers[1], "a number says the same on paper and on a screen"
    assert paper["elsewhere"] == [
        {"type": "table", "number": numbers[0][0], "several": False, "file": "tables/first.csv"}
    ]
    assert screen["elsewhere"] == []


def test_figures_in_a_row_that_give_way_are_named_together(made: Report) -> None:
    def figure(name: str, *, detail: bool = True) -> Block:
        return about(made, 0).model_copy(update={"id": name, "detail": detail, "image": None, "kind": "chart"})

    shown = [figure("a"), figure("b"), figure("c"), figure("d", detail=False), figure("e"), table("t", detail=True)]
    found = page(made, [*shown, figure("f")])["elsewhere"]
    first = page(made, shown)["blocks"][0]["number"]
    named = [(item["type"], item["number"], item["several"]) for item in found]
    assert named[0] == ("figure", f"{first}–{first + 2}", True)
    assert named[1] == ("figure", first + 4, False)
    assert named[2][0] == "table" and not named[2][2]
    assert named[3] == ("figure", first + 5, False)


def test_of_figures_about_images_the_particular_stand_where_strips_show_all(made: Report) -> None:
    blocks: list[Block] = [about(made, 0), about(made, 1, "Lowest IoU"), about(made, 2)]
    assert standing(page(made, blocks)) == ["of-1"]
    assert standing(page(made, blocks, "html")) == ["of-0", "of-1", "of-2"]


def test_where_none_says_what_is_particular_all_stand(made: Report) -> None:
    assert standing(page(made, [about(made, 0), about(made, 1)])) == ["of-0", "of-1"]


def test_a_row_of_pictures_is_cut_to_the_particular_ones(made: Report) -> None:
    pictures = [
        image.picture.model_copy(update={"image": image.name, "layer": "Both", "particular": why})
        for image, why in zip(made.images, ("Highest", "", "", "Lowest"), strict=True)
    ]
    row = Figure(id="row", caption="All.", pictures=pictures, columns=4)
    [figure] = page(made, [row])["groups"][0]["blocks"]
    assert [picture["particular"] for picture in figure["pictures"]] == ["Highest", "Lowest"]
    [whole] = page(made, [row], "html")["groups"][0]["blocks"]
    assert len(whole["pictures"]) == 4


def test_a_heading_under_which_nothing_is_left_does_not_stand(made: Report) -> None:
    blocks: list[Block] = [
        Heading(text="Kept"),
        Text(text="Said."),
        Heading(text="Gone"),
        table("detail", detail=True),
        Listing(role="limit", items=["Not shown."]),
    ]
    heads = {block["text"]: block["stands"] for block in page(made, blocks)["blocks"] if block["type"] == "heading"}
    assert heads == {"Kept": True, "Gone": False}
    assert all(block["stands"] for block in page(made, blocks, "html")["blocks"])


def test_text_runs_in_columns_where_it_fills_them_and_method_is_apart(made: Report) -> None:
    blocks: list[Block] = [
        Listing(role="observation", items=["One.", "Two."]),
        Heading(text="Numbers"),
        table("numbers"),
        Text(role="limit", text=LONG),
        Text(text="What was done."),
        Facts(title="Settings", items=[("seed", "7")]),
    ]
    groups = [(g["kind"], g["long"], g["method"], len(g["blocks"])) for g in page(made, blocks)["groups"]]
    assert groups == [
        ("text", False, False, 1),
        ("heading", False, False, 1),
        ("wide", False, False, 1),
        ("text", True, False, 1),
        ("text", False, True, 2),
    ]


def test_appendices_come_last(made: Report) -> None:
    changed = made.model_copy(
        update={"sections": [Section(id="proof", title="Proof", blocks=[], appendix=True), *made.sections]}
    )
    ids = [section["id"] for section in page_context(changed, "pdf")["sections"]]
    assert ids == [*(section.id for section in made.sections), "proof"]


def test_each_finding_stands_once_with_its_chapter_or_apart(made: Report) -> None:
    context = page_context(made.model_copy(update={"sections": made.sections[:1]}), "pdf")
    with_chapters = [finding["id"] for section in context["sections"] for finding in section["findings"]]
    apart = [finding["id"] for finding in context["homeless"]]
    assert sorted([*with_chapters, *apart]) == sorted(finding.id for finding in made.findings)
    assert with_chapters and apart


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("The IoU is 0.433 over 10 images. Of two images it is 0.3.", "The IoU is 0.433 over 10 images."),
        ("One sentence alone", "One sentence alone"),
        ("Does it hold? It does.", "Does it hold?"),
        ("By 3 %, p < 0.001. 5 of 10 images.", "By 3 %, p < 0.001."),
        ("e.g. a word. Then more.", "e.g. a word."),
        ("", ""),
    ],
)
def test_the_first_sentence_of_a_paragraph(text: str, first: str) -> None:
    assert opening(text) == first
