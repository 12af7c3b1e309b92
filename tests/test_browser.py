"""The HTML report in a real Chromium: every control by mouse and keyboard, what a screen reader is told, untrusted names.

The system's chromium is driven. Where there is none these tests skip; with REQUIRE_BROWSER=1 (as in CI) they fail.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
import pytest

from fixtures import HOSTILE_NAMES, PLAIN_NAMES, make_report
from reportgen.rendering.filters import visible
from reportgen.rendering.render import render
from reportgen.rendering.words import english
from reportgen.report.document import Document, Report, Summary
from reportgen.storage.run_folder import RunFolder
from test_words import as_toml, marked, unmarked

REQUIRED = os.environ.get("REQUIRE_BROWSER") == "1"  # read before conftest tidies the environment
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
NAMES = (*PLAIN_NAMES[:6], *HOSTILE_NAMES)
HOSTILE_CLASS = "<img src=x onerror=alert(2)> {{7*7}} \u202eback"
WIDE, NARROW = (1400, 900), (420, 850)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A running Chromium."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return _without("Playwright is not installed: pip install -e '.[test]'")
    if path is None:
        return _without("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


def _without(reason: str) -> None:
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """Six plain images, the third of them wrong, and eight with untrusted names, the last with such a class.

    What is read aloud names the image, as in a real report.
    """
    report, run = make_report(tmp_path_factory.mktemp("browser"), len(NAMES), names=NAMES)
    *others, last = [
        image.model_copy(update={"picture": image.picture.model_copy(update={"alt": f"What was seen of {image.name}"})})
        for image in report.images
    ]
    prediction = last.prediction.model_copy(update={"name": HOSTILE_CLASS})
    images = [*others, last.model_copy(update={"prediction": prediction})]
    for section in report.sections:
        for block in section.blocks:
            if block.type == "table":
                RunFolder(run).table(block)
    return report.model_copy(update={"images": images}), run


@pytest.fixture(scope="module")
def html(made: tuple[Report, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    [file] = render(*made, tmp_path_factory.mktemp("page"), formats=("html",))
    return file


class Visits:
    """Opens reports, each in a context of its own, and keeps what their pages said and asked for."""

    def __init__(self, browser: Any, html: Path) -> None:
        self.browser, self.html = browser, html
        self.contexts: list[Any] = []
        self.said: list[str] = []
        self.strayed: list[str] = []

    def __call__(self, query: str = "", size: tuple[int, int] = WIDE, file: Path | None = None, **options: Any) -> Any:
        """A page on `file` + `query`; `options` are those of a browser context."""
        width, height = size
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        self.contexts.append(context)
        own = re.compile(re.escape((file or self.html).as_uri()) + r"([?#].*)?|data:.*", re.DOTALL)
        context.route(lambda url: not own.fullmatch(url), lambda route: route.abort())
        context.on("request", lambda request: own.fullmatch(request.url) or self.strayed.append(request.url))
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto((file or self.html).as_uri() + query)
        return page


@pytest.fixture
def visit(browser: Any, html: Path) -> Iterator[Visits]:
    """What no test of this module may see is checked at its end."""
    visits = Visits(browser, html)
    yield visits
    for context in visits.contexts:
        context.close()
    assert visits.said == [], "the console is clean and nothing strange ran"
    assert visits.strayed == [], "no request leaves the page"


def until(page: Any, condition: str) -> None:
    """Wait for a JavaScript expression; Playwright's own `wait_for_function` needs `eval`, which the policy denies."""
    for _ in range(100):
        if page.evaluate(f"() => {condition}"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {condition}")


def texts(locator: Any) -> list[str]:
    return [" ".join(text.split()) for text in locator.all_text_contents()]


def cards(page: Any) -> list[str]:
    """The names on the cards that show, in their order."""
    return texts(page.locator(".card:visible .card-name"))


def tool(page: Any, label: str) -> Any:
    return page.get_by_role("group", name="Filter and sort the images").get_by_label(label, exact=True)


def query(page: Any) -> dict[str, str]:
    return dict(page.evaluate("[...new URLSearchParams(location.search)]"))


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent.trim()")


# --- without scripts ---------------------------------------------------------------------------------------------


def test_the_page_is_whole_without_scripts(visit: Visits, made: tuple[Report, Path]) -> None:
    page = visit(java_script_enabled=False)
    report, _ = made
    assert page.locator(".card").count() == len(NAMES)
    assert page.locator(".table-box").count() == 2
    assert page.get_by_role("heading", name=report.sections[0].title).is_visible()
    for control in ("button", "select", "input", "dialog"):
        assert page.locator(control).count() == 0, f"{control}: a control without a script stands idle"
    page.locator(".contents").get_by_role("link", name="Settings").click()
    assert page.url.endswith("#settings")


# --- the first screen: photographs with their maps ------------------------------------------------------------------

SCREENS = [(1440, 900), (1024, 768), (390, 844)]


def shots(page: Any) -> Any:
    return page.locator(".gallery .shot")


def switch(page: Any) -> Any:
    return page.get_by_role("group", name="Over the photograph").first


def laid(page: Any) -> list[str]:
    """What lies over the photographs of the gallery, read aloud; empty where nothing does."""
    return shots(page).evaluate_all("shots => shots.map(shot => shot.querySelector('.over')?.alt ?? '')")


@pytest.mark.parametrize("size", SCREENS)
@pytest.mark.parametrize("scripts", [True, False])
def test_the_first_screen_has_photographs_with_maps_beside_the_answer(
    visit: Visits, made: tuple[Report, Path], tmp_path: Path, size: tuple[int, int], scripts: bool
) -> None:
    summary = Summary(images="14 images were explained.", findings=["A1"], rest="")
    report = made[0].model_copy(update={"summary": summary})
    [file] = render(report, made[1], tmp_path, formats=("html",))
    page = visit(file=file, size=size, java_script_enabled=scripts)
    assert shots(page).count() == 12, "14 images, as many as a screen takes"
    seen = shots(page).first.bounding_box()
    answer = page.locator(".summary h2").bounding_box()
    assert seen["y"] + seen["height"] < size[1]
    if size[0] > 1000:
        assert answer["y"] < size[1] / 2 and answer["x"] > seen["x"], "beside it"
    else:
        assert answer["y"] > seen["y"], "below it"
    pictures = page.locator(".gallery .lay img" if scripts else ".gallery svg.picture")
    assert pictures.count() == 24, "a photograph and a map each"
    place = page.locator(".gallery-more")
    assert place.inner_text() == "and 2 more images: The images"


def test_no_picture_is_in_the_page_twice_for_the_gallery(html: Path, made: tuple[Report, Path]) -> None:
    text = html.read_text("utf-8")
    carried = re.findall(r'(?:src|href)="(data:image/jpeg[^"]+)"', text)
    of_gallery = re.findall(r'<image id="held:\d+" href="([^"]+)"', text)
    assert len(of_gallery) == len(set(of_gallery)) == 24
    assert all(carried.count(picture) == 1 for picture in of_gallery)
    assert text.count('<use href="#held:') == 12 * 4, "on its card, in two figures, and the first map in one"


def test_one_switch_lays_a_method_over_all_photographs(visit: Visits) -> None:
    page = visit()
    assert switch(page).locator("label").all_inner_texts() == [
        "Original", "Grad-CAM", "AblationCAM", "ScoreCAM", "Strongest superpixels", "Signed weights",
    ]  # fmt: skip
    assert switch(page).get_by_role("radio", name="Grad-CAM", exact=True).is_checked(), "the first map"
    assert laid(page)[:2] == [f"Grad-CAM map of image {i}: the highest value lies left of the centre" for i in (1, 2)]
    switch(page).get_by_role("radio", name="Signed weights").check()
    assert laid(page) == [f"Image {i} with signed superpixel weights" for i in range(1, 13)]
    assert page.locator(".gallery .swatches").is_visible(), "the legend of that method"
    assert query(page) == {"map": "Signed weights"}
    switch(page).get_by_role("radio", name="Original").check()
    assert laid(page) == [""] * 12
    assert not page.locator(".gallery").get_by_role("slider").is_visible(), "nothing lies over the photographs"
    again = visit("?map=-")
    assert switch(again).get_by_role("radio", name="Original").is_checked(), "and through the address"


def test_the_switch_works_by_keyboard(visit: Visits) -> None:
    page = visit()
    switch(page).get_by_role("radio", name="Grad-CAM", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert laid(page)[0].startswith("AblationCAM map of image 1")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.type") == "range"
    page.keyboard.press("ArrowLeft")
    assert page.locator(".gallery .over").first.evaluate("img => getComputedStyle(img).opacity") == "0.95"
    assert query(page) == {"map": "AblationCAM", "blend": "95"}


def test_a_photograph_of_the_gallery_opens_the_viewer_on_its_map(visit: Visits) -> None:
    page = visit()
    switch(page).get_by_role("radio", name="ScoreCAM").check()
    opener = shots(page).nth(1).get_by_role("button")
    opener.click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading").inner_text() == "n01491361_tiger_shark.JPEG"
    assert dialog.get_by_role("radio", name="ScoreCAM").is_checked()
    page.keyboard.press("Escape")
    assert opener.evaluate("button => button === document.activeElement")


def test_an_image_without_the_method_says_so(visit: Visits, made: tuple[Report, Path], tmp_path: Path) -> None:
    report, run = made
    first, *others = report.sections
    blocks = [block for block in first.blocks if getattr(block, "image", None) != NAMES[0]]
    [file] = render(
        report.model_copy(update={"sections": [first.model_copy(update={"blocks": blocks}), *others]}),
        run,
        tmp_path,
        formats=("html",),
    )
    page = visit(file=file)
    switch(page).get_by_role("radio", name="ScoreCAM").check()
    assert texts(page.locator(".shot-none")) == ["No map"] and laid(page)[0] == ""
    assert all(laid(page)[1:])


@pytest.mark.parametrize("count", [1, 3])
def test_few_photographs_stand_beside_their_maps(visit: Visits, tmp_path: Path, count: int) -> None:
    report, run = make_report(tmp_path, count)
    [file] = render(report, run, tmp_path / "out", formats=("html",))
    page = visit(file=file, size=(1440, 900))
    photograph, map_ = (shots(page).first.locator(part).bounding_box() for part in ("button > img", ".lay"))
    assert map_["x"] > photograph["x"] + photograph["width"] - 1 and map_["y"] == photograph["y"]
    assert not switch(page).get_by_role("radio", name="Original").count(), "it stands there anyway"
    assert violations(page) == []
    last = shots(page).last.bounding_box()
    assert last["y"] + last["height"] < 900


def test_without_maps_the_gallery_has_photographs_and_no_switch(visit: Visits, tmp_path: Path) -> None:
    report, run = make_report(tmp_path, 4)
    [file] = render(report.model_copy(update={"sections": []}), run, tmp_path / "out", formats=("html",))
    page = visit(file=file)
    assert shots(page).locator("img").count() == 4 and page.locator(".gallery .methods").count() == 0
    shots(page).nth(2).get_by_role("button").click()
    assert page.get_by_role("dialog").get_by_role("heading").inner_text() == report.images[2].name


# --- the images: filter and sort -----------------------------------------------------------------------------------


def test_filter_by_mark(visit: Visits) -> None:
    page = visit()
    tool(page, "Show").select_option(label="Wrong")
    assert cards(page) == ["n01608432_kite.JPEG"]
    assert page.get_by_role("status").first.inner_text() == "1 of 14 images shown"
    tool(page, "Show").select_option(label="Right")
    assert len(cards(page)) == 5
    tool(page, "Show").select_option(label="No label")
    assert len(cards(page)) == 8
    page.get_by_role("button", name="Reset").click()
    assert len(cards(page)) == 14 and query(page) == {}


def test_filter_by_class_finds_predicted_and_true_class(visit: Visits) -> None:
    page = visit()
    tool(page, "Class").select_option(label="kite")
    assert cards(page) == ["n01608432_kite.JPEG"], "labelled kite, predicted otherwise"
    tool(page, "Class").select_option(label="vulture")
    assert cards(page) == ["n01616318_vulture.JPEG"]


def test_find_reads_names_and_classes(visit: Visits) -> None:
    page = visit()
    tool(page, "Find").fill("TIGER shark")
    assert cards(page) == ["n01491361_tiger_shark.JPEG"]
    tool(page, "Find").fill("nowhere to be found")
    assert cards(page) == []
    assert page.get_by_role("status").first.inner_text() == "0 of 14 images shown"


def test_low_iou_begins_with_the_lowest_quarter_and_takes_any_limit(visit: Visits) -> None:
    page = visit()
    tool(page, "Low in").select_option(label="IoU")
    # 13 images have an IoU, 0.6352 - 0.03 i: the fourth from below is 0.3352.
    assert tool(page, "At most").input_value() == "0.336"
    assert len(cards(page)) == 4
    assert texts(page.locator(".card:visible .card-measures"))[0] == "IoU 0.335"
    tool(page, "At most").fill("0.26")
    assert len(cards(page)) == 1
    assert query(page) == {"low": "iou.iou", "most": "0.26"}
    assert tool(page, "Low in").locator("optgroup").get_attribute("label") == "Do both methods point at the same place?"


def test_sort_by_name_class_probability_and_measure(visit: Visits) -> None:
    page = visit()
    before = cards(page)
    tool(page, "Sort by").select_option(label="Probability")
    shares = [
        float(text) for text in page.locator(".card").evaluate_all("cards => cards.map(c => c.dataset.probability)")
    ]
    assert shares == sorted(shares) and len(shares) == 14
    page.get_by_role("button", name="Ascending").click()
    assert page.locator(".card").evaluate_all("cards => cards.map(c => Number(c.dataset.probability))") == shares[::-1]
    tool(page, "Sort by").select_option(label="IoU")
    assert cards(page)[0] == "n01443537_goldfish.JPEG" and cards(page)[-1] == "n01491361_tiger_shark.JPEG", (
        "no IoU: last"
    )
    page.get_by_role("button", name="Descending").click()
    assert cards(page)[-2:] == ["n01443537_goldfish.JPEG", "n01491361_tiger_shark.JPEG"], "no IoU: last, either way"
    tool(page, "Sort by").select_option(label="Class")
    assert cards(page)[-1] == "n01616318_vulture.JPEG"
    tool(page, "Sort by").select_option(label="Report order")
    assert cards(page) == before


def test_tools_work_by_keyboard_alone(visit: Visits) -> None:
    page = visit()
    tool(page, "Show").focus()
    page.keyboard.press("w")
    assert cards(page) == ["n01608432_kite.JPEG"]
    for _ in ("Class", "Low in", "Find", "Sort by", "Reset"):
        page.keyboard.press("Tab")
    assert focused(page) == "Reset"
    page.keyboard.press("Enter")
    assert len(cards(page)) == 14


def test_a_link_to_a_hidden_image_shows_it(visit: Visits) -> None:
    page = visit("?show=wrong")
    assert cards(page) == ["n01608432_kite.JPEG"]
    page.locator(".warnings a, .table a").last.click()
    page.locator(".card:target").wait_for(state="visible")
    assert len(cards(page)) == 14


# --- the viewer ------------------------------------------------------------------------------------------------------


def methods(page: Any) -> list[str]:
    return page.get_by_role("dialog").locator(".methods label").all_inner_texts()


def test_a_card_opens_the_viewer_and_focus_comes_back(visit: Visits) -> None:
    page = visit()
    opener = page.locator(".card button").nth(1)
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading").inner_text() == "n01491361_tiger_shark.JPEG"
    assert methods(page) == [
        "Original", "Grad-CAM", "AblationCAM", "ScoreCAM", "Strongest superpixels", "Signed weights",
    ]  # fmt: skip
    assert dialog.get_by_role("radio", name="Original").is_checked()
    assert not dialog.get_by_role("slider").is_visible(), "nothing lies over the photograph"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert opener.evaluate("button => button === document.activeElement")


def test_a_method_lies_over_the_photograph_of_the_same_image(visit: Visits) -> None:
    page = visit()
    page.locator(".card button").nth(1).click()
    dialog = page.get_by_role("dialog")
    photograph = page.locator(".card img").nth(1).get_attribute("src")
    seen = set()
    for method in ("Grad-CAM", "AblationCAM", "ScoreCAM", "Signed weights"):
        dialog.get_by_role("radio", name=method).check()
        under, over = dialog.locator(".stage img").all()
        assert under.get_attribute("src") == photograph
        assert under.bounding_box() == over.bounding_box()
        figure = page.locator("figure").filter(has_text="tiger_shark").filter(has=page.get_by_text(method, exact=True))
        panel = figure.locator(".panel").filter(has=page.get_by_text(method, exact=True)).locator("img")
        assert over.get_attribute("src") == panel.get_attribute("src")
        assert panel.get_attribute("alt") in dialog.inner_text()
        seen.add(over.get_attribute("src"))
    assert len(seen) == 4


def test_opacity_blends_by_slider_and_keyboard(visit: Visits) -> None:
    page = visit()
    page.locator(".card button").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="ScoreCAM").check()
    slider = dialog.get_by_role("slider", name="Opacity")
    slider.fill("40")
    assert dialog.locator(".stage .over").evaluate("img => getComputedStyle(img).opacity") == "0.4"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert dialog.locator(".stage .over").evaluate("img => getComputedStyle(img).opacity") == "0.45"
    assert dialog.get_by_role("heading").inner_text() == "n01443537_goldfish.JPEG", "the arrow moved the slider alone"
    assert query(page) == {"view": "image-image-000", "layer": "ScoreCAM", "opacity": "45"}


def test_arrows_and_buttons_turn_through_the_images_that_show(visit: Visits) -> None:
    page = visit("?show=right&sort=name&dir=desc")
    names = cards(page)
    page.locator(".card:visible button").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="Grad-CAM", exact=True).check()
    dialog.get_by_role("button", name="Next").click()
    assert dialog.get_by_role("heading").inner_text() == names[1]
    assert dialog.get_by_role("radio", name="Grad-CAM", exact=True).is_checked(), "the method stays"
    for name in names[2:]:
        page.keyboard.press("ArrowRight")
        assert dialog.get_by_role("heading").inner_text() == name
    assert dialog.get_by_role("button", name="Next").is_disabled()
    assert page.evaluate("document.activeElement.closest('dialog') !== null"), "focus stays inside"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert dialog.get_by_role("heading").inner_text() == names[-2]
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


