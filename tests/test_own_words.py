"""The author's own words: where notes go, what they refer to, and that nothing but the allowed elements comes of any text."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crash_runs import Job, files, photo_folder
from fixtures import finish_run, make_report
from pdf_checks import problems
from reportgen.cli import main as cli
from reportgen.images.find import find_images
from reportgen.notes.check import require_known, require_possible
from reportgen.notes.folder import find_notes, holds_notes
from reportgen.notes.limits import MOST_BRACKETS, MOST_BYTES, MOST_NESTED, MOST_REFERENCES, MOST_TOGETHER
from reportgen.notes.markdown import parse, walk
from reportgen.notes.values import Unknown, by_path, find, read, totals
from reportgen.pipeline.own_words import with_notes
from reportgen.rendering.context import page_context
from reportgen.rendering.environment import environment
from reportgen.rendering.own_words import own_words, places, shown_value
from reportgen.rendering.render import render
from reportgen.rendering.templates import template_folders
from reportgen.rendering.words import english
from reportgen.report.diff import compare
from reportgen.report.document import Document, Evidence, Finding, Note, Report
from reportgen.report.open import read_report
from reportgen.report.report_json import parse_report, report_json
from reportgen.sharing.bundle import bundle
from reportgen.sharing.verify import verify
from reportgen.utils.errors import CheckFailed, Problems, UsageError
from test_browser import Visits, browser, html, violations, visit  # noqa: F401 (fixtures)

ELEMENTS = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "span", "strong", "ul",
}  # fmt: skip
IMAGE = "n01443537_goldfish.JPEG"


def note(text: str, place: str = "introduction", of: str = "") -> Note:
    return Note(name=f"{of or place}.md", place=place, of=of, text=text)  # type: ignore[arg-type]


def noted(report: Report, *notes: Note) -> Report:
    said: list[str] = []
    return with_notes(report, notes, "notes", said.append).with_folder(report.folder)


def complaints(report: Report, text: str) -> list[str]:
    with pytest.raises(Problems) as caught:
        require_known([note(text)], report, "notes")
    return list(caught.value.lines)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    report, run = make_report(tmp_path_factory.mktemp("own-words"), 2)
    measured = Finding(
        id="L2",
        section="lime",
        claim="They agree.",
        verdict="contradicted",
        text="IoU is 0.433.",
        evidence=[
            Evidence(name="iou_own", value=0.43314, n=2, ci=(0.31, 0.52), p=0.0004),
            Evidence(name="area", value=0.46359, unit="%"),
            Evidence(name="offset", value=-0.1216, unit="half diagonals"),
        ],
        p=0.0123,
    )
    return report.model_copy(update={"findings": [*report.findings, measured]}), run


@pytest.fixture(scope="module")
def page(made: tuple[Report, Path]) -> Any:
    """A note's text -> the elements that the page makes of it."""
    env = environment(template_folders("writeup"), url=str, asset=str)
    macro = env.get_template("parts/note.html").module
    data, context = made[0].model_dump(mode="json"), page_context(made[0], "html")
    anchors = {image["name"]: image["anchor"] for image in context["images"]}
    known = places(data, context["sections"], anchors, context["stands"], english())

    def written(text: str) -> str:
        report = {**data, "document": {"notes": [note(text).model_dump()]}}
        found = own_words(report, known, [], english(), "en")
        return str(macro.blocks(found["introduction", ""]["nodes"])) if found else ""  # type: ignore[attr-defined]

    return written


