"""Templates of one's own: what they may restyle, what `templates check` says of them, and what they cannot do."""

from __future__ import annotations

import http.server
import json
import os
import re
import resource
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pypdf
import pypdfium2 as pdfium
import pytest

from fixtures import HOSTILE_NAMES, PLAIN_NAMES, make_report
from reportgen.rendering.checking import check_template
from reportgen.rendering.colors import contrast, readable
from reportgen.rendering.context import CONTEXT_VERSION, page_context
from reportgen.rendering.environment import environment, page_chunks
from reportgen.rendering.filters import FILTERS
from reportgen.rendering.html import data_uri
from reportgen.rendering.pdf.writer import write_pdf
from reportgen.rendering.render import render
from reportgen.rendering.sandbox import process
from reportgen.rendering.sandbox.limits import Limits, limits_for
from reportgen.rendering.sources import Sources, sources
from reportgen.rendering.templates import FIXTURE, find_template, new_template, shipped_names, shipped_templates
from reportgen.report.blocks import Block, Figure, Listing, Picture, Text
from reportgen.report.document import DEFAULT_TITLE, Document, Gate, Report, Verdict, Warning_
from reportgen.report.open import read_report
from reportgen.report.pictures import named_pictures
from reportgen.utils.errors import ReportgenError, UsageError

