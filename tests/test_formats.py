"""Word, Markdown and LaTeX: what the report says, in each; nothing from outside becomes markup; equal data, equal bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest
from docx.document import Document as WordDocument
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

from fixtures import HOSTILE_NAMES, finish_run, make_report
from reportgen.rendering.context import page_context
from reportgen.rendering.latex.escape import heading, text
from reportgen.rendering.manuscript.inline import clean, plain
from reportgen.rendering.manuscript.parts import Column, Finding, Heading, Manuscript, Paragraph, Span, Table
from reportgen.rendering.manuscript.walk import manuscript
from reportgen.rendering.manuscript.widths import layout
from reportgen.rendering.markdown.escape import line
from reportgen.rendering.render import render, render_all
from reportgen.report.document import Document, Note, Reference, Report, Summary
from reportgen.report.manifest import read_manifest
from reportgen.sharing.bundle import bundle
from reportgen.sharing.verify import verify
from reportgen.utils.errors import ReportgenError, UsageError

OTHERS = ("docx", "md", "tex")
Made = tuple[Report, Path]
WORK = Reference(
    key="wei{rd}, key", kind="article", authors=["Ä{B, C."], title="100 % of {it} & more", venue="V_1", year=2020,
    cited_in=["cams"],
)  # fmt: skip


def rich(folder: Path, **options: object) -> Made:
    """A made report with a summary, a work that is cited and authors."""
    report, run = make_report(folder, 3, size=32, **options)  # type: ignore[arg-type]
    changes = {
        "summary": Summary(images="All were explained.", findings=[report.findings[0].id], rest="Others are open."),
        "references": [WORK, WORK.model_copy(update={"key": "wei{rd}; key", "cited_in": ["lime"]})],
        "document": Document(authors=["Ada Lovelace", "Alan M. Turing"], affiliation="An Institute", course="A course"),
    }
    return report.model_copy(update=changes), run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return rich(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Names that break out of markup, in every place where a report has text."""
    report, run = rich(tmp_path_factory.mktemp("hostile"), names=HOSTILE_NAMES)
    nasty = " ".join(HOSTILE_NAMES) + r" \end{document} \input{/etc/passwd} `x` |a| $y$ <b>&amp; 日本 א"
    findings = [finding.model_copy(update={"claim": nasty, "text": nasty}) for finding in report.findings]
    return report.model_copy(update={"title": nasty, "findings": findings}), run


@pytest.fixture(scope="module")
def written(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("written")
    assert [path.relative_to(out).as_posix() for path in render(*made, out, formats=OTHERS)] == [
        "report.docx", "report.md", "tex/report.tex",
    ]  # fmt: skip
    return out


@pytest.fixture(scope="module")
def hostile_written(hostile: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hostile-written")
    render(*hostile, out, formats=OTHERS)
    return out


# --- the walk ------------------------------------------------------------------------------------


def walked(report: Report) -> Manuscript:
    return manuscript(page_context(report, "manuscript"))


def test_the_answer_comes_first_and_every_chapter_has_its_findings(made: Made) -> None:
    document = walked(made[0])
    chapters = [part.anchor for part in document.body if isinstance(part, Heading) and part.level == 1]
    assert chapters == ["summary", "warnings", "images", "section-cams", "section-lime", "section-agreement"]
    place = ""
    for part in document.body:
        place = part.anchor if isinstance(part, Heading) and part.level == 1 else place
        if isinstance(part, Finding):
            of = next(finding for finding in made[0].findings if finding.claim == part.claim)
            assert place == f"section-{of.section}"
    assert sum(isinstance(part, Finding) for part in document.body) == len(made[0].findings)


def test_a_finding_whose_chapter_does_not_stand_is_not_lost(made: Made) -> None:
    some = made[0].model_copy(update={"document": Document(sections=["lime", "findings"])})
    body = walked(some).body
    assert sum(isinstance(part, Finding) for part in body) == len(made[0].findings)
    assert [part.anchor for part in body if isinstance(part, Heading) and part.level == 1][-1] == "findings"


def test_anchors_are_unique_whatever_ids_a_report_has(made: Made) -> None:
    twice = made[0].model_copy(update={"findings": [made[0].findings[0]] * 3})
    anchored = [part.anchor for part in walked(twice).parts if isinstance(part, Finding | Heading) and part.anchor]
    assert len(anchored) == len(set(anchored))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3), max_size=5),
    st.lists(st.text(max_size=40), min_size=3, max_size=3),
)
def test_columns_are_never_wider_together_than_the_line(rows: list[list[str]], heads: list[str]) -> None:
    table = Table(
        "", "", "", (), tuple(Column(head, False) for head in heads), tuple(tuple(map(Span, row)) for row in rows)
    )
    size, shares = layout(table, [100, 60])
    assert size in (0, 1)
    assert all(share > 0 for share in shares)
    assert sum(shares) <= 1