class Elements(HTMLParser):
    """Every element of a piece of HTML with its attributes, the text, and whether what opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._open = "", list[str]()
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("br", "hr"):
            self._open.append(tag)
        assert self._open.count("a") < 2, "a link in a link"

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    handle_decl = handle_pi = unknown_decl = handle_comment


def assert_allowed(markup: str) -> None:
    for tag, attributes in Elements(markup).found:
        assert tag in ELEMENTS
        for name, value in attributes.items():
            assert (tag, name) in {("a", "href"), ("ol", "start"), ("span", "class")}
            if name == "href":
                assert re.fullmatch(r"(?:https?://|mailto:).+|#[a-z0-9-]+", value or "", re.IGNORECASE)
            if name == "start":
                assert re.fullmatch(r"\d{1,9}", value or "")


# --- what a note can become ----------------------------------------------------------------------

PIECES = (
    "<script>alert(1)</script>", "<img src=x onerror=y>", "<b", "-->", "<!--",
    "<![CDATA[", "&lt;", "&#x202e;", "\u202e", "\x00", "\x1b[2J",
    "# ", "###### ", "> ", "- ", "1. ", "999999999. ", "\n", "\n\n", "    ", "```",
    "~~~", "`", "**", "*", "_", "[", "](", ")", "![", "<", ">",
    "javascript:alert(1)", "data:text/html,x", "https://a.b/?q=\"'<", "mailto:a@b.c", "<https://x.y>",
    "//evil", "#L2", "#fig:iou", '"', "'",
    "{{", "}}", "{{ L2 }}", "{{ findings.L2.value | 2 }}", "{{ ''.__class__ }}", "{% raw %}",
    "@fig:iou", "@table:iou", "@fig:{", "\\", "---", "===",
    "[x]: javascript:y 'z'", "[x]", "\t", "\r", "&amp;", "é", "\U0001f600", "a", " ",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=30).map("".join))
def test_no_text_yields_an_element_or_an_attribute_outside_the_list(page: Any, text: str) -> None:
    try:
        markup = page(text)
    except UsageError:
        return
    assert_allowed(markup)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", markup)


def test_markdown_becomes_elements_and_html_stays_text(page: Any) -> None:
    markup = page(
        "A *b* **c** `d<e>` <b onclick=x>f</b>\n\n- one\n- two\n\n3. three\n\n> q\n\n```\n<pre>\n```\n\n***\na  \nb"
    )
    assert markup == (
        "<p>A <em>b</em> <strong>c</strong> <code>d&lt;e&gt;</code> &lt;b onclick=x&gt;f&lt;/b&gt;</p>"
        '<ul><li>one</li><li>two</li></ul><ol start="3"><li>three</li></ol><blockquote><p>q</p></blockquote>'
        "<pre><code>&lt;pre&gt;</code></pre><hr><p>a<br>b</p>"
    )


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("[a](https://x.org/?a=1&b=2)", '<a href="https://x.org/?a=1&amp;b=2">a</a>'),
        ("<mailto:ann@x.org>", '<a href="mailto:ann@x.org">mailto:ann@x.org</a>'),
        ("[a](javascript:alert(1))", "a"),
        ("[a](JaVaScRiPt:alert(1))", "a"),
        ("[a](&#106;avascript:alert(1))", "a"),
        ("[a](data:text/html,x)", "a"),
        ("[a](file:///etc/passwd)", "a"),
        ("[a](//x.org)", "a"),
        ("[a](report.html)", "a"),
        ("![a map](https://x.org/a.png)", "a map"),
        ("![a map](figures/a.png)", "a map"),
        ("[**a** @fig:iou](https://x.org)", '<a href="https://x.org"><strong>a</strong> Figure 6</a>'),
    ],
)
def test_links_lead_to_the_web_or_to_a_mailbox_and_pictures_are_not_shown(page: Any, text: str, markup: str) -> None:
    expected = markup.replace("Figure 6", re.sub("<.*?>", "", page("@fig:iou")))
    assert page(text) == f"<p>{expected}</p>"


def test_what_a_reader_does_not_get_is_said(made: tuple[Report, Path]) -> None:
    said = require_known([note("x\n\n![a](b.png)\n[c](javascript:d) {{ findings.truth.value }}")], made[0], "notes")
    assert [line.split(":")[0] for line in said] == [f"notes/introduction.md line {n}" for n in (3, 4, 4)]
    assert "a picture is not shown" in said[0] and "not followed" in said[1] and "has no value in this run" in said[2]


@pytest.mark.parametrize(
    ("written", "levels"),
    [
        ((1, 2, 3), (3, 4, 5)),
        ((3, 6, 1), (3, 4, 3)),
        ((2, 4, 3, 2), (3, 4, 4, 3)),
        ((1, 2, 3, 4, 5, 6), (3, 4, 5, 6, 6, 6)),
    ],
)
def test_headings_go_below_the_page_s_own_and_skip_no_level(
    page: Any, written: tuple[int, ...], levels: tuple[int, ...]
) -> None:
    markup = page("\n".join(f"{'#' * level} x" for level in written))
    assert markup == "".join(f"<h{level}>x</h{level}>" for level in levels)


def test_characters_that_turn_or_hide_text_are_written_out(page: Any) -> None:
    markup = page("a\u202eb [c\u2066](https://x.org/\u202e) `d\x1b` &#x202e; &#0;")
    assert "a\\u202eb" in markup and "c\\u2066" in markup and "d\\x1b" in markup
    assert not set("\u202e\u2066\x1b\0") & set(markup)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x" * (MOST_BYTES + 1), "larger than 256 KiB"),
        ("é" * (MOST_BYTES // 2 + 1), "larger than 256 KiB"),
        ("> " * 5000 + "x", f"nested more than {MOST_NESTED} deep"),
        ("\n".join("  " * n + "- x" for n in range(60)), f"nested more than {MOST_NESTED} deep"),
        ("*a " * 40 + "b" + "*" * 40, f"nested more than {MOST_NESTED} deep"),
        ("{{ a }} @fig:b " * MOST_REFERENCES, f"more than {MOST_REFERENCES} references"),
        ("![" * (MOST_BRACKETS + 1), f"more than {MOST_BRACKETS} opening brackets"),
    ],
)
def test_what_has_no_end_is_one_line(text: str, complaint: str, made: tuple[Report, Path]) -> None:
    (line,) = complaints(made[0], text)
    assert line.startswith("notes/introduction.md") and complaint in line
    hostile = made[0].model_copy(update={"document": Document(notes=[note(text)])})
    with pytest.raises(UsageError, match=r"nested|larger|brackets|references"):
        page_context(hostile, "html")


def test_notes_together_are_bounded(made: tuple[Report, Path]) -> None:
    notes = [
        Note(name=f"{n}.md", place="image", of=f"{n}", text="word " * 50_000)
        for n in range(MOST_TOGETHER // 250_000 + 1)
    ]
    with pytest.raises(UsageError, match="larger than 1 MiB together"):
        require_known(notes, made[0], "notes")
    with pytest.raises(UsageError, match="larger than 1 MiB together"):
        page_context(made[0].model_copy(update={"document": Document(notes=notes)}), "html")


def test_lines_are_counted_through_lists_and_quotations() -> None:
    nodes = walk(parse("{{ a }}\n\n> x\n> *y\n> {{ b }}*\n\n- z\n\n  1. @fig:c\n     [d](#fig:e)\n", "a.md"))
    assert [(node.text, node.line) for node in nodes if node.kind in ("expression", "reference")] == [
        ("a", 1), ("b", 5), ("c", 9), ("e", 10),
    ]  # fmt: skip


# --- references ----------------------------------------------------------------------------------


def test_references_become_numbered_links(page: Any, made: tuple[Report, Path]) -> None:
    context = page_context(made[0], "html")
    blocks = [block for section in context["sections"] for block in section["blocks"]]
    figure = next(block for block in blocks if block["type"] == "figure")
    table = next(block for block in blocks if block["type"] == "table" and block["id"] == "iou")
    assert page(f"@fig:{figure['id']}, @fig:{{{figure['id']}}}s") == (
        f'<p><a href="#{figure["anchor"]}">Figure\u00a0{figure["number"]}</a>, '
        f'<a href="#{figure["anchor"]}">Figure\u00a0{figure["number"]}</a>s</p>'
    )
    assert page("@table:iou.") == f'<p><a href="#{table["anchor"]}">Table\u00a0{table["number"]}</a>.</p>'
    assert page("[so](#table:iou)") == f'<p><a href="#{table["anchor"]}">so</a></p>'
    assert page("{{ L2 }} [so](#L2) [there](#lime)") == (
        '<p><a href="#finding-l2">L2</a> <a href="#finding-l2">so</a> <a href="#section-lime">there</a></p>'
    )
    image = next(image for image in context["images"])
    assert page(f"[it](#image:{image['name']})") == f'<p><a href="#{image["anchor"]}">it</a></p>'


def test_code_backslashes_and_addresses_are_no_references(page: Any, made: tuple[Report, Path]) -> None:
    text = "`{{ L9 }}` \\{{ L9 }} ann@fig:nix \\@fig:nix\n\n    {{ L9 }} @fig:nix\n"
    require_known([note(text)], made[0], "notes")
    assert Elements(page(text)).text == "{{ L9 }} {{ L9 }} ann@fig:nix @fig:nix{{ L9 }} @fig:nix"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a\n\n{{ L3 }}", "notes/introduction.md line 3: no finding is called 'L3'; did you mean L2?"),
        ("@fig:spraed", "line 1: no figure is called 'spraed'; did you mean cams-spread?"),
        ("@table:iuo", "line 1: no table is called 'iuo'; did you mean iou?"),
        ("[x](#lmie)", "line 1: no section or finding is called 'lmie'; did you mean lime?"),
        ("[x](#image:nix.jpg)", "line 1: no image is called 'nix.jpg'"),
        ("{{ findings.L2.vlaue }}", "line 1: findings.L2: no part is called 'vlaue'; did you mean value?"),
        ("{{ findings.L2.evidence.iou_onw }}", "no number is called 'iou_onw'; did you mean iou_own?"),
        ("{{ finding.L2.value }}", "nothing is called 'finding' here; did you mean findings?"),
        ("{{ images.nix.sha256 }}", "images: no image is called 'nix'"),
        ("{{ totals }}", "totals is no single value"),
        ("{{ totals.iamges }}", "totals has no 'iamges'; did you mean images?"),
        ("{{ findings.L2.verdict | 2 }}", "findings.L2.verdict is no number"),
        ("{{ findings.L2.value | upper }}", "'upper' is no format"),
        ("{{ findings.L2.value() }}", "is no path"),
        ("{{ 1 + 1 }}", "is no id of a finding"),
        ("{{ L2", "nothing between {{ and }}"),
        ("{{ \u202e }}", r"line 1: '\u202e' is no id of a finding"),
        ("{{ findings.L2.value.real }}", "has no parts"),
    ],
)
def test_an_unknown_reference_is_one_line_with_the_nearest_known(
    made: tuple[Report, Path], text: str, complaint: str
) -> None:
    (line,) = complaints(made[0], text)
    assert complaint in line and "\n" not in line


def test_every_wrong_reference_of_every_note_is_said_at_once(made: tuple[Report, Path]) -> None:
    notes = [note("{{ L3 }} {{ L4 }}"), note("@fig:nix", "section", "cams")]
    with pytest.raises(Problems) as caught:
        require_known(notes, made[0], "words")
    assert [line.split(": ")[0] for line in caught.value.lines] == [
        "words/introduction.md line 1", "words/introduction.md line 1", "words/cams.md line 1",
    ]  # fmt: skip


def test_a_stranger_s_report_whose_notes_refer_in_vain_is_rendered_as_they_were_written(page: Any) -> None:
    assert page("{{ L9 }} {{ findings.x.value }} @fig:nix [a](#nix) {{") == (
        "<p>L9 {{ findings.x.value }} nix a {{</p>"
    )


def test_what_this_document_leaves_out_is_named_and_no_link(made: tuple[Report, Path]) -> None:
    document = Document(sections=["lime"], notes=[note("{{ L2 }} @table:iou @section:lime")])
    context = page_context(made[0].model_copy(update={"document": document}), "html")
    (paragraph,) = context["notes"]["introduction"]["nodes"]
    links = [(node["href"], node["nodes"][0]["text"]) for node in paragraph["nodes"] if node["type"] == "link"]
    title = made[0].sections[1].title
    assert links == [("", "L2"), ("", "iou (not in this document)"), ("#section-lime", f"Section\u00a01, {title}")]


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("findings.L2.value", "0.433"),
        ("findings.L2.value | 1", "0.4"),
        ("findings.L2.value | percent", "43\u202f%"),
        ("findings.L2.value|percent 1", "43.3\u202f%"),
        ("findings['L2'].evidence[\"iou_own\"].p", "< 0.001"),
        ("findings.L2.p", "0.012"),
        ("findings.L2.p | 4", "0.0123"),
        ("findings.L2.n", "2"),
        ("findings.L2.ci", "95\u00a0% interval 0.31 to 0.52"),
        ("findings.L2.ci | 1", "95\u00a0% interval 0.3 to 0.5"),
        ("findings.L2.verdict", "contradicted"),
        ("findings.L2.evidence.area", "46.4\u202f%"),
        ("findings.L2.evidence.area | 2", "46.36\u202f%"),
        ("findings.L2.evidence.offset", "−0.122\u00a0half diagonals"),
        ("findings.L2.p_corrected", "no value"),
        ("findings.truth.value", "no value"),
        ("findings.truth.evidence.whatever", "no value"),
        ("totals.images", "2"),
        ("totals.verdicts['not measured']", "1"),
        ("totals.skipped", "2"),
        ("provenance.seed", "0"),
        ("provenance.models[0].name", "efficientnet_lite0"),
    ],
)
def test_a_number_is_the_report_s_own_and_rounded_as_in_it(
    made: tuple[Report, Path], expression: str, text: str
) -> None:
    wanted = read(expression)
    assert shown_value(find(wanted, by_path(made[0].model_dump(mode="json"))), wanted, english()) == text


def test_values_of_images_are_found_by_name(made: tuple[Report, Path], page: Any) -> None:
    image = made[0].images[0]
    wanted = f'{{{{ images["{image.name}"].prediction.probability | 3 }}}}'
    assert f"{image.prediction.probability:.3f}" in page(wanted)
    assert 'href="#image-' in page(wanted)


def test_a_number_changes_with_the_run(made: tuple[Report, Path]) -> None:
    report = noted(made[0], note("IoU {{ findings.L2.value }} of {{ totals.images }}"))
    *others, last = report.findings
    evidence = [last.evidence[0].model_copy(update={"value": 0.25}), *last.evidence[1:]]
    later = report.model_copy(update={"findings": [*others, last.model_copy(update={"evidence": evidence})]})
    texts = []
    for one in (report, later):
        nodes = page_context(one, "html")["notes"]["introduction"]["nodes"]
        texts.append(json.dumps(nodes))
    assert '"0.433"' in texts[0] and '"0.25"' in texts[1] and '"0.433"' not in texts[1]


def test_a_measured_number_that_is_typed_is_said(made: tuple[Report, Path]) -> None:
    (said,) = require_known([note("x\nIoU is 0.433, of 43.3 or 0.4331 or v0.433 or `0.433`")], made[0], "notes")
    assert said.startswith("notes/introduction.md line 2: 0.433 is also measured; {{ findings.L2.evidence.iou_own }}")


def test_nothing_but_data_is_reached(made: tuple[Report, Path]) -> None:
    data = by_path(made[0].model_dump(mode="json"))
    for text in (
        "__class__",
        "findings.__class__",
        "images.__len__",
        "totals.__init__.x",
        "document.css",
        "settings.seed",
        "sections",
    ):
        with pytest.raises(Unknown):
            expression = read(text)
            find(expression, data) if expression.path else (_ for _ in ()).throw(Unknown(text))


def test_the_counts_of_notes_are_those_of_the_page(made: tuple[Report, Path]) -> None:
    counted = totals(made[0].model_dump(mode="json"))
    assert counted.items() <= page_context(made[0], "html")["totals"].items()
    assert counted["verdicts"] == {"supported": 1, "contradicted": 2, "undecided": 1, "not measured": 1}


# --- the folder ----------------------------------------------------------------------------------


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_files_are_placed_by_their_names(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "notes", Introduction="a", conclusion="b", cams="c", images__cat="d", images__sub__dog="e"
    )
    (folder / "cams@lite2.md").write_text("f")
    (folder / "images/bird.png.md").write_text("g")
    images = ["cat.jpg", "sub/dog.jpg", "bird.jpg", "bird.png"]
    found, left_out = find_notes(folder, ["cams", "cams@lite2"], images)
    assert {(file.place, file.of): file.read().text for file in found} == {
        ("introduction", ""): "a", ("conclusion", ""): "b", ("section", "cams"): "c", ("image", "cat.jpg"): "d",
        ("image", "sub/dog.jpg"): "e", ("section", "cams@lite2"): "f", ("image", "bird.png"): "g",
    }  # fmt: skip
    assert left_out == []


def test_what_is_no_note_stops_nothing_and_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path / "notes", introduction="a", introducton="b", README="c", images__cta="d", images__bird="e")
    (folder / ".hidden.md").write_bytes(b"\xff")
    (folder / "sketch.png").write_bytes(b"\x89PNG")
    (folder / "deep").mkdir()
    (folder / "conclusion.md").mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "images/loop").symlink_to(folder)
    (folder / "README2.md").write_bytes(b"\xff\xfe")
    (folder / "bidi\u202e.md").write_text("x")
    found, left_out = find_notes(folder, ["cams"], ["cat.jpg", "bird.jpg", "bird.png"])
    assert [file.name for file in found] == ["introduction.md"]
    text = "\n".join(left_out)
    assert "introducton.md: no section is called 'introducton'; did you mean introduction?" in text
    assert "images/cta.md: no image is called 'cta'; known: cat.jpg, bird.jpg, bird.png" in text
    assert "bird.jpg and bird.png are both called so: name the note bird.jpg.md" in text
    assert "bidi\\u202e" in text and "\u202e" not in text
    assert "for no Markdown: conclusion.md, deep, images/loop and 2 more" in text
    assert ".hidden" not in text


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (MOST_BYTES + 1)])
def test_a_note_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "introduction.md").write_bytes(content)
    found, _ = find_notes(tmp_path, [], [])
    with pytest.raises(UsageError, match=r"introduction\.md: (not UTF-8 text|262145 bytes; at most 262144 are read)"):
        found[0].read()


def test_notes_beside_the_images_are_no_images(tmp_path: Path) -> None:
    folder = photo_folder(tmp_path / "photos", 2)
    photo_folder(folder / "notes", 2)
    assert [file.name for file in find_images(folder).files][:2] == ["notes/photo-000.png", "notes/photo-001.png"]
    assert not holds_notes(folder / "notes"), "a folder of images that is called so"
    write(folder / "notes", cams="x")
    assert [file.name for file in find_images(folder).files] == ["photo-000.png", "photo-001.png"]
    shutil.copytree(folder / "notes", folder / "class/notes")
    assert [file.name for file in find_images(folder).files][:2] == [
        "class/notes/photo-000.png",
        "class/notes/photo-001.png",
    ]


def test_before_the_work_all_that_can_be_known_is_checked() -> None:
    text = "{{ images['nix.jpg'].x }} {{ nix.y }} {{ a b }} {{ L9 }} @fig:nix {{ findings.nix.value }} [x](#image:nix)"
    with pytest.raises(Problems) as caught:
        require_possible([note(text)], ["cat.jpg"], ["cams"], "notes")
    assert [line.partition(": ")[2] for line in caught.value.lines] == [
        "no image is called 'nix.jpg'; did you mean cat.jpg?",
        "nothing is called 'nix' here; known: findings, images, totals, …",
        "'a b' is no id of a finding",
        "no image is called 'nix'; known: cat.jpg",
    ]


# --- pages ---------------------------------------------------------------------------------------

EVERYWHERE = (
    note(
        "# Why\n\nSee {{ L2 }}, @table:iou and [the web](https://example.org).\n\n### How\n\n- a\n- b\n\n> q\n\n```\ncode\n```"
    ),
    note("In the end.", "conclusion"),
    note("On CAMs.\n\n## More", "section", "cams"),
)


@pytest.fixture(scope="module")
def signed(made: tuple[Report, Path]) -> tuple[Report, Path]:
    report, run = made
    on_image = note("Of this image: **easy**.", "image", report.images[0].name)
    report = report.model_copy(update={"document": Document(authors=["Ann Lee", "Bo Chen"])})
    return noted(report, *EVERYWHERE, on_image), run


@pytest.fixture(scope="module")
def pages(signed: tuple[Report, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return render(*signed, tmp_path_factory.mktemp("pages"), formats=("html", "pdf"))


def test_notes_stand_in_their_places_and_apart(pages: list[Path], signed: tuple[Report, Path]) -> None:
    text = pages[0].read_text("utf-8")
    anchor = f'id="image-{re.sub("[^a-z0-9]+", "-", signed[0].images[0].slug.lower())}"'
    places = [
        "<main", 'id="introduction"', ">Why</h3>", 'id="warnings"', 'id="images"', anchor, "Of this image",
        'id="section-cams"', "On CAMs.", 'id="section-lime"', 'id="conclusion"', "In the end.", 'id="settings"',
    ]  # fmt: skip
    assert [text.index(place) for place in places] == sorted(text.index(place) for place in places)
    assert text.count('role="note" aria-label="Author’s note" lang="en"') == 4
    assert text.count('<span class="own-words-by">Ann Lee and Bo Chen</span>') == 4
    assert '<a href="#introduction">' in text and '<a href="#conclusion">' in text


def test_a_report_without_notes_has_no_trace_of_them(made: tuple[Report, Path], tmp_path: Path) -> None:
    (path,) = render(*made, tmp_path, formats=("html",))
    text = path.read_text("utf-8")
    assert 'role="note" aria-label' not in text and 'id="introduction"' not in text


def test_the_page_is_accessible(visit: Visits, pages: list[Path]) -> None:  # noqa: F811
    for scheme in ("light", "dark"):
        opened = visit(file=pages[0], color_scheme=scheme)
        assert violations(opened) == []
        assert opened.get_by_role("note", name="Author’s note").count() == 4


def test_the_pdf_is_accessible(pages: list[Path]) -> None:
    assert problems(pages[1]) == []


def test_the_words_of_the_page_are_those_of_its_language(signed: tuple[Report, Path], tmp_path: Path) -> None:
    report, run = signed
    german = report.model_copy(update={"document": report.document.model_copy(update={"language": "de"})})
    (path,) = render(german, run, tmp_path, formats=("html",))
    text = path.read_text("utf-8")
    assert 'aria-label="Anmerkung der Autorschaft" lang="de"' in text and ">Einleitung</h2>" in text


def test_brief_says_that_it_leaves_them_out(signed: tuple[Report, Path], tmp_path: Path) -> None:
    (path,) = render(*signed, tmp_path, "brief", ("html",))
    text = path.read_text("utf-8")
    assert "On CAMs." not in text and "In the end." not in text and "Of this image" not in text
    assert "The author’s own notes are left out here" in text


def test_a_template_of_a_user_s_own_has_them_too(signed: tuple[Report, Path], tmp_path: Path) -> None:
    """In a process of its own, so that they travel as JSON."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "report.html").write_text(
        '{% extends "base/report.html" %}{% block appendix %}<p>{{ notes.introduction.by }}, {{ notes.any }}</p>{% endblock %}'
    )
    (path,) = render(*signed, tmp_path / "out", mine, ("html",))
    text = path.read_text("utf-8")
    assert "<p>Ann Lee and Bo Chen, True</p>" in text and "On CAMs." in text