MIB = 2**20
TIGHT = Limits(seconds=30, memory=512 * MIB, output=8 * MIB)
Made = tuple[Report, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_report(tmp_path_factory.mktemp("made"), 2)


@pytest.fixture(scope="module")
def plain() -> Made:
    """The example that ships with reportgen."""
    folder = shipped_templates() / FIXTURE
    return read_report(folder), folder


def template(folder: Path, files: dict[str, str]) -> Path:
    """A template folder `mine` with these files; report.html holds what stands inside its `appendix` block."""
    mine = folder / "mine"
    for name, text in files.items():
        path = mine / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return mine


def extending(inside: str) -> str:
    return '{% extends "base/report.html" %}\n{% block appendix %}' + inside + "{% endblock %}"


def html_of(made: Made, out: Path, mine: Path | str = "writeup", limits: Limits | None = None, **document: Any) -> str:
    report, run = made
    report = report.model_copy(update={"document": Document(**document)})
    render(report, run, out, mine, ("html",), limits=limits)
    return (out / "report.html").read_text("utf-8")


def pages_of(file: Path) -> list[str]:
    with pdfium.PdfDocument(file) as document:
        return [page.get_textpage().get_text_range() for page in document]


def page_of(made: Made, mine: Path) -> str:
    """The page as a template makes it, in this process: for what the sandbox itself must stop."""
    chosen = find_template(mine)
    files = sources(*made, chosen.folders)
    env = environment(chosen.folders, url=lambda name: str(files.picture(name)), asset=_asset(files))
    return "".join(page_chunks(env, page_context(made[0], "html", chosen.file)))


def _asset(files: Sources) -> Callable[[str], str]:
    return lambda name: data_uri(files.asset(name))


# --- restyling -----------------------------------------------------------------------------------


def test_settings_reach_the_cover_the_colours_and_the_paper(made: Made, tmp_path: Path) -> None:
    report, run = made
    logo = Picture(file=report.images[0].picture.file, width=64, height=64, alt="Logo of X")
    given = {
        "authors": ["Ada <b>", "Grace"],
        "affiliation": "Institute",
        "course": "Course 7",
        "accent": "#7A1F5C",
        "paper": "Letter",
        "logo": logo,
        "css": "h1 { color: rgb(1, 2, 3); } /* </style><script>alert(1)</script> */",
        "sections": ["cams", "settings"],
    }
    text = html_of(made, tmp_path, **given)
    assert "Ada &lt;b&gt; and Grace" in text and "Institute" in text and "Course 7" in text
    assert "--own-accent: #7a1f5c;" in text
    assert 'alt="Logo of X"' in text
    styles = re.findall(r"<style>.*?</style>", text, re.DOTALL)
    assert len(styles) == 1 and "rgb(1, 2, 3)" in styles[0] and "<script>alert" not in text.replace(styles[0], "")
    assert 'id="section-cams"' in text and 'id="settings"' in text
    assert 'id="section-lime"' not in text and 'id="provenance"' not in text
    assert (
        "Left out of this document, and in report.json: lime, agreement, findings, images, rules, glossary, references, "
        "provenance and files" in text
    )
    assert 'id="warnings"' in text, "warnings cannot be left out"
    render(report.model_copy(update={"document": Document(**given)}), run, tmp_path, formats=("pdf",))
    with pdfium.PdfDocument(tmp_path / "report.pdf") as document:
        assert {(round(page.get_width()), round(page.get_height())) for page in document} == {(612, 792)}


def test_a_section_that_is_left_out_leaves_no_dead_link(made: Made, tmp_path: Path) -> None:
    text = html_of(made, tmp_path, sections=["agreement"])
    ids = set(re.findall(r'\bid="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= ids


def test_template_toml_speaks_where_the_run_is_silent(made: Made, tmp_path: Path) -> None:
    toml = 'title = "Mine"\nauthors = ["T"]\naccent = "#abc"\npaper = "Letter"\nsections = ["lime"]\nlogo = "l.svg"'
    mine = template(tmp_path, {"template.toml": toml, "l.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>'})
    text = html_of(made, tmp_path, mine)
    assert "<h1>Mine</h1>" in text and '<p class="authors">T</p>' in text
    assert 'id="section-lime"' in text and 'id="section-cams"' not in text
    assert "data:image/svg+xml" in text
    text = html_of(made, tmp_path, mine, authors=["R"], accent="#00f", sections=["cams"])
    assert '<p class="authors">R</p>' in text and "--own-accent: #0000ff" in text
    assert 'id="section-cams"' in text and 'id="section-lime"' not in text


def test_the_accent_is_made_readable_on_either_paper() -> None:
    for color in ("#ffff00", "#000000", "#0b5a8c", "#ffffff", "#7a1f5c"):
        assert contrast(readable(color, "#ffffff"), "#ffffff") >= 4.5
        assert contrast(readable(color, "#12171c"), "#12171c") >= 4.5
    assert readable("#0b5a8c", "#ffffff") == "#0b5a8c", "one that can be read stays"
    assert round(contrast("#000000", "#ffffff"), 2) == 21


def test_a_template_may_build_on_brief(made: Made, tmp_path: Path) -> None:
    mine = template(tmp_path, {"template.toml": 'base = "brief"', "report.html": extending("<p>MINE</p>")})
    text = html_of(made, tmp_path, mine)
    assert "<p>MINE</p>" in text and "Findings at a glance" in text


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("acent = 1", "unknown key acent; known: summary"),
        ('accent = "red"', "accent: use a CSS hex colour"),
        ('paper = "B5"', "paper: input should be 'A4', 'Letter', 'A3' or 'A1'"),
        ('base = "nonsense"', "base is 'nonsense': use writeup, brief, poster"),
        ("accent = ", "not valid TOML"),
        ("x = " + "[" * 20_000, "not valid TOML"),
        ("#" * 70_000, "not a file of this folder of at most 65536 bytes"),
    ],
)
def test_a_mistake_in_template_toml_is_one_line(tmp_path: Path, toml: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        find_template(template(tmp_path, {"template.toml": toml}))
    assert "template.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_template_toml_is_not_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text('title = "secret"')
    mine = template(tmp_path, {"extra.css": ""})
    (mine / "template.toml").symlink_to(tmp_path / "secret.toml")
    with pytest.raises(UsageError, match="not a file of this folder"):
        find_template(mine)


def test_own_templates_and_shipped_ones_give_the_same_bytes(made: Made, tmp_path: Path) -> None:
    """In a process of its own, or in this one: the page is the same, and so is the PDF."""
    mine = template(tmp_path, {"template.toml": ""})
    report, run = made
    render(report, run, tmp_path / "here")
    render(report, run, tmp_path / "apart", mine)
    for name in ("report.html", "report.pdf"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "apart" / name).read_bytes(), name


def test_the_context_is_plain_data(made: Made) -> None:
    context = page_context(made[0], "pdf")
    assert json.loads(json.dumps(context, allow_nan=False)).keys() == context.keys()
    assert context["context_version"] == CONTEXT_VERSION


# --- brief ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "paper"), [(1, "A4"), (10, "A4"), (100, "A4"), (10, "Letter")])
def test_brief_has_two_pages_at_most(tmp_path: Path, n: int, paper: str) -> None:
    report, run = make_report(tmp_path, n, size=32)
    report = report.model_copy(update={"document": Document(authors=["Ada"], affiliation="Institute", paper=paper)})
    render(report, run, tmp_path / "out", "brief", ("pdf",))
    pages = pages_of(tmp_path / "out/report.pdf")
    assert len(pages) <= 2
    text = "\n".join(pages)
    for wanted in ("Findings at a glance", "Before you read", "IoU", "How to repeat this run", PLAIN_NAMES[0]):
        assert wanted in text
    assert ("90 more images: report.json" in text) == (n == 100)
    assert ("90 rows between these: tables/iou.csv" in text) == (n == 100)


def test_brief_bounds_every_list_and_says_where_the_rest_is(tmp_path: Path) -> None:
    report, run = make_report(tmp_path, 30, names=HOSTILE_NAMES, size=32)
    long = "A sentence that goes on and on and says the same thing again in other words, " * 4
    findings = [report.findings[0].model_copy(update={"id": f"f{i}", "claim": long}) for i in range(60)]
    warnings = [Warning_(code=f"code-{i}-" + "x" * 60, text=long) for i in range(30)]
    report = report.model_copy(
        update={
            "title": "A title that is far too long " * 10,
            "findings": findings,
            "warnings": warnings,
            "skipped": report.skipped * 50,
            "document": Document(authors=["Ada of a Long Name"] * 12, affiliation=long, course=long, paper="Letter"),
            "gates": [
                Gate(name=f"min_{i}_" + "x" * 90, measure=long, bound="at least", limit=1, value=None, passed=i < 3)
                for i in range(8)
            ],
        }
    )
    render(report, run, tmp_path / "out", "brief")
    pages = pages_of(tmp_path / "out/report.pdf")
    assert len(pages) <= 2
    text = " ".join("\n".join(pages).split())
    assert "undecided f3 A sentence that" in re.sub("(supported|contradicted|not measured)", "undecided", text)
    for rest in (
        "43 more findings",
        "3 of 8 gates passed",
        "and 3 more",
        "7 more",
        "26 more kinds of warning",
        "100 files could not be read",
        "20 more images",
    ):
        assert rest in text
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert "43 more findings" in page
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= ids


# --- new, check, list ----------------------------------------------------------------------------


def test_new_writes_a_template_that_passes_its_check(plain: Made, tmp_path: Path) -> None:
    written = new_template(tmp_path / "mine")
    assert [path.name for path in written] == ["extra.css", "report.html", "template.toml"]
    assert check_template(tmp_path / "mine") == []
    contents, _, rest = html_of(plain, tmp_path, tmp_path / "mine").partition("</nav>")
    assert contents.count('href="#own"') == 1 and '<h2 id="own">Notes</h2>' in rest


def test_new_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty; nothing was written"):
        new_template(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    with pytest.raises(UsageError, match="is a file"):
        new_template(tmp_path / "mine/notes.txt")


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_templates_pass_and_say_what_they_are(name: str) -> None:
    assert find_template(name).file.summary
    assert check_template(name) == []


def test_the_example_has_every_kind_of_block(plain: Made) -> None:
    blocks = [block for section in plain[0].sections for block in section.blocks]
    kinds = get_args(get_args(Block)[0])
    assert {type(block) for block in blocks} == set(kinds)
    for kind, field in ((Figure, "kind"), (Text, "role"), (Listing, "ordered")):
        found = {getattr(block, field) for block in blocks if isinstance(block, kind)}
        assert len(found) > 1, f"{kind.__name__}.{field}"
    assert {finding.verdict for finding in plain[0].findings} == set(get_args(Verdict))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"report.html": "{% block x %}\n\n{% if %}{% endblock %}"}, "report.html, line 3: "),
        ({"parts/notice.html": "<p>\n{{ block.titel }}</p>"}, "parts/notice.html, line 2: .*'titel'"),
        ({"report.html": extending("\n{{ nonsense }}")}, "report.html, line 3: 'nonsense' is undefined"),
        ({"report.html": extending("\n\n{{ 1 | nonsense }}")}, "report.html, line 4: .*nonsense"),
        ({"report.html": extending("{% include 'gone.html' %}")}, "report.html, line 2: no such file .*gone.html"),
        ({"report.html": extending("{{ 'gone.png' | asset }}")}, "report.html, line 2: gone.png: the template has no"),
        (
            {"report.html": '{% extends "base/report.html" %}\n{% block covr %}{% endblock %}'},
            "report.html, line 2: block covr overrides nothing: base/report.html has no such block; did you mean cover",
        ),
        (
            {"report.html": '{% extends "base/page.html" %}'},
            "report.html, line 1: no such template to extend: base/page",
        ),
        ({"parts/notise.html": "x"}, "parts/notise.html: overrides nothing.*did you mean parts/notice.html"),
        ({"report.html": extending('<img src="run:figures/x.jpg" alt="x">')}, "the report names no such picture"),
        ({"template.toml": "context_version = 99"}, "template.toml: written for context 99, this reportgen has"),
    ],
)
def test_check_says_what_is_wrong_and_where(tmp_path: Path, files: dict[str, str], says: str) -> None:
    mistakes = check_template(template(tmp_path, files))
    assert len(mistakes) == 1, mistakes
    assert re.search(says, mistakes[0]), mistakes[0]


def test_check_passes_on_what_the_pdf_library_says_of_the_css(tmp_path: Path) -> None:
    css = "/* a */\nh1 { colr: red; }\n\np { color: nonsense; }"
    mistakes = check_template(template(tmp_path, {"extra.css": css, "report.html": extending('<a href="#gone">x</a>')}))
    assert len(mistakes) == 3, mistakes
    assert re.fullmatch(r"extra.css, line 2: Ignored `colr: ?red`.*unknown property.*", mistakes[0])
    assert re.fullmatch(r"extra.css, line 4: Ignored `color: ?nonsense`.*", mistakes[1])
    assert "#gone" in mistakes[2]


def test_check_lets_a_template_have_files_and_blocks_of_its_own(tmp_path: Path) -> None:
    own = {
        "report.html": extending('{% block mine %}{% include "mine/note.html" %}{% endblock %}'),
        "mine/note.html": "<p>{{ report.title }}</p>",
        "extra.css": "@media screen { h1 { text-wrap: balance; backdrop-filter: none; } }",
    }
    assert check_template(template(tmp_path, own)) == []


# --- what a template cannot do -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe|undefined"),
        ("{{ ''|attr('__class__') }}", "unsafe|undefined"),
        ("{{ [report]|map(attribute='__class__')|join }}", "unsafe|undefined"),
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "unsafe|undefined"),
        ("{{ self._TemplateReference__context }}", "unsafe|undefined"),
        ("{{ '{0.__class__.__init__.__globals__}'.format(range) }}", "unsafe|undefined"),
        ("{{ '{a.__class__}'.format_map({'a': 1}) }}", "unsafe|undefined"),
        ("{% set x = lipsum.__globals__ %}{{ x }}", "unsafe|undefined"),
        ("{{ report.update({'title': 'x'}) }}", "not safely callable|unsafe"),
        ("{% import 'os' as os %}{{ os.system('id') }}", "no such file"),
        ("{{ namespace.__init__ }}", "unsafe|undefined"),
        ("{% include '../secret.txt' %}", "no such file"),
        ("{% include 'link.txt' %}", "no such file"),
        ("{% include 'linked/secret.txt' %}", "no such file"),
        ("{% include '/etc/passwd' %}", "no such file"),
        ("{{ 'link.png' | asset }}", "no such asset"),
        ("{{ '../secret.png' | asset }}", "no such asset"),
        ("{{ '/etc/hostname' | asset }}", "no such asset"),
        ("{{ 'template.toml' | asset }}", "a report shows only"),
        ("{{ '../secret.png' | url }}", "no such picture"),
        ("{{ 'a' * 10 ** 9 }}", "a text or list of more than"),
        ("{{ [1] * 10 ** 9 }}", "a text or list of more than"),
        ("{{ 9 ** (10 ** 9) }}", "a number of more than"),
        ("{% for i in range(10 ** 9) %}{% endfor %}", "range"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "leads back to itself"),
        ("{% include 'loop.html' %}", "leads back to itself"),
        ("{% for i in [1] %}" * 30 + "{% endfor %}" * 30, "cannot be compiled|nested"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "leads back|compiled|nested|recursion"),
    ],
)
def test_the_sandbox_ends_in_one_line(plain: Made, tmp_path: Path, inside: str, says: str) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    (tmp_path / "secret.png").write_text("SECRET")
    files = {"report.html": extending(inside), "template.toml": "", "loop.html": "{% include 'loop.html' %}"}
    mine = template(tmp_path, files)
    (mine / "link.txt").symlink_to(tmp_path / "secret.txt")
    (mine / "link.png").symlink_to(tmp_path / "secret.png")
    (mine / "linked").symlink_to(tmp_path)
    with pytest.raises(ReportgenError, match=says) as caught:
        page_of(plain, mine)
    assert "\n" not in str(caught.value) and "SECRET" not in str(caught.value)