def test_focus_stays_in_the_viewer(visit: Visits) -> None:
    page = visit()
    page.locator(".card button").first.click()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")


def test_any_picture_enlarges(visit: Visits) -> None:
    page = visit()
    page.locator(".chart button").click()
    dialog = page.get_by_role("dialog")
    assert dialog.locator(".stage img").get_attribute("src") == page.locator(".chart img").get_attribute("src")
    assert not dialog.locator(".methods").is_visible()
    page.mouse.click(5, 5)
    assert not dialog.is_visible(), "a click beside it closes it"
    page.locator(".panel button").nth(2).click()
    assert dialog.get_by_role("radio", name="AblationCAM").is_checked(), "a panel opens on itself"
    dialog.get_by_role("link").last.click()
    assert not dialog.is_visible() and "#figure-" in page.url


# --- tables ------------------------------------------------------------------------------------------------------------


def column(page: Any, box: str, index: int) -> list[str]:
    return texts(page.locator(f"{box} tbody:not(.summary) tr > :nth-child({index})"))


def test_a_table_sorts_by_its_values_and_says_so(visit: Visits) -> None:
    page = visit()
    before = column(page, "#table-iou", 1)
    head = page.locator("#table-iou").get_by_role("columnheader", name="IoU")
    button = head.get_by_role("button")
    assert head.get_attribute("aria-sort") is None
    button.focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    values = column(page, "#table-iou", 2)
    assert values[-1].startswith("–"), "no value: last"
    assert values[:-1] == sorted(values[:-1]) and len(values) == 14
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, "#table-iou", 2)[:-1] == values[:-1][::-1]
    assert page.locator("#table-iou tbody").last.inner_text().startswith("Mean"), "the summary stays below"
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") is None and column(page, "#table-iou", 1) == before
    assert page.locator("[aria-sort]").count() == 0


