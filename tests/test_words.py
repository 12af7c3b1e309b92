"""The words of the pages: one catalogue a language, every word of a page from it, and each part of a page says its language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2 as pdfium
import pytest

from fixtures import make_report
from pdf_checks import problems
from reportgen.api import make_report as make_run
from reportgen.pipeline.cover import read_front_matter
from reportgen.rendering.checking import check_template
from reportgen.rendering.context import CARDS, ROWS, page_context
from reportgen.rendering.environment import environment, page_chunks
from reportgen.rendering.filters import counted, day, fill, join_words
from reportgen.rendering.markdown.card import card
from reportgen.rendering.pdf.tagging import place_names
from reportgen.rendering.render import render, require_renderable
from reportgen.rendering.templates import find_template, shipped_templates
from reportgen.rendering.words import ONE, english, languages, missing_words, read_words
from reportgen.report.blocks import Picture
from reportgen.report.document import (
    DEFAULT_TITLE,
    Document,
    FileNote,
    Gate,
    Note,
    Reference,
    Report,
    Shown,
    Summary,
    Term,
)
from reportgen.settings.load import load
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

SHIPPED = ["en", "de", "es", "fr"]
Made = tuple[Report, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A report in which everything stands that a page has words for."""
    report, run = make_report(tmp_path_factory.mktemp("words"), 12, size=32)
    work = Reference(
        key="x", kind="article", authors=["A, B."], title="T", venue="V", year=2020, cited_in=["cams", "models"]
    )
    second = report.provenance.models[0].model_copy(update={"name": "efficientnet_lite1"})
    models = [*report.provenance.models[:1], second, second, second]
    both = [f'{{{{ images["{name}"].correct }}}}' for name in ("n01491361_tiger_shark.JPEG", "n01608432_kite.JPEG")]
    notes = [
        Note(name="introduction.md", place="introduction", text=" ".join(both)),
        Note(name="conclusion.md", place="conclusion", text="@table:iou"),
    ]
    everything = {
        "gates": [
            Gate(name="min_iou", measure="mean IoU", bound="at least", limit=0.4, value=0.5, passed=True),
            Gate(name="max_x", measure="something else", bound="at most", limit=0.4, value=None, passed=False),
            *[Gate(name=f"g{i}", measure="m", bound="at most", limit=0.4, value=1, passed=False) for i in range(3)],
        ],
        "summary": Summary(images="All were explained.", findings=[f"{report.findings[0].id}-0"], rest="Others are open."),
        "shown": Shown(of=12, images=[i.name for i in report.images[:9]], reasons=["lowest"] * 9, rule="A rule."),
        "rules": ["A verdict is a verdict."],
        "glossary": [Term(term="CAM", text="A map.")],
        "references": [work],
        "files": [FileNote(path="tables/", count=2, text="Every table"), FileNote(path="x.json", count=1, text="")],
        "skipped": report.skipped * 30,
        "warnings": [
            warning.model_copy(update={"code": f"{warning.code}-{i}", "text": f"{warning.text} {j}"})
            for warning in report.warnings
            for i in range(4)
            for j in range(14)
        ] + [report.warnings[0].model_copy(update={"code": "a", "image": f"{i}.jpg"}) for i in range(30)],
        "images": [
            report.images[0].model_copy(update={"label": None, "correct": None, "models": {"efficientnet_lite1": {}}}),
            *report.images[1:],
        ],
        "findings": [f.model_copy(update={"id": f"{f.id}-{i}"}) for i in range(8) for f in report.findings],
        "document": Document(sections=["cams", "lime", "agreement", "findings", "images", "rules", "glossary",
                                       "references", "settings", "provenance"], authors=["Ada"] * 7, notes=notes),
        "provenance": report.provenance.model_copy(update={"models": models}),
    }  # fmt: skip
    return report.model_copy(update=everything), run