# --- Markdown ------------------------------------------------------------------------------------


def parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def leaves(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from leaves(token.children) if token.children else [token]


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_any_text_stands_in_markdown_as_itself(given_text: str) -> None:
    shown = clean(given_text).strip(" ")
    tokens = parser().parse(line((Span(shown),)))
    if not shown.strip():
        return
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == shown.strip()


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.sampled_from("|`*_~<[]()#\\ -+1.&"), max_size=20))
def test_a_cell_stays_one_cell(first: str, second: str) -> None:
    cells = [line((Span(clean(value)),)) or "x" for value in (first, second)]
    tokens = parser().parse(f"| a | b |\n|---|---|\n| {cells[0]} | {cells[1]} |\n")
    assert [token.type for token in tokens].count("td_open") == 2
    assert not [token for token in leaves(tokens) if token.type in ("html_inline", "html_block", "link_open", "image")]


@pytest.mark.parametrize(
    "text", ["# a", "1. a", "- a", "+ a", "> a", "---", "===", "a | b", "***", "    a", "```", "[a]: b"]
)
def test_no_text_begins_a_block(text: str) -> None:
    tokens = parser().parse(line((Span(text),)))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]


def test_the_only_html_in_markdown_is_ours(hostile_written: Path) -> None:
    page = (hostile_written / "report.md").read_text("utf-8")
    tokens = parser().parse(page)
    assert not [token for token in leaves(tokens) if token.type == "html_block"]
    html = {token.content for token in leaves(tokens) if token.type == "html_inline"}
    assert all(re.fullmatch(r'<a id="[a-z0-9-]+">|</a>|<br>', piece) for piece in html)
    assert "<script>alert(1)</script>" in "".join(
        token.content for token in leaves(tokens) if token.type == "text"
    ) or ("&lt;script&gt;alert(1)" in parser().render(page))


def test_markdown_shows_every_figure_with_its_words_and_its_picture(made: Made, written: Path) -> None:
    page = (written / "report.md").read_text("utf-8")
    images = list(leaves_with_images(parser().parse(page)))
    document = walked(made[0])
    assert {str(token.attrs["src"]) for token in images} == {panel.file for panel in document.pictures}
    assert all(token.content for token in images)  # the alternative text
    for token in images:
        assert (written / str(token.attrs["src"])).is_file()
    for target in re.findall(r"\]\(#([^)]+)\)", page):
        assert f'<a id="{target}"></a>' in page