def test_what_the_sandbox_stops_leaves_no_file(plain: Made, tmp_path: Path) -> None:
    mine = template(tmp_path, {"report.html": extending("{{ cycler.__init__.__globals__ }}")})
    with pytest.raises(ReportgenError, match=r"template report\.html, line 2: .*unsafe"):
        html_of(plain, tmp_path / "out", mine, TIGHT)
    assert list((tmp_path / "out").iterdir()) == []


DOUBLING = "{% set n = namespace(t='0123456789') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}"
NESTED = (
    "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}"
)


def workers_time() -> float:
    """Seconds of the processor that processes of this one's own have taken; the clock says what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    ("inside", "limits", "says"),
    [
        (NESTED, Limits(2, 512 * MIB, 8 * MIB), "stopped after 2 s"),
        (DOUBLING, TIGHT, "stopped at 512 MiB of memory"),
        ("{{ 'x' | center(10 ** 10) }}", TIGHT, "stopped at 512 MiB of memory"),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}0123456789{% endfor %}{% endfor %}",
            TIGHT,
            "8 MiB of output",
        ),
    ],
)
def test_a_template_without_end_is_stopped(plain: Made, tmp_path: Path, inside: str, limits: Limits, says: str) -> None:
    start = workers_time()
    with pytest.raises(ReportgenError, match=says) as caught:
        html_of(plain, tmp_path / "out", template(tmp_path, {"report.html": extending(inside)}), limits)
    assert "\n" not in str(caught.value)
    assert workers_time() - start < limits.seconds + 10
    assert list((tmp_path / "out").iterdir()) == []


def test_a_layout_without_end_is_stopped(plain: Made, tmp_path: Path) -> None:
    css = "main { columns: 9; } p, td, li { padding-top: 3000mm; break-before: page; } p::before { content: 'x'; }"
    report, run = plain
    endless = report.model_copy(update={"document": Document(css=css * 3)})
    render(report, run, tmp_path / "warm", formats=("pdf",))
    start = workers_time()
    with pytest.raises(ReportgenError, match=r"stopped after 2 s|stopped at"):
        render(endless, run, tmp_path / "out", formats=("pdf",), limits=Limits(2, 1024 * MIB, 64 * MIB))
    assert workers_time() - start < 12
    assert list((tmp_path / "out").iterdir()) == []


def test_without_limits_of_the_system_the_clock_remains(
    plain: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows: no `resource` in the worker."""
    broken = tmp_path / "path"
    broken.mkdir()
    (broken / "resource.py").write_text("raise ImportError('no resource here')")
    monkeypatch.syspath_prepend(str(broken))
    monkeypatch.setattr(process, "WALL", 1)
    mine = template(tmp_path, {"report.html": extending(NESTED)})
    start = time.monotonic()
    with pytest.raises(ReportgenError, match="stopped after 2 s"):
        html_of(plain, tmp_path / "out", mine, Limits(2, 512 * MIB, 8 * MIB))
    assert time.monotonic() - start < 10


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and what was asked for there."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()


SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" width="9" height="9">{}</svg>'
LAUGHS = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))


HEAD = '<html lang="en"><title>x</title><style>{% include "extra.css" %}</style><body><h1>x</h1><li>x</li>'


@pytest.mark.parametrize(
    "files",
    [
        {"report.html": HEAD + '<img alt="x" src="{SERVER}/img">'},
        {"report.html": HEAD + '<img alt="x" src="file:///etc/passwd">'},
        {"report.html": HEAD + '<img alt="x" src="//{HOST}/relative">'},
        {"report.html": HEAD + '<img alt="x" src="/etc/passwd">'},
        {"report.html": f'<base href="file:///etc/">{HEAD}<img alt="x" src="passwd">'},
        {"report.html": HEAD + '<object data="{SERVER}/object"></object>'},
        {"report.html": HEAD + '<embed src="{SERVER}/embed">'},
        {"report.html": HEAD + '<link rel="stylesheet" href="{SERVER}/link.css">'},
        {"report.html": HEAD + '<link rel="attachment" href="file:///etc/passwd">'},
        {"report.html": HEAD + '<a rel="attachment" href="file:///etc/passwd">x</a>'},
        {"report.html": HEAD + '<img alt="x" src="data:image/png;base64,AAAA">'},
        {"report.html": HEAD + '<img alt="x" src="template:../secret.png">'},
        {"report.html": HEAD + '<img alt="x" src="run:../secret.png">'},
        {"extra.css": '@import url("{SERVER}/import.css");'},
        {"extra.css": '@import "{SERVER}/import.css";'},
        {"extra.css": "body { background: url({SERVER}/background.png); }"},
        {"extra.css": "h1::before { content: url(../../../../etc/passwd); }"},
        {"extra.css": 'h1::before { content: url("file:///etc/passwd"); }'},
        {"extra.css": '@font-face { font-family: F; src: url("{SERVER}/font.woff2"); } h1 { font-family: F; }'},
        {"extra.css": "li { list-style-image: url({SERVER}/bullet.png); display: list-item; }"},
        {
            "report.html": HEAD + '<img alt="x" src="template:l.svg">',
            "l.svg": SVG.format('<image xlink:href="{SERVER}/svg.png" width="9" height="9"/>'),
        },
        {
            "report.html": HEAD + '<img alt="x" src="template:l.svg">',
            "l.svg": SVG.format('<use href="file:///etc/passwd#a"/>'),
        },
        {
            "report.html": HEAD + '<img alt="x" src="template:l.svg">',
            "l.svg": SVG.format('<style>@import url("{SERVER}/in-svg.css");</style><rect width="9" height="9"/>'),
        },
        {"report.html": HEAD + SVG.format('<image href="{SERVER}/inline.png" width="9" height="9"/>')},
    ],
)
def test_a_pdf_asks_for_nothing_but_the_run_and_the_template(
    plain: Made, server: tuple[str, list[str]], tmp_path: Path, files: dict[str, str]
) -> None:
    """In this process, so that the fetcher alone stands between the template and the address."""
    (tmp_path / "secret.png").write_bytes(b"SECRET")
    files = {"report.html": HEAD, **files}
    files = {name: text.replace("{SERVER}", server[0]).replace("{HOST}", server[0][7:]) for name, text in files.items()}
    chosen = find_template(template(tmp_path, files))
    target = tmp_path / "report.pdf"
    try:
        write_pdf(page_context(plain[0], "pdf"), sources(*plain, chosen.folders), target)
    except ReportgenError as error:
        assert re.search("refused|shows only|no such", str(error)), error
        assert not target.exists()
    else:
        assert "root:" not in "".join(pages_of(target))
        attached = {entry.name for entry in pypdf.PdfReader(target).attachment_list}
        assert attached <= set(named_pictures(plain[0]))
    assert server[1] == []