def template(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_toml", ".toml").replace("_html", ".html")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


# --- catalogues ----------------------------------------------------------------------------------


def test_the_shipped_languages_are_complete() -> None:
    for name in ("writeup", "brief", "poster"):
        assert languages(find_template(name).folders) == SHIPPED
        for language in SHIPPED:
            read_words(find_template(name), language)  # refuses a key that English does not have
            assert missing_words(find_template(name), language) == []
    assert english()["title"] == DEFAULT_TITLE


def texts(words: dict[str, Any]) -> Iterator[str]:
    for value in words.values():
        if isinstance(value, dict):
            yield from texts(value)
        else:
            yield from [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


@pytest.mark.parametrize("language", SHIPPED)
def test_catalogues_keep_to_the_typography_of_their_language(language: str) -> None:
    every = list(texts(read_words(find_template("writeup"), language)))
    assert not [text for text in every if re.search(r"""['"]|\.\.\.| $|^ |  """, text)]
    wrong = {
        "en": r" [:;!?»%]|[«„]",
        "de": r" [:;!?%]|[«»]|[“](?!\.)",
        "fr": r"(?<![\u00a0])[:»]|« |(?<!\u202f)[;!?%]|[„“”]",
        "es": r" [:;!?%]|[„“”]|« | »",
    }[language]
    assert not [text for text in every if re.search(wrong, text)]


def test_every_word_of_the_controls_is_used() -> None:
    source = (shipped_templates() / "writeup/script.js").read_text("utf-8")
    by_key = {"show", "class", "low", "most", "find", "sort", "right", "wrong", "unlabelled"}  # of a control or a mark
    assert set(re.findall(r"WORDS\.(\w+)", source)) | by_key == set(english()["script"])


def test_counts_and_dates_follow_the_language(tmp_path: Path) -> None:
    words = {language: read_words(find_template("writeup"), language) for language in SHIPPED}
    said = {
        language: [str(counted({"words": words[language]}, n, words[language]["file_count"])) for n in (0, 1, 12_000)]  # type: ignore[arg-type]
        for language in SHIPPED
    }
    assert said["en"] == ["0 files", "1 file", "12\u202f000 files"]
    assert said["de"] == ["0 Dateien", "1 Datei", "12\u202f000 Dateien"]
    assert said["fr"] == ["0 fichier", "1 fichier", "12\u202f000 fichiers"]
    assert [day("2026-08-05T12:30:00Z", words[language]) for language in SHIPPED] == [
        "5 August 2026", "5.\u00a0August 2026", "5 de agosto de 2026", "5 août 2026",
    ]  # fmt: skip
    assert day("2026-08-05T12:30:00Z") == "5 August 2026"
    assert join_words(["a", "b", "c"], words["de"]["and"]) == "a, b und c"


def test_filling_words_escapes_what_is_no_markup_of_the_template() -> None:
    from markupsafe import Markup

    assert fill("<{a}> {b}", a="<x>\u202e", b=Markup("<i>y</i>")) == "&lt;&lt;x&gt;\\u202e&gt; <i>y</i>"
    assert fill("{a.__class__}", a=1) == "{a.__class__}"
    with pytest.raises(KeyError):
        fill("{gone}", a=1)


# --- pages: every word from the catalogue, every part in its language ------------------------------


class Spoken(HTMLParser):
    """What a reader is told of a page, in its order: (language, text, whether it is an attribute).

    Names and code have no language.
    """

    VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
    TOLD = ("alt", "aria-label", "title", "placeholder", "label")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[tuple[str, str, bool]] = []
        self._open: list[tuple[str, str, bool]] = [("", "", True)]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        _, language, heard = self._open[-1]
        language = given.get("lang") or language
        told = [given.get(key) or "" for key in self.TOLD]
        if tag == "meta" and given.get("name") == "description":
            told.append(given["content"] or "")
        self.said += [(language, text, True) for text in told if text]
        if tag not in self.VOID:
            heard = heard and tag not in ("script", "style", "bdi", "code")
            self._open.append((tag, language, heard))

    def handle_endtag(self, tag: str) -> None:
        while len(self._open) > 1 and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        _, language, heard = self._open[-1]
        if heard and data.strip():
            self.said.append((language, data, False))


def marked(words: dict[str, Any]) -> dict[str, Any]:
    """The words, each in marks and with its key before it."""

    def mark(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return marked(value)
        return [mark(key, item) for item in value] if isinstance(value, list) else f"⟦{key}: {value}⟧"

    return {key: value if key == ONE else mark(key, value) for key, value in words.items()}


def as_toml(words: dict[str, Any], table: str = "") -> str:
    flat = [f"{json.dumps(k)} = {json.dumps(v, ensure_ascii=False)}" for k, v in words.items() if type(v) is not dict]
    inner = [as_toml(value, key) for key, value in words.items() if isinstance(value, dict)]
    return "\n".join([f"[{table}]" if table else "", *flat, *inner])


# Names, which have no language: of programs, models, files, parts in report.json, and the moment of the run.
NAMES = re.compile(
    r"reportgen|report\.json|sha256|Python|IoU|px|efficientnet_lite\d|Ada|openvino|exact|cpu|numpy|weasyprint|T\d+"
    r"|cams|lime|agreement|dissection|grad|cam|torch"
)


def unmarked(page: str, language: str) -> list[str]:
    """Words of the page's own that stand in no marks; and marks in what the page calls English."""
    left, depth = [], 0
    for spoken, text, attribute in Spoken(page).said:
        before, depth = depth, 0 if attribute else depth
        if spoken == "en":
            left += [text] if "⟦" in text else []
        else:
            assert spoken == language, (spoken, text)
            for part in re.split("([⟦⟧])", text):
                depth += (part == "⟦") - (part == "⟧")
                words = re.findall(r"[^\W\d_][\w.]*\w", part) if depth == 0 else []
                left += [word for word in words if not NAMES.fullmatch(word)]
        depth = before if attribute else depth
    assert depth == 0
    return left


def page_of(made: Made, base: str, medium: str, language: str, words: dict[str, Any]) -> str:
    """The page of a shipped template, before pictures go into it."""
    chosen = find_template(base)
    context = page_context(made[0], medium, chosen.file, language, words)
    return "".join(page_chunks(environment(chosen.folders, url=str, asset=str), context))


@pytest.mark.parametrize("base", ["writeup", "brief", "poster"])
@pytest.mark.parametrize("medium", ["html", "pdf"])
def test_every_word_of_a_page_comes_from_the_catalogue(
    made: Made, base: str, medium: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every word in marks nothing stands outside of them but names, and nothing that is called English has any."""
    monkeypatch.setitem(ROWS, medium, 4)
    page = page_of(made, base, medium, "qaa", marked(english()))
    assert page.count("⟦") > 40
    assert unmarked(page, "qaa") == []


def test_every_word_stands_on_some_page(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that none is dead, and the test above sees all of them."""
    report, run = made
    gone = [
        section.model_copy(update={"blocks": [b.model_copy(update={"file": ""}) if b.type == "table" else b for b in section.blocks]})
        for section in report.sections[:1]
    ]  # fmt: skip
    # Of the others every figure gives way on paper: several in a row.
    away = [
        section.model_copy(
            update={
                "blocks": [b.model_copy(update={"detail": True}) if b.type == "figure" else b for b in section.blocks]
            }
        )
        for section in report.sections[1:]
    ]
    heads = zip(report.provenance.models, ("multilabel", "binary"), strict=False)
    models = [model.model_copy(update={"head": head}) for model, head in heads]
    few = report.model_copy(
        update={
            "document": Document(),
            "findings": report.findings[:3],
            "sections": [*gone, *away],
            "provenance": report.provenance.model_copy(update={"models": models}),
        }
    )
    seen = set()
    for medium in ("html", "pdf"):
        monkeypatch.setitem(ROWS, medium, 4)
        monkeypatch.setitem(CARDS, medium, 2)
        for shown in (report, few):
            pages = [
                page_of((shown, run), base, medium, "qaa", marked(english())) for base in ("writeup", "brief", "poster")
            ]
            links = place_names(page_context(shown, medium, words=marked(english()))).values()
            seen |= set(re.findall(r"⟦([\w ]+):", " ".join([*pages, *links])))
    # What a note refers to may be left out of a page.
    part = report.document.model_copy(update={"sections": ["cams"]})
    notes = page_context(report.model_copy(update={"document": part}), "html", words=marked(english()))["notes"]
    seen |= set(re.findall(r"⟦([\w ]+):", str(notes)))
    labelled = page_context(report, "pdf", words=marked(english()))
    of_card = card(labelled, None)
    said = " ".join([*of_card.blocks, of_card.images, *(metric.name for metric in of_card.metrics)])
    seen |= set(re.findall(r"⟦([\w ]+):", said.replace("\\", "")))
    words = english()
    tables = {key: words.pop(key) for key in list(words) if isinstance(words[key], dict)}
    every = set(words).union(*(value for key, value in tables.items() if key != "script"))
    assert sorted(every - seen) == ["logo", ONE], "a template's own logo stands on its own page"


def test_styles_write_no_words() -> None:
    styles = "".join(path.read_text("utf-8") for path in shipped_templates().rglob("*.css"))
    styles = re.sub(r"\\[0-9a-f]{1,6}\s?", "", styles)  # a character by its number
    written = re.findall(r"""content:([^;]*)""", styles)
    assert len(written) > 8
    assert not [
        text for rule in written for text in re.findall(r"""["']([^"']*)["']""", rule) if re.search(r"\w", text)
    ]


def test_the_marks_would_show_a_word_that_was_left() -> None:
    page = '<html lang="qaa"><p>⟦a <a>⟦b⟧</a> c⟧ <a href="#x">More</a> <img alt="Logo"> <p lang="en">⟦x⟧ y</p>'
    assert unmarked(page, "qaa") == ["More", "Logo", "⟦x⟧ y"]


@pytest.mark.parametrize("base", ["writeup", "brief", "poster"])
def test_an_english_page_says_nothing_of_its_language(made: Made, base: str) -> None:
    page = page_of(made, base, "html", "en", english())
    assert '<html lang="en"' in page and set(re.findall(r'\blang="([^"]*)"', page)) == {"en"}
    assert english()["data_language"] not in page
    for language in ("de", "fr", "es"):
        words = read_words(find_template(base), language)
        other = page_of(made, base, "html", language, words)
        assert f'<html lang="{language}"' in other and words["data_language"] in other


# --- a German report -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def german(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Path]:
    report, run = make_report(tmp_path_factory.mktemp("german"), 3)
    report = report.model_copy(update={"document": Document(language="de")})
    out = tmp_path_factory.mktemp("out")
    render(report, run, out)
    return (report, run), out


def test_a_german_pdf_is_accessible_and_says_what_is_english(german: tuple[Made, Path]) -> None:
    file = german[1] / "report.pdf"
    assert problems(file) == []
    with pikepdf.open(file) as pdf:
        assert str(pdf.Root.Lang) == "de"
        elements = [item for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and "/P" in item]
        said = {(str(item.S), str(item.Lang)) for item in elements if "/S" in item and "/Lang" in item}
        links = {str(link.Contents) for page in pdf.pages for link in page.get("/Annots") or []}
        assert pdf.docinfo.Title == "Bericht zur Erklärbarkeit"
    assert {("/Sect", "en"), ("/P", "en"), ("/P", "de"), ("/Figure", "en"), ("/Table", "en")} <= said
    assert {"Abbildung\u00a01", "Tabelle\u00a02", "Einstellungen"} <= links
    with pdfium.PdfDocument(file) as document:
        text = " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())
    for german_words in ("Inhalt", "5. August 2026", "steht auf Englisch.", "Abbildung 1", "unentschieden", "Wie sich"):
        assert german_words in text
    assert "Each map weighs the channels" in text, "data stay as they are"


def test_an_english_pdf_has_one_language(german: tuple[Made, Path], tmp_path: Path) -> None:
    (report, run), _ = german
    [file] = render(report.model_copy(update={"document": Document()}), run, tmp_path, formats=("pdf",))
    with pikepdf.open(file) as pdf:
        spoken = [str(item.Lang) for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and "/Lang" in item]
    assert spoken == ["en"]


def test_the_same_words_give_the_same_bytes(german: tuple[Made, Path], tmp_path: Path) -> None:
    """Said by the run or by a template, here or in a process of its own."""
    (report, run), out = german
    own = template(tmp_path / "own", template_toml='language = "de"')
    render(report.model_copy(update={"document": Document()}), run, tmp_path / "out", own, ("html",))
    assert (tmp_path / "out/report.html").read_bytes() == (out / "report.html").read_bytes()
    render(report, run, tmp_path / "again", template(tmp_path / "empty", template_toml=""), ("pdf",))
    again, first = (tmp_path / "again/report.pdf").read_bytes(), (out / "report.pdf").read_bytes()
    assert again == first


@pytest.mark.parametrize("language", SHIPPED[1:])
def test_brief_keeps_its_two_pages(made: Made, tmp_path: Path, language: str) -> None:
    report, run = made
    document = Document(authors=["Ada"], affiliation="Institute", paper="Letter", language=language)
    [file] = render(report.model_copy(update={"document": document}), run, tmp_path, "brief", ("pdf",))
    with pdfium.PdfDocument(file) as pages:
        assert len(pages) <= 2
    assert problems(file) == []


# --- choosing, changing, adding -------------------------------------------------------------------


def words_of(made: Made, mine: Path, **document: Any) -> tuple[str, str]:
    """(language of the page, its heading of the contents)."""
    report = made[0].model_copy(update={"document": Document(**document)})
    render(report, made[1], mine / "out", mine, ("html",))
    page = (mine / "out/report.html").read_text("utf-8")
    html, contents = re.search(r'<html lang="([^"]+)"', page), re.search(r'id="contents"[^>]*>([^<]*)<', page)
    assert html and contents
    return html[1], contents[1]


def test_the_run_wins_over_template_toml_and_that_over_english(made: Made, tmp_path: Path) -> None:
    french = template(tmp_path / "fr", template_toml='language = "fr"')
    assert words_of(made, french) == ("fr", "Sommaire")
    assert words_of(made, french, language="es") == ("es", "Índice")
    assert words_of(made, template(tmp_path / "none", template_toml="")) == ("en", "Contents")


def test_the_setting_reaches_the_report_and_a_wrong_one_is_said_before_the_work(tmp_path: Path) -> None:
    loaded = load({}, None, tmp_path, {"REPORTGEN_DOCUMENT__LANGUAGE": "fr"})
    assert read_front_matter(loaded.settings).document.language == "fr"
    with pytest.raises(UsageError, match=r"setting document.language: unknown language 'fra': .*; did you mean fr\?"):
        make_run(tmp_path / "no such folder", tmp_path / "out", Settings(document={"language": "fra"}))
    assert not (tmp_path / "out").exists()


def test_a_folder_changes_single_words_or_brings_a_language(made: Made, tmp_path: Path) -> None:
    own = template(
        tmp_path / "mine",
        template_toml='language = "nl"\n[words]\nsettings = "Opties <b>"\n[words.script]\nclose = "Dicht"\n',
        words__nl_toml='contents = "Inhoud"\n',
        words__de_toml='contents = "Übersicht"\n',
    )
    assert words_of(made, own) == ("nl", "Inhoud")
    page = (own / "out/report.html").read_text("utf-8")
    assert '<h2 id="settings">Opties &lt;b&gt;</h2>' in page and '"close": "Dicht"' in page
    assert ">Glossary</h2>" in page, "what the language lacks stands in English"
    assert words_of(made, own, language="de") == ("de", "Übersicht")
    assert ">Glossar</h2>" in (own / "out/report.html").read_text("utf-8"), "the rest is the shipped German"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"template_toml": '[words]\ncontens = "x"'}, "[words]: unknown word contens; did you mean contents?"),
        ({"template_toml": '[words.script]\nclos = "x"'}, "[words]: unknown word script.clos; did you mean close?"),
        ({"template_toml": '[words]\nfigure = "{m}"'}, "word figure: nothing is called {m} here; known: n"),
        ({"template_toml": '[words]\ncontents = "{n.__class__}"'}, "word contents: a brace stands alone"),
        ({"template_toml": '[words]\ncontents = ""'}, "word contents: a text that is not empty"),
        ({"template_toml": '[words]\nfile_count = ["x"]'}, "word file_count: a list of 2 texts"),
        ({"template_toml": "[words]\none = 1"}, "word one: a list of the counts"),
        ({"template_toml": '[words]\nmark = "x"'}, "word mark: a table with right, wrong, no label"),
        (
            {"template_toml": 'language = "deu"'},
            "template.toml: unknown language 'deu': use en, de, es, fr; did you mean de?",
        ),
        ({"words__en_toml": "contents = "}, "words/en.toml: not valid TOML"),
        ({"words__en_toml": "#" * 70_000}, "words/en.toml: not a file of this folder of at most 65536 bytes"),
    ],
)
def test_wrong_words_are_one_line_before_the_work_and_in_the_check(
    tmp_path: Path, files: dict[str, str], says: str
) -> None:
    own = template(tmp_path / "mine", **files)
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        require_renderable(own, ["html"])
    assert "\n" not in str(caught.value)
    mistakes = check_template(own)
    assert len(mistakes) == 1 and says in mistakes[0]