def test_a_table_sorts_by_number_not_by_what_is_shown(visit: Visits) -> None:
    page = visit()
    page.locator("#table-cams-measures").get_by_role("button", name="Forward passes").click()
    shown = column(page, "#table-cams-measures", 5)
    assert shown == ["0"] * 14 + ["1"] * 14 + ["12 681"] * 14
    page.locator("#table-cams-measures").get_by_role("button", name="Shift").click()
    assert column(page, "#table-cams-measures", 6)[:15] == ["−6.5"] * 14 + ["−3.2"]


def test_copied_csv_is_the_file_of_the_run_folder(visit: Visits, made: tuple[Report, Path]) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    for table, name in (("iou", "Table 2"), ("cams-measures", "Table 1")):
        page.get_by_role("button", name=f"Copy as CSV: {name}").click()
        page.get_by_text(f"{name} copied").wait_for()
        assert (
            page.evaluate("navigator.clipboard.readText()") == (made[1] / f"tables/{table}.csv").read_bytes().decode()
        )


def test_copied_csv_keeps_the_order_on_the_screen(visit: Visits) -> None:
    page = visit("?table-iou=chance.descending", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as CSV: Table 2").click()
    page.get_by_text("Table 2 copied, 14 rows").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0] == "image,iou,chance" and lines[-1] == "n01443537_goldfish.JPEG,0.6352194,0.2"