def test_a_users_pdf_is_made_behind_the_same_fetcher(
    plain: Made, server: tuple[str, list[str]], tmp_path: Path
) -> None:
    mine = template(tmp_path, {"extra.css": f'@import url("{server[0]}/import.css");'})
    page = f'{{% extends "base/report.html" %}}{{% block styles %}}@import "{server[0]}/x.css";{{% endblock %}}'
    (mine / "report.html").write_text(page)
    report, run = plain
    with pytest.raises(ReportgenError, match="refused"):
        render(report, run, tmp_path / "out", mine, ("pdf",), limits=limits_for(1))
    assert server[1] == [] and list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["bomb.svg", "wide.png"])
def test_a_picture_that_unfolds_without_end_does_no_harm(plain: Made, tmp_path: Path, name: str) -> None:
    mine = template(tmp_path, {"report.html": extending(f'<img alt="x" src="{{{{ \'{name}\' | asset }}}}">')})
    (mine / "bomb.svg").write_text(f"<!DOCTYPE svg [<!ENTITY a0 'ha'>{LAUGHS}]>" + SVG.format("<text>&a11;</text>"))
    (mine / "wide.png").write_bytes(_wide_png(60_000))
    report, run = plain
    small = report.model_copy(update={"document": Document(sections=["settings"])})
    start = time.monotonic()
    try:
        render(small, run, tmp_path / "out", mine, ("pdf",), limits=Limits(20, 1024 * MIB, 64 * MIB))
    except ReportgenError as error:
        assert re.search("stopped|cannot|damaged", str(error))
    assert time.monotonic() - start < 25