def test_the_check_names_what_stands_in_english(tmp_path: Path) -> None:
    half = read_words(find_template("writeup"), "de")
    for word in ("glossary", "months"):
        del half[word]
    del half["script"]["close"]
    own = template(tmp_path / "mine", words__nl_toml=as_toml(half), template_toml="")
    assert check_template(own) == [
        "words/nl.toml: stand in English, as they are not there: months, glossary, script.close"
    ]


def test_words_are_not_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text('contents = "SECRET"')
    own = template(tmp_path / "mine", words__de_toml="")
    (own / "words/nl.toml").symlink_to(tmp_path / "secret.toml")
    for language in ("nl", "../../secret", "de/../nl"):
        with pytest.raises(UsageError) as caught:
            require_renderable(own, ["html"], language)
        assert "SECRET" not in str(caught.value)


# --- templates that were written before pages had words ---------------------------------------------


def test_a_template_of_old_keeps_its_words(made: Made, tmp_path: Path) -> None:
    page = """{% extends "base/report.html" %}{% from "macros.html" import card, correctness, file_name, verdict %}
    {% block summary %}{% from "macros.html" import badge %}<p>{{ verdict("supported") }}{{ badge("x", "x", "y") }}</p>
    {{ report.provenance.created | day }}, {{ ["a", "b"] | join_words }}, {{ 2 | plural("thing") }}{% endblock %}
    {% block appendix %}{{ card(images[0], medium) }}{{ correctness(none) }}{% endblock %}
    {% block scripts %}<script>{{ self.script() }}</script>{% endblock %}"""
    part = '<p class="number">Figure {{ block.number }}</p>'
    mine = template(tmp_path / "mine", report_html=page, parts__figure_html=part)
    words_of(made, mine)
    text = (mine / "out/report.html").read_text("utf-8")
    assert "supported</span>" in text and "5 August 2026, a and b, 2 things" in text and ">Figure 1</p>" in text
    words_of(made, mine, language="de")
    text = (mine / "out/report.html").read_text("utf-8")
    assert "gestützt</span>" in text and "5 August 2026, a and b, 2 things" in text and ">Figure 1</p>" in text


def test_a_logo_is_named_in_the_language_of_its_name(made: Made, tmp_path: Path) -> None:
    logo = Picture(file=made[0].images[0].picture.file, width=9, height=9, alt="Logo of X")
    words_of(made, template(tmp_path / "mine", template_toml=""), language="de", logo=logo)
    assert 'alt="Logo of X" lang="en"' in (tmp_path / "mine/out/report.html").read_text("utf-8")