def test_copying_works_where_the_clipboard_is_closed(visit: Visits) -> None:
    page = visit()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('closed')); }")
    page.evaluate("() => document.addEventListener('copy', () => { window.taken = document.activeElement.value; })")
    page.get_by_role("button", name="Copy as CSV: Table 2").click()
    page.get_by_text("Table 2 copied").wait_for()
    assert page.evaluate("window.taken").startswith("image,iou,chance\n")
    assert focused(page).startswith("Copy as CSV")


# --- theme, contents, address, print -----------------------------------------------------------------------------------


def paper(page: Any) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("system", ["light", "dark"])
def test_theme_follows_the_system_until_the_button_says_otherwise(visit: Visits, system: str) -> None:
    page = visit(color_scheme=system)
    papers = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 23, 28)"}
    other = "dark" if system == "light" else "light"
    assert paper(page) == papers[system] and query(page) == {}
    page.get_by_role("button", name=f"{other.capitalize()} theme").click()
    assert paper(page) == papers[other] and query(page) == {"theme": other}
    page.reload()
    assert paper(page) == papers[other]
    page.get_by_role("button", name=f"{system.capitalize()} theme").click()
    assert paper(page) == papers[system] and query(page) == {}


def test_charts_keep_light_paper_in_the_dark(visit: Visits) -> None:
    page = visit("?theme=dark")
    assert page.locator(".chart img").evaluate("img => getComputedStyle(img).backgroundColor") == "rgb(255, 255, 255)"