def leaves_with_images(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "image":
            yield token
        elif token.children:
            yield from leaves_with_images(token.children)


def test_markdown_in_the_run_folder_copies_nothing(made: Made, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(made[1], run)
    before = sorted(run.rglob("*"))
    assert render_all(made[0], run, run, formats=["md"]) == {"md": [run / "report.md"]}
    assert sorted(run.rglob("*")) == sorted([*before, run / "report.md"])


def test_a_picture_that_could_lie_outside_is_refused(made: Made, tmp_path: Path) -> None:
    report, run = made
    image = report.images[0]
    for file in ("figures/../../run/figures/frame-000.jpg", "report.json"):
        (run / "report.json").write_bytes(b"{}")
        picture = image.picture.model_copy(update={"file": file})
        bad = report.model_copy(update={"images": [image.model_copy(update={"picture": picture}), *report.images[1:]]})
        for name in OTHERS:
            if name == "md" or file == "report.json":
                with pytest.raises(ReportgenError):
                    render(bad, run, tmp_path / "out", formats=[name])
    assert not (tmp_path / "run").exists()
    (run / "report.json").unlink()


# --- Word ----------------------------------------------------------------------------------------


def read(path: Path) -> WordDocument:
    return docx.Document(str(path))


def words_of(document: WordDocument) -> str:
    return "\n".join(
        "".join(run.text or "" for run in p.iter(qn("w:t"))) for p in document.element.body.iter(qn("w:p"))
    )


def test_word_has_its_own_styles_and_properties(made: Made, written: Path) -> None:
    document = read(written / "report.docx")
    used = {paragraph.style.name for paragraph in document.paragraphs if paragraph.style is not None}
    assert {"Title", "Subtitle", "Heading 1", "Heading 2", "Caption", "List Bullet", "toc 1"} <= used
    properties = document.core_properties
    assert (properties.title, properties.author) == (made[0].title, "Ada Lovelace; Alan M. Turing")
    assert properties.language == "en"
    assert properties.created is not None
    assert properties.created.strftime("%Y-%m-%dT%H:%M:%SZ") == made[0].provenance.created


def test_every_picture_in_word_has_alternative_text_and_a_number_of_its_own(made: Made, written: Path) -> None:
    drawn = list(read(written / "report.docx").element.body.iter(qn("wp:docPr")))
    shown = {panel.alt for panel in walked(made[0]).pictures}
    assert {one.get("descr") for one in drawn} == shown
    assert "" not in shown
    assert len({one.get("id") for one in drawn}) == len(drawn)


def test_links_in_word_lead_somewhere(written: Path) -> None:
    body = read(written / "report.docx").element.body
    marks = [mark.get(qn("w:name")) for mark in body.iter(qn("w:bookmarkStart"))]
    assert len(marks) == len(set(marks))
    assert all(re.fullmatch(r"[A-Za-z]\w{0,39}", mark) for mark in marks)
    links = {link.get(qn("w:anchor")) for link in body.iter(qn("w:hyperlink"))}
    assert links
    assert links <= set(marks)


def test_tables_in_word_repeat_their_head_and_figures_are_numbered_by_fields(made: Made, written: Path) -> None:
    body = read(written / "report.docx").element.body
    numbered = [table for table in body.iter(qn("w:tbl")) if table.find(f".//{qn('w:tblHeader')}") is not None]
    tables = [
        block for section in made[0].sections for block in section.blocks if block.type == "table" and not block.detail
    ]
    figures = [block for section in made[0].sections for block in section.blocks if block.type == "figure"]
    assert len(numbered) == len(tables)
    fields = [(text.text or "").split() for text in body.iter(qn("w:instrText"))]
    assert sum(words[:2] == ["SEQ", "Table"] for words in fields) == len(tables)
    assert sum(words[:2] == ["SEQ", "Figure"] for words in fields) == len(figures)
    assert ["TOC", "\\o"] in [words[:2] for words in fields]


def test_word_says_what_the_report_says(hostile: Made, hostile_written: Path) -> None:
    said = words_of(read(hostile_written / "report.docx"))
    for section in hostile[0].sections:
        assert clean(section.title) in said
    assert "<script>alert(1)</script>" in said  # as text
    assert "\u202e" not in said


def test_without_python_docx_one_line_says_how_to_get_it(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == "docx":
            raise ImportError("No module named 'docx'", name="docx")
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'reportgen\[docx\]'"):
        render(*made, made[1], formats=["docx"])


# --- LaTeX ---------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[{}]", re.DOTALL)


def depth(source: str) -> int:
    """How many braces are open at the end; fails where one closes that was not opened."""
    open_ = 0
    for token in _TOKEN.findall(source):
        open_ += {"{": 1, "}": -1}.get(token, 0)
        assert open_ >= 0
    return open_


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_any_text_is_inert_in_latex(given_text: str) -> None:
    for made in (text(clean(given_text)), heading(clean(given_text))):
        assert depth(made) == 0
        plain = _TOKEN.sub("", made)
        assert not set("\\{}$&#%^_") & set(plain)
        assert set(re.findall(r"\\[a-zA-Z]+", made)) <= {*KNOWN}


KNOWN = {
    *(rf"\text{name}" for name in ("backslash", "asciicircum", "asciitilde", "less", "greater", "bar", "quotedbl", "asciigrave")),
    r"\allowbreak", r"\ensuremath", r"\enspace", r"\quad", r"\mbox", r"\ng", r"\times", r"\checkmark",
    *(rf"\{name}" for name in re.findall(r"\w+", """
        alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma varsigma tau upsilon varphi chi psi
        omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega leq geq neq approx infty sum prod partial int in surd rightarrow
        leftarrow uparrow downarrow leftrightarrow Rightarrow propto circ cdot cap cup ll gg equiv nabla""")),
}  # fmt: skip


def test_latex_is_balanced_and_its_labels_are_there(hostile_written: Path) -> None:
    folder = hostile_written / "tex"
    sources = {path.name: re.sub(r"(?m)^%.*$", "", path.read_text("utf-8")) for path in folder.glob("*.tex")}
    assert set(sources) == {"report.tex", "body.tex", "appendix.tex", "preamble.tex", "bibliography.tex"}
    for name, source in sources.items():
        assert depth(source) == 0, name
        assert r"\input{/etc" not in source
        begun, ended = (re.findall(rf"\\{word}{{(\w+\*?)}}", source) for word in ("begin", "end"))
        assert sorted(begun) == sorted(ended), name
    whole = "\n".join(sources.values())
    labels = re.findall(r"\\(?:label|reportgenanchor){((?!#)[^}]*)}", whole)
    assert len(labels) == len(set(labels))
    assert set(re.findall(r"\\ref{([^}]*)}|\\hyperref\[([^]]*)\]", whole)) <= {(x, "") for x in labels} | {
        ("", x) for x in labels
    }
    assert any(label.startswith("fig:") for label in labels)
    cited = {key for keys in re.findall(r"\\cite{([^}]*)}", whole) for key in keys.split(",")}
    assert cited == set(re.findall(r"\\bibitem{([^}]*)}", whole)) == {"wei-rd-key", "wei-rd-key-2"}
    assert cited == set(re.findall(r"@\w+{([^,]*),", (folder / "references.bib").read_text("utf-8")))
    for name in re.findall(r"\\reportgenfigures ([^}]*)}", whole):
        assert (folder / "figures" / name).is_file()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles_whatever_names_there_are(hostile_written: Path, tmp_path: Path) -> None:
    shutil.copytree(hostile_written / "tex", tmp_path / "tex")
    thesis = (
        r"\documentclass{book}\newcommand{\reportgenfigures}{tex/figures/}\newcommand{\reportgenchapter}{\chapter}"
        r"\newcommand{\reportgenheading}{\section}\newcommand{\reportgenlevel}{chapter}\input{tex/preamble}"
        r"\begin{document}\input{tex/body}\input{tex/bibliography}\end{document}"
    )
    (tmp_path / "thesis.tex").write_text(thesis)
    for folder, file in ((tmp_path / "tex", "report.tex"), (tmp_path, "thesis.tex")):
        for _ in range(2):
            done = subprocess.run(
                ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", file],
                cwd=folder,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout[-2000:].decode("latin-1")
        log = (folder / file).with_suffix(".log").read_text("latin-1")
        assert "There were undefined references" not in log
        assert "Missing character" not in log


# --- the run folder ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OTHERS)
def test_equal_reports_give_equal_bytes(made: Made, written: Path, tmp_path: Path, name: str) -> None:
    for path in render_all(*made, tmp_path, formats=[name])[name]:
        assert path.read_bytes() == (written / path.relative_to(tmp_path)).read_bytes()


def test_a_zip_of_word_bears_no_time_of_day(written: Path) -> None:
    with zipfile.ZipFile(written / "report.docx") as package:
        assert {entry.date_time for entry in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not [name for name in package.namelist() if "thumbnail" in name]


def test_the_manifest_lists_every_file_and_verify_and_bundle_take_them(tmp_path: Path) -> None:
    report, run = rich(tmp_path)
    finish_run(report, run, formats=("html",))
    made = render_all(report, run, run, formats=OTHERS)
    listed = read_manifest(run) or {}
    for files in made.values():
        assert {path.relative_to(run).as_posix() for path in files} <= set(listed)
    found = verify(run)
    assert found.ok
    assert not found.extra
    names = bundle(run, tmp_path / "a.zip", anonymous=True)
    assert {"report.docx", "report.md", "tex/report.tex", "tex/body.tex", "report.html"} <= set(names)
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert b"Lovelace" not in packed.read("tex/report.tex") + packed.read("report.md")
    assert verify(tmp_path / "a.zip").ok
    (run / "tex" / "body.tex").write_text("changed")
    assert verify(run).changed == ["tex/body.tex"]


def test_the_language_of_the_pages_is_that_of_headings_and_captions(made: Made, tmp_path: Path) -> None:
    report = made[0].model_copy(update={"document": Document(language="de")})
    render(report, made[1], tmp_path, formats=OTHERS)
    page = (tmp_path / "report.md").read_text("utf-8")
    assert "Abbildung\u00a01" in page
    assert r"\renewcommand{\figurename}{Abbildung}" in (tmp_path / "tex/report.tex").read_text("utf-8")
    document = read(tmp_path / "report.docx")
    assert document.core_properties.language == "de"
    languages = {run.get(qn("w:val")) for run in document.element.body.iter(qn("w:lang"))}
    assert languages == {"en-US"}  # what analyses say


def test_a_photograph_is_what_it_says_and_a_chart_is_a_drawing(made: Made, written: Path) -> None:
    for path in (written / "tex" / "figures").iterdir():
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF-")
        else:
            with Image.open(path) as image:
                assert {"JPEG": ".jpg", "PNG": ".png"}[str(image.format)] == path.suffix


def test_the_author_s_own_words_stand_in_every_format_and_say_whose_they_are(made: Made, tmp_path: Path) -> None:
    notes = [
        Note(
            name="introduction.md", place="introduction", text="We ask **where** it looks: {{ totals.images }} images."
        ),
        Note(name="cams.md", place="section", of="cams", text="- one `code`\n- two\n\n[a page](https://example.org/x)"),
        Note(name="conclusion.md", place="conclusion", text="See {{ ablation-sparser }}."),
    ]
    report = made[0].model_copy(
        update={"document": made[0].document.model_copy(update={"authors": ["Ada"], "notes": notes})}
    )
    parts = manuscript(page_context(report, "manuscript")).parts
    chapters = [part.text for part in parts if isinstance(part, Heading) and part.level == 1]
    assert chapters[1] == "Introduction" and "Conclusion" in chapters
    labels = [part for part in parts if isinstance(part, Paragraph) and plain(part.spans) == "Author’s note, Ada"]
    assert len(labels) == 3
    said = [plain(part.spans) for part in parts if isinstance(part, Paragraph)]
    assert f"We ask where it looks: {len(made[0].images)} images." in said
    assert "a page (https://example.org/x)" in said
    [file] = render(report, made[1], tmp_path, formats=("md",))
    assert "Author’s note, Ada" in file.read_text("utf-8")