def _wide_png(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")


def test_a_page_without_its_policy_is_not_written(plain: Made, tmp_path: Path) -> None:
    closed = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'">"""
    opened = closed.replace("'none'", "*")
    begin, picture = "<!DOCTYPE html><html><head>", "<img src=http://x/>"
    for number, page in enumerate(
        (
            "<p>{{ report.title }}</p>",
            "<meta http-equiv='refresh'><script src='http://x/'></script>",
            # A browser puts these into the body, a title, a comment; or reads the first of two attributes.
            f"{begin}x{closed}{picture}",
            f"{begin}</br>{closed}{picture}",
            f"{begin}<title>{closed}</title>{picture}",
            f"{begin}<!-->{picture}<!-- -->{closed}",
            f"{begin}<?x {picture} ?>{closed}",
            begin + closed.replace("content=", 'content="default-src *" content=') + picture,
            f'{begin}{closed}<meta http-equiv="refresh" content="0;url=http://x/">',
            f"{begin}{opened}{picture}",
        )
    ):
        mine = template(tmp_path / str(number), {"report.html": page})
        with pytest.raises(ReportgenError, match="Content-Security-Policy"):
            html_of(plain, tmp_path / "out", mine, TIGHT)


def test_the_worker_can_neither_connect_nor_start_programs(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    """The last line, should sandbox and fetcher fail: asked in a process like the worker's."""
    code = (
        "import sys, socket, subprocess, os\n"
        "from reportgen.rendering.sandbox.worker import refuse_event\n"
        "sys.addaudithook(refuse_event)\n"
        "for act in (lambda: socket.create_connection(('127.0.0.1', int(sys.argv[1]))),\n"
        "            lambda: subprocess.run(['true']), lambda: os.system('true')):\n"
        "    try: act()\n"
        "    except Exception as error: print(error)\n"
    )
    port = server[0].rpartition(":")[2]
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code, port], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.count("is refused") == 3
    assert server[1] == []


def test_secrets_of_the_environment_do_not_reach_the_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from reportgen.rendering.sandbox.process import worker_environment

    monkeypatch.setenv("REPORTGEN_TOKEN", "secret")
    assert "secret" not in worker_environment(str(tmp_path)).values()
    assert os.environ["REPORTGEN_TOKEN"] == "secret"


# --- docs/templates.md ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guide() -> str:
    return (Path(__file__).parent.parent / "docs/templates.md").read_text("utf-8")


def test_the_guide_names_all_that_is_public(guide: str, made: Made) -> None:
    base = shipped_templates() / "writeup"
    blocks = set(re.findall(r"{%-? *block (\w+)", (base / "report.html").read_text("utf-8")))
    files = {path.relative_to(base).as_posix() for path in base.rglob("*") if path.suffix in (".html", ".css")}
    properties = set(re.findall(r"^ +(--[\w-]+):", (base / "style.css").read_text("utf-8"), re.MULTILINE))
    public = blocks | files | set(FILTERS) | set(page_context(made[0], "html")) | properties - {"--label"}
    assert sorted(name for name in public if f"`{name}`" not in guide) == []


def test_the_six_lines_of_the_guide_restyle_the_report_and_add_a_section(
    guide: str, plain: Made, tmp_path: Path
) -> None:
    """The commands as they stand there, but for the two that start reportgen."""
    example = guide.partition("six lines\n\n")[2].partition("\n\n`reportgen templates new")[0]
    commands = [line[4:] for line in example.splitlines()]
    assert commands[-2:] == [
        "reportgen templates check mine",
        "reportgen render report --template mine -o styled",
    ]
    subprocess.run(["bash", "-euc", "\n".join(commands[:-2])], cwd=tmp_path, check=True)
    assert sum(len(path.read_text().splitlines()) for path in (tmp_path / "mine").iterdir()) <= 6
    assert check_template(tmp_path / "mine") == []
    report, run = plain
    render(report.model_copy(update={"title": DEFAULT_TITLE}), run, tmp_path, tmp_path / "mine", ("html",))
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "<h1>Our model, explained</h1>" in text
    assert "What we conclude</h2>" in text and " images are predicted as labelled." in text
    assert "--own-accent: #7a1f5c" in text and ":root { --font-text: var(--font-ui); }" in text


def test_a_parent_that_cannot_be_parsed_is_named(tmp_path: Path) -> None:
    mine = template(tmp_path, {"report.html": '{% extends "layout.j2" %}', "layout.j2": "one\n{% block x %}"})
    assert any(line.startswith("layout.j2, line 2: ") for line in check_template(mine))


def test_the_title_of_brief_is_cut_as_text_not_as_markup(plain: Made, tmp_path: Path) -> None:
    report = plain[0].model_copy(update={"title": "x" * 85 + " & a long title & more"})
    page = html_of((report, plain[1]), tmp_path / "out", "brief")
    assert re.search(r"<h1>x{85} &amp; \S", page)


def test_settings_stand_as_they_would_be_written(plain: Made, tmp_path: Path) -> None:
    settings = {"seed": 20240101, "dissection": {"lam": 1e-7}}
    report = plain[0].model_copy(update={"settings": settings})
    page = html_of((report, plain[1]), tmp_path / "out", "writeup")
    assert "<td>20240101</td>" in page
    assert "<td>1e-07</td>" in page