def test_contents_stay_and_say_where_the_reader_is(visit: Visits) -> None:
    page = visit()
    here = page.locator(".contents [aria-current=location]")
    page.locator("#table-iou").scroll_into_view_if_needed()
    until(page, "document.querySelector('.contents [aria-current]')?.hash === '#agreement-approach'")
    assert here.count() == 1 and here.is_visible(), "the contents are still beside the text"
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    until(page, "document.querySelector('.contents [aria-current]')?.hash === '#files'")
    page.evaluate("scrollTo(0, 0)")
    until(page, "document.querySelector('.contents [aria-current]')?.hash === '#gallery'")


def test_contents_open_from_the_bar_where_the_window_is_narrow(visit: Visits) -> None:
    page = visit(size=NARROW)
    button = page.get_by_role("button", name="Contents")
    nav = page.get_by_role("navigation")
    assert not nav.is_visible() and button.get_attribute("aria-expanded") == "false"
    button.click()
    assert nav.is_visible() and button.get_attribute("aria-expanded") == "true"
    assert focused(page) == "Photographs and maps"
    page.keyboard.press("Escape")
    assert not nav.is_visible() and focused(page) == "Contents"
    button.click()
    nav.get_by_role("link", name="Settings").click()
    assert not nav.is_visible() and page.url.endswith("#settings")
    until(page, "Math.abs(document.querySelector('#settings').getBoundingClientRect().top - 100) < 60")  # below the bar
    assert button.is_visible()


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_page_is_never_wider_than_the_window(visit: Visits, size: tuple[int, int]) -> None:
    page = visit("?sort=iou.iou&low=iou.iou&most=1", size=size)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    page.locator(".card:visible button").last.click()
    assert page.locator("dialog").evaluate("box => box.scrollWidth <= box.clientWidth")