def test_notes_survive_report_json(signed: tuple[Report, Path]) -> None:
    assert parse_report(report_json(signed[0]), "report.json").document.notes == signed[0].document.notes


def test_a_difference_names_the_note(signed: tuple[Report, Path]) -> None:
    other = noted(signed[0], note("Another."), *signed[0].document.notes[1:])
    assert [difference.place for difference in compare(signed[0], other).other] == [
        "document.notes[introduction.md].text"
    ]


# --- render --notes ------------------------------------------------------------------------------


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")

    def called(*arguments: str | Path) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["reportgen", *map(str, arguments)])
        capfd.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, capfd.readouterr().err

    return called


@pytest.fixture(scope="module")
def finished(made: tuple[Report, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    report, run = made
    own = Path(shutil.copytree(run, tmp_path_factory.mktemp("finished") / "run"))
    return finish_run(report.with_folder(own), own)


def test_notes_are_put_into_a_finished_run(finished: Path, tmp_path: Path, call: Any) -> None:
    """Into a folder of its own, twice the same bytes; every other file is as it was."""
    words = write(
        tmp_path / "words", introduction="See {{ L2 }}.", lime="On LIME: {{ findings.L2.value }}.", README="x"
    )
    for name in ("a", "b"):
        code, said = call("render", finished, "--notes", words, "-o", tmp_path / name, "--format", "html,pdf")
        assert code == 0, said
    assert "README.md: no section is called 'README'" in said
    made, before = files(tmp_path / "a"), files(finished)
    assert made == files(tmp_path / "b")
    assert verify(tmp_path / "a").ok and verify(tmp_path / "a/report.pdf").ok
    changed = {name for name in made.keys() | before.keys() if made.get(name) != before.get(name)}
    assert changed == {"report.json", "report.html", "report.pdf", "manifest.json"}
    report = read_report(tmp_path / "a")
    assert [note.place for note in report.document.notes] == ["introduction", "section"]
    assert "notes" in report.provenance.inputs
    # Rendered again from the PDF alone, without the folder of notes.
    shutil.rmtree(words)
    assert call("render", tmp_path / "a/report.pdf", "-o", tmp_path / "c", "--format", "html")[0] == 0
    assert (tmp_path / "c/report.html").read_bytes() == made["report.html"]


def test_notes_are_put_into_the_run_itself(finished: Path, tmp_path: Path, call: Any) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    words = write(tmp_path / "words", conclusion="The end.")
    assert call("render", run, "--notes", words, "--format", "html")[0] == 0
    assert verify(run).ok and verify(run / "report.pdf").ok
    assert "The end." in (run / "report.html").read_text("utf-8")
    assert (run / "report.pdf").read_bytes() != (finished / "report.pdf").read_bytes(), "no page is left without them"
    write(words, conclusion="Another end.")
    assert call("render", run, "--notes", words, "--format", "html")[0] == 0
    assert "The end." not in (run / "report.html").read_text("utf-8")


def test_notes_come_into_every_format_of_a_run(made: tuple[Report, Path], tmp_path: Path, call: Any) -> None:
    """Those that have several files, too, and those that nobody asked for again."""
    report, run = made
    own = Path(shutil.copytree(run, tmp_path / "run"))
    finish_run(report.with_folder(own), own, formats=("md", "tex"))
    before = files(own)
    words = write(tmp_path / "words", conclusion="The end.")
    assert call("render", own, "--notes", words, "-o", tmp_path / "a", "--format", "md,tex")[0] == 0
    assert files(tmp_path / "a").keys() == before.keys() and verify(tmp_path / "a").ok
    assert call("render", own, "--notes", words, "--format", "html")[0] == 0
    assert files(own).keys() == {*before, "report.html"} and verify(own).ok
    for page in ("report.md", "tex/body.tex"):
        assert "The end." in (own / page).read_text("utf-8")
        assert (own / page).read_bytes() == (tmp_path / "a" / page).read_bytes()


def test_a_wrong_note_leaves_a_finished_run_as_it_is(finished: Path, tmp_path: Path, call: Any) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    words = write(tmp_path / "words", conclusion="The end.\n\n{{ L3 }}")
    before = files(run)
    code, said = call("render", run, "--notes", words)
    assert code == 2
    assert said == f"reportgen: {words}/conclusion.md line 3: no finding is called 'L3'; did you mean L2?\n"
    assert files(run) == before


@pytest.mark.parametrize("into", [(), ("-o", "out")])
def test_a_run_that_was_changed_is_not_vouched_for(
    finished: Path, tmp_path: Path, call: Any, into: tuple[str, ...]
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    (run / "tables/iou.csv").write_text("image,iou\na,0.9\n")
    code, said = call("render", run, "--notes", write(tmp_path / "words", conclusion="x"), *into)
    assert code == 1 and "is not as it was made (tables/iou.csv)" in said
    assert not (tmp_path / "out").exists()


def test_where_notes_cannot_go_is_one_line(finished: Path, tmp_path: Path, call: Any) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/report.json").write_text("mine")
    words = write(tmp_path / "words", conclusion="x")
    (tmp_path / "empty").mkdir()
    for arguments, complaint in (
        (("--notes", "nix"), "nix: no such folder"),
        (("--notes", "empty"), "empty: holds no note on this report"),
        (("--notes", words, "-o", "other"), "other/report.json: is in the way"),
    ):
        code, said = call("render", finished, *arguments)
        assert code == 2 and complaint in said
    shutil.copy(finished / "report.pdf", tmp_path / "alone.pdf")
    code, said = call("render", "alone.pdf", "--notes", words)
    assert code == 2 and "say with -o" in said
    assert call("render", "alone.pdf", "--notes", words, "-o", "again", "--format", "html")[0] == 0
    assert verify(tmp_path / "again").ok


# --- an anonymous bundle -------------------------------------------------------------------------


def test_an_anonymous_bundle_keeps_the_words_and_refuses_a_part_of_a_name(
    signed: tuple[Report, Path], tmp_path: Path
) -> None:
    report, run = signed
    own = Path(shutil.copytree(run, tmp_path / "run"))
    finish_run(report.with_folder(own), own, formats=("html",))
    bundle(own, tmp_path / "a.zip", anonymous=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        text = archive.read("report.html").decode()
        assert "On CAMs." in text and "Author’s note" in text and "Ann Lee" not in text
        assert json.loads(archive.read("report.json"))["settings"].get("document", {}).get("notes") is None
    named = noted(report, note("As Lee showed, and Chennai is hot."))
    other = Path(shutil.copytree(run, tmp_path / "other"))
    finish_run(named.with_folder(other), other, formats=("html",))
    with pytest.raises(
        CheckFailed, match=r"not anonymous: notes/introduction\.md holds 'Lee', part of an author's name; "
    ):
        bundle(other, tmp_path / "b.zip", anonymous=True)
    assert bundle(other, tmp_path / "b.zip", anonymous=True, allowed=["Lee"])


# --- whole runs ----------------------------------------------------------------------------------


@pytest.fixture
def job(server: Any, tmp_path: Path) -> Job:
    return Job(server, photo_folder(tmp_path / "photos", 3), tmp_path)


def test_a_run_takes_the_notes_beside_its_images(job: Job) -> None:
    write(
        job.photos / "notes",
        introduction="{{ bright }} of {{ totals.images }}: {{ findings.bright.verdict }}, @table:means, @fig:{f0}",
        brightness="Mean {{ images['photo-000.png'].brightness.mean | 2 }}.",
        images__nix="x",
    )
    (job.photos / "notes/images/photo-001.md").write_text("This one.")
    first = job.finish()
    text = first["report.html"].decode()
    assert "This one." in text and "images/nix.md: no image is called" in Path(job.server.home / "stderr-0").read_text()
    report = json.loads(first["report.json"])
    assert len(report["images"]) == 3 and len(report["document"]["notes"]) == 3
    assert job.finish() == first, "the same bytes twice"


def test_a_wrong_note_is_said_before_the_work_or_loses_nothing(job: Job) -> None:
    notes = write(job.photos / "notes", introduction="{{ images['photo-9.png'].brightness.mean }}")
    answer = job.run()
    assert answer["code"] == 2
    assert "introduction.md line 1: no image is called 'photo-9.png'; did you mean photo-002.png?" in answer["said"]
    assert "Explaining" not in answer["said"] and not job.out.exists()
    write(notes, introduction="x\n{{ brihgt }}")
    answer = job.run()
    assert answer["code"] == 2
    assert (
        f"reportgen: {notes}/introduction.md line 2: no finding is called 'brihgt'; did you mean bright?"
        in answer["said"]
    )
    assert not (job.out / "report.json").exists() and not (job.out / "manifest.json").exists()
    write(notes, introduction="x\n{{ bright }}")
    answer = job.run()
    assert answer["code"] == 0, answer["said"]
    assert "6 of 6 results were in the store; 0 computed" in answer["said"]


def test_the_settings_name_another_folder(job: Job) -> None:
    write(job.photos / "notes", introduction="Beside.")
    words = write(job.folder / "words", introduction="Elsewhere.")
    (job.folder / "mine.toml").write_text(f"[document]\nnotes = {json.dumps(str(words))}\n")
    assert job.run("--config", str(job.folder / "mine.toml"))["code"] == 0
    report = json.loads((job.out / "report.json").read_bytes())
    assert [one["text"] for one in report["document"]["notes"]] == ["Elsewhere."]
    assert report["settings"]["document"]["notes"] == "words", "no folder of the machine"
    (job.folder / "mine.toml").write_text('[document]\nnotes = "nix"\n')
    answer = job.run("--config", str(job.folder / "mine.toml"))
    assert answer["code"] == 2 and "setting document.notes: nix: no such folder" in answer["said"]


def test_a_run_is_repeated_with_its_notes(job: Job, call: Any) -> None:
    """Those beside the images, and those that were put in afterwards, which lie nowhere any more."""
    write(job.photos / "notes", introduction="Beside: {{ bright }}.")
    first = job.finish()
    again = job.folder / "again"
    (answer,) = job.server.runs(
        {**job.request(), "argv": ["run", str(job.photos), "--from", str(job.out), "-o", str(again)]}
    )
    assert answer["code"] == 0 and "repeated: every number, text and verdict is the same" in answer["said"]
    assert files(again) == first
    words = write(job.folder / "words", conclusion="Afterwards: {{ bright }}.")
    assert call("render", job.out, "--notes", words, "--format", "html")[0] == 0
    shutil.rmtree(words)
    (answer,) = job.server.runs(
        {**job.request(), "argv": ["run", str(job.photos), "--from", str(job.out), "-o", str(again)]}
    )
    assert answer["code"] == 0 and "repeated: every number, text and verdict is the same" in answer["said"]
    assert files(again) == files(job.out)
