"""The settings group `document`: read before the work, kept in the report, and never as a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from made_runs import analyse_toy
from reportgen.pipeline.cover import CSS_BYTES, read_front_matter
from reportgen.rendering.render import render
from reportgen.report.open import read_report
from reportgen.report.report_json import report_json
from reportgen.settings.load import load
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from test_names import Named


def problem_of(**document: Any) -> str:
    with pytest.raises(UsageError) as caught:
        read_front_matter(Settings(document=document))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_run_keeps_logo_and_rules_so_that_render_needs_neither_file(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "home-of-ann"
    private.mkdir()
    Image.new("RGBA", (3000, 600), (200, 10, 10, 128)).save(private / "logo.png")
    (private / "mine.css").write_text("h1 { color: rgb(9, 8, 7); }\r\n")
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (40, 30), "teal").save(photos / "a.png")
    document = {
        "authors": ("Ada",),
        "logo": str(private / "logo.png"),
        "extra_css": str(private / "mine.css"),
        "accent": "#ABC",
    }
    out = tmp_path / "out"
    report, _ = analyse_toy(photos, out, tmp_path / "store", [Named()], document=document)
    (out / "report.json").write_bytes(report_json(report))
    for file in private.iterdir():
        file.unlink()
    assert "home-of-ann" not in (out / "report.json").read_text("utf-8")
    assert report.settings["document"]["logo"] == "logo.png"
    assert report.settings["document"]["extra_css"] == "mine.css"
    read = read_report(out)
    assert (read.document.authors, read.document.accent) == (["Ada"], "#aabbcc")
    assert read.document.css == "h1 { color: rgb(9, 8, 7); }\n"
    logo = read.document.logo
    assert logo is not None and (logo.width, logo.height) == (1200, 240)
    with Image.open(out / logo.file) as image:
        assert (image.mode, image.size) == ("RGB", (1200, 240))
    render(read, out, tmp_path / "again", formats=("html",))
    text = (tmp_path / "again/report.html").read_text("utf-8")
    assert 'class="logo"' in text and "rgb(9, 8, 7)" in text


def test_wrong_files_are_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_bytes(b"\xff\xfe")
    (tmp_path / "b.css").write_text("/" * (CSS_BYTES + 1))
    (tmp_path / "logo.png").write_text("no image")
    assert "setting document.logo: gone.png: cannot be read" in problem_of(logo="gone.png")
    assert "logo.png: not an image (looks like text)" in problem_of(logo=str(tmp_path / "logo.png"))
    assert "setting document.extra_css: gone.css: no such file" in problem_of(extra_css="gone.css")
    assert "a.css: not UTF-8 text" in problem_of(extra_css=str(tmp_path / "a.css"))
    assert f"at most {CSS_BYTES} are taken" in problem_of(extra_css=str(tmp_path / "b.css"))
    assert "no section is called 'cam'; use agreement, attribution, cams" in problem_of(sections=("cam",))


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("accent", '"red"', "document.accent (given.toml): use a CSS hex colour of three or six digits"),
        ("accent", '"#12345"', "use a CSS hex colour"),
        ("accent", '"#123456; } body { display: none"', "use a CSS hex colour"),
        ("paper", '"B5"', "input should be 'A4', 'Letter', 'A3' or 'A1'"),
        ("author", '["x"]', "unknown setting document.author (given.toml); did you mean authors?"),
    ],
)
def test_a_wrong_value_is_one_line(tmp_path: Path, key: str, value: str, says: str) -> None:
    (tmp_path / "given.toml").write_text(f"[document]\n{key} = {value}\n")
    with pytest.raises(UsageError) as caught:
        load({}, tmp_path / "given.toml", tmp_path, {})
    assert says in str(caught.value)


def test_the_environment_sets_lists_too(tmp_path: Path) -> None:
    loaded = load({}, None, tmp_path, {"REPORTGEN_DOCUMENT__AUTHORS": "Ada, Grace", "REPORTGEN_DOCUMENT__PAPER": "A4"})
    assert loaded.settings.document.authors == ("Ada", "Grace")
    assert loaded.settings.document.paper == "A4"