def test_a_link_restores_the_view(visit: Visits) -> None:
    page = visit(color_scheme="light")
    page.get_by_role("button", name="Dark theme").click()
    tool(page, "Show").select_option(label="Right")
    tool(page, "Sort by").select_option(label="IoU")
    page.get_by_role("button", name="Ascending").click()
    page.locator("#table-iou").get_by_role("button", name="Chance").click()
    page.locator(".card:visible button").nth(1).click()
    page.get_by_role("dialog").get_by_role("radio", name="ScoreCAM").check()
    page.get_by_role("dialog").get_by_role("slider").fill("60")
    address, names, heading = page.url, cards(page), page.get_by_role("dialog").get_by_role("heading").inner_text()
    again = visit(address[address.index("?") :], color_scheme="light")
    dialog = again.get_by_role("dialog")
    assert dialog.get_by_role("heading").inner_text() == heading
    assert dialog.get_by_role("radio", name="ScoreCAM").is_checked()
    assert dialog.get_by_role("slider").input_value() == "60"
    again.keyboard.press("Escape")
    until(again, "document.activeElement.matches('.card .enlarge')")  # focus has a place to go to
    assert cards(again) == names and len(names) == 5
    assert again.locator("#table-iou [aria-sort=ascending]").inner_text().startswith("Chance")
    assert paper(again) == "rgb(18, 23, 28)"


def test_a_link_with_nonsense_does_nothing(visit: Visits) -> None:
    page = visit(
        "?show=zzz&class=<b>&sort=__proto__&low=constructor&most=x&theme=pink&view=images&layer=<i>&opacity=q&table-iou=x.y#zz"
    )
    assert len(cards(page)) == 14
    assert not page.locator("dialog").is_visible()
    page.locator(".card button").first.click()
    assert page.get_by_role("dialog").get_by_role("radio", name="Original").is_checked()


def test_print_shows_the_report_alone_on_white(visit: Visits) -> None:
    page = visit("?theme=dark&show=wrong")
    page.emulate_media(media="print")
    for control in (".bar", ".tools", ".table-tools", ".contents", ".skip"):
        assert not page.locator(control).first.is_visible(), control
    assert paper(page) == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 37, 48)"
    assert cards(page) == ["n01608432_kite.JPEG"], "paper shows what the screen did"


def test_print_has_every_picture(visit: Visits, made: tuple[Report, Path]) -> None:
    document = pdfium.PdfDocument(visit().pdf(format="A4"))
    photographs = [item for leaf in document for item in leaf.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE])]
    figures = [block for section in made[0].sections for block in section.blocks if block.type == "figure"]
    assert len(photographs) >= len(NAMES) + sum(len(figure.pictures) for figure in figures if figure.kind != "chart")
    document.close()


# --- untrusted names ------------------------------------------------------------------------------------------------


def test_an_untrusted_name_is_text_everywhere(visit: Visits) -> None:
    """Nothing runs either: a dialog box or an error on the console fails every test of this module."""
    page = visit()
    dialog = page.get_by_role("dialog")
    page.locator("#table-iou").get_by_role("button", name="Image").click()
    for name in HOSTILE_NAMES:
        shown = " ".join(visible(name).split())
        tool(page, "Find").fill(shown[-40:])
        assert cards(page) == [shown]
        page.locator(".card:visible button").click()
        assert texts(dialog.get_by_role("heading")) == [shown]
        dialog.get_by_role("radio", name="Original").check()
        assert texts(dialog.locator(".viewer-alt")) == [f"What was seen of {shown}"]
        dialog.get_by_role("radio", name="Grad-CAM", exact=True).check()
        page.keyboard.press("Escape")
        assert shown in column(page, "#table-iou", 1)
    tool(page, "Find").fill("")
    assert cards(page)[-len(HOSTILE_NAMES) :] == [" ".join(visible(name).split()) for name in HOSTILE_NAMES]
    assert page.locator("bdi script, bdi img, dialog script, option > *").count() == 0


def test_no_character_of_a_name_turns_the_text_around(html: Path) -> None:
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", html.read_text("utf-8"))


def test_an_untrusted_class_is_text_in_the_tools(visit: Visits) -> None:
    page = visit()
    tool(page, "Class").select_option(label=visible(HOSTILE_CLASS))
    assert texts(page.locator(".card:visible .card-prediction"))[0].startswith(visible(HOSTILE_CLASS))
    page.reload()
    assert len(cards(page)) == 1, "and through the address"
    page.locator(".card:visible button").click()
    assert visible(HOSTILE_CLASS) in page.get_by_role("dialog").inner_text()


def test_the_policy_runs_our_script_and_no_other(visit: Visits, html: Path) -> None:
    text = html.read_text("utf-8")
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}=';", policy) and "unsafe-eval" not in policy
    page = visit()
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'it ran'";
          document.body.append(script);
        }"""
    )
    assert page.title() == "Explainability report"
    [refusal] = visit.said
    assert "Content Security Policy" in refusal
    visit.said.clear()


def test_a_template_adds_to_the_script_and_the_policy_follows(
    visit: Visits, made: tuple[Report, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "template"
    folder.mkdir()
    (folder / "report.html").write_text(
        '{% extends "base/report.html" %}{% block script %}{{ super() }}\ndocument.title += " (draft)";\n{% endblock %}',
        "utf-8",
    )
    [file] = render(*made, tmp_path, template=folder, formats=("html",))
    page = visit(file=file)
    assert page.title() == "Explainability report (draft)"
    assert page.locator(".tools").is_visible()


def test_an_empty_script_leaves_a_page_without_controls(
    visit: Visits, made: tuple[Report, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "template"
    folder.mkdir()
    (folder / "report.html").write_text('{% extends "base/report.html" %}', "utf-8")
    (folder / "script.js").write_text("", "utf-8")
    [file] = render(*made, tmp_path, template=folder, formats=("html",))
    page = visit(file=file)
    assert page.locator("button").count() == 0 and page.locator(".contents").is_visible()


# --- accessibility, size -------------------------------------------------------------------------------------------------


def violations(page: Any, part: str = "html") -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, part).response["violations"]
    return [f"{item['id']}: {node['html'][:120]}: {node['failureSummary']}" for item in found for node in item["nodes"]]


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation(visit: Visits, size: tuple[int, int], theme: str) -> None:
    page = visit("?low=iou.iou&most=0.4&sort=iou.iou&table-iou=iou.ascending", size=size, color_scheme=theme)
    assert violations(page) == []
    if size == NARROW:
        page.get_by_role("button", name="Contents").click()
        assert violations(page, ".contents") == []
        page.keyboard.press("Escape")
    page.locator(".card:visible button").first.click()
    page.get_by_role("dialog").get_by_role("radio", name="ScoreCAM").check()
    assert violations(page, ".viewer") == []


@pytest.mark.parametrize("language", [None, "de"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_brief_is_clean_too(
    visit: Visits, made: tuple[Report, Path], tmp_path: Path, size: tuple[int, int], language: str | None
) -> None:
    """What shows a part alone has nothing to filter, sort or copy; pictures open as on the whole report."""
    report = made[0].model_copy(update={"document": Document(language=language)})
    [file] = render(report, made[1], tmp_path, "brief", ("html",))
    page = visit(size=size, file=file)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert violations(page) == []
    assert page.locator(".tools, .table-tools, .sort, nav").count() == 0
    page.locator(".card button").first.click()
    dialog = page.get_by_role("dialog")
    heading = dialog.get_by_role("heading")
    assert heading.inner_text() == f"What was seen of {NAMES[0]}" and heading.get_attribute("lang") == "en"
    assert violations(page, ".viewer") == []
    dialog.get_by_role("button", name="Schließen" if language else "Close").click()
    page.get_by_role("button", name="Dunkle Darstellung" if language else "Dark theme").click()
    assert violations(page) == []


@pytest.mark.parametrize("language", [None, "de"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_poster_is_clean_too(
    visit: Visits, made: tuple[Report, Path], tmp_path: Path, size: tuple[int, int], language: str | None
) -> None:
    report = made[0].model_copy(update={"document": Document(language=language)})
    [file] = render(report, made[1], tmp_path, "poster", ("html",))
    page = visit(size=size, file=file)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert violations(page) == []
    page.locator(".matrix button").nth(6).click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("radio", name="Grad-CAM", exact=True).is_checked(), "a map lies over its photograph"
    assert violations(page, ".viewer") == []
    dialog.get_by_role("button", name="Schließen" if language else "Close").click()
    page.get_by_role("button", name="Dunkle Darstellung" if language else "Dark theme").click()
    assert violations(page) == []


# --- another language ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def german(made: tuple[Report, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    report = made[0].model_copy(update={"document": Document(language="de")})
    [file] = render(report, made[1], tmp_path_factory.mktemp("german"), formats=("html",))
    return file


def test_the_controls_speak_the_language_of_the_page(visit: Visits, german: Path) -> None:
    page = visit("?theme=dark", file=german, permissions=["clipboard-read", "clipboard-write"])
    tools = page.get_by_role("group", name="Bilder filtern und sortieren")
    tools.get_by_label("Anzeigen", exact=True).select_option(label="Falsch")
    assert page.get_by_role("status").first.inner_text() == "1 von 14 Bildern angezeigt"
    tools.get_by_label("Niedrig in", exact=True).select_option(label="IoU")
    page.get_by_role("button", name="Zurücksetzen").click()
    page.get_by_role("button", name="Als CSV kopieren: Tabelle 2").click()
    page.get_by_text("Tabelle 2 kopiert, 14 Zeilen").wait_for()
    page.locator(".card button").first.click()
    dialog = page.get_by_role("dialog")
    assert texts(dialog.locator(".methods legend")) == ["Über der Fotografie"]
    assert dialog.locator(".viewer-place").inner_text() == "1 von 14"


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_axe_finds_no_violation_in_german(visit: Visits, german: Path, size: tuple[int, int]) -> None:
    page = visit("?low=iou.iou&most=0.4&sort=iou.iou", size=size, file=german)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert violations(page) == []
    page.locator(".card:visible button").first.click()
    assert violations(page, ".viewer") == []


def test_every_word_of_the_controls_comes_from_the_catalogue(visit: Visits, tmp_path: Path) -> None:
    """As in test_words.py, after the script has made its controls and the viewer is open."""
    report, run = make_report(tmp_path, 3)
    mine = tmp_path / "mine"
    (mine / "words").mkdir(parents=True)
    (mine / "template.toml").write_text('language = "qaa"')
    (mine / "words/qaa.toml").write_text(as_toml(marked(english())), "utf-8")
    [file] = render(report, run, tmp_path / "out", mine, ("html",))
    page = visit("?sort=iou.iou", file=file, permissions=["clipboard-read", "clipboard-write"])
    page.locator(".table-tools button").first.click()
    page.get_by_text("copied").first.wait_for()
    page.locator(".card button").first.click()
    text = page.content()
    assert all(f"⟦{key}: " in text for key in ("copied", "opacity", "toDark", "shown", "previous", "find"))
    assert page.locator("[lang=en].enlarge").count() == page.locator(".enlarge").count() > 0
    # The name of the button around a picture is for the most part the picture's, and an attribute has one language.
    text = re.sub(r'aria-label="⟦enlarge: Enlarge: ([^"]*)⟧"', r'aria-label="\1"', text)
    for image in report.images:
        text = text.replace(f">{image.name}</h2>", "></h2>")
    assert unmarked(text, "qaa") == []


def test_a_thousand_images_stay_usable(visit: Visits, made: tuple[Report, Path], tmp_path: Path) -> None:
    report, run = made
    images = [
        report.images[i % len(NAMES)].model_copy(update={"name": f"many/{i:04d}.jpg", "slug": f"many-{i}"})
        for i in range(1000)
    ]
    many = report.model_copy(update={"images": images, "sections": [], "findings": [], "warnings": []})
    [file] = render(many, run, tmp_path, formats=("html",))
    page = visit(file=file)
    spent = page.evaluate(
        """() => {
          const begun = performance.now();
          const [show, , sort] = document.querySelectorAll(".tools select");
          show.value = "wrong";
          show.dispatchEvent(new Event("change"));
          sort.value = "name";
          sort.dispatchEvent(new Event("change"));
          document.body.getBoundingClientRect();
          return performance.now() - begun;
        }"""
    )
    assert len(cards(page)) == 72
    assert spent < 2000, f"{spent:.0f} ms"
    assert page.locator(".card img").first.get_attribute("decoding") == "async"
    assert page.locator(".card").last.evaluate("card => getComputedStyle(card).contentVisibility") == "auto"
