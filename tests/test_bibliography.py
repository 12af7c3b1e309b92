"""reportgen.bibliography and reportgen.glossary: works and words as data, and what a page makes of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fixtures import make_report
from reportgen.analysis.bibliography import WORKS, cited, of_model
from reportgen.analysis.glossary import TERMS, terms_of
from reportgen.analysis.registry import load_analyses
from reportgen.rendering.filters import citation
from reportgen.rendering.render import render
from reportgen.report.bibtex import bibtex
from reportgen.report.document import FileNote, Reference

OWN = [work for analysis in load_analyses(()) for work in analysis.works]
EVERY = {**WORKS, **{work.key: work for work in OWN}}


def test_a_work_stands_in_one_place() -> None:
    assert len(EVERY) == len(WORKS) + len(OWN)


@pytest.mark.parametrize("work", EVERY.values(), ids=EVERY.keys())
def test_every_work_can_be_found_by_its_reader(work: Reference) -> None:
    family = re.sub("[^a-z]", "", work.authors[0].partition(",")[0].lower())
    assert work.key == f"{family}{work.year}"
    assert all(re.fullmatch(r"[\w-]+, \w\.([ -]\w\.)*", author) for author in work.authors), work.authors
    assert re.fullmatch(r"10\.\d{4,}/\S+", work.doi) or not work.doi
    assert re.fullmatch(r"\d{4}\.\d{4,5}", work.arxiv) or not work.arxiv
    assert work.doi or work.arxiv or work.volume or "HAL hal-" in work.venue


def test_works_are_sorted_and_say_who_cites_them() -> None:
    own = Reference(key="zed2001", kind="article", authors=["Aaron, Z."], title="T", venue="V", year=2001)
    found = cited({"lime": ["ribeiro2016", "zed2001"], "cams": ["wang2020", "ribeiro2016", "ribeiro2016"]}, [own, *OWN])
    assert [work.key for work in found] == ["zed2001", "ribeiro2016", "wang2020"]
    assert found[1].cited_in == ["lime", "cams"]
    with pytest.raises(ValueError, match="section lime cites 'nobody1999'"):
        cited({"lime": ["nobody1999"]})


def test_bibtex_is_well_formed_and_keeps_capitals() -> None:
    text = bibtex(list(EVERY.values())).decode()
    entries = re.findall(r"@(article|inproceedings|incollection)\{(\w+),\n((?:  \w+ = \{.*\},?\n)+)\}\n", text)
    assert [key for _, key, _ in entries] == list(EVERY)
    for kind, key, body in entries:
        fields = dict(re.findall(r"  (\w+) = \{(.*)\}", body))
        assert {"author", "title", "year"} < set(fields)
        assert ("journal" in fields) == (kind == "article")
        assert fields["title"] == f"{{{EVERY[key].title}}}"
        assert body.count("{") == body.count("}")
    assert "pages = {618--626}" in text and "archiveprefix = {arXiv}" in text


def test_a_citation_is_one_line() -> None:
    assert citation(EVERY["otsu1979"].model_dump()) == (
        "Otsu, N. (1979). A Threshold Selection Method from Gray-Level Histograms. IEEE Transactions on Systems, Man, and "
        "Cybernetics 9(1), 62–66. doi:10.1109/TSMC.1979.4310076"
    )
    assert citation(EVERY["tan2019"].model_dump()).startswith("Tan, M. and Le, Q. V. (2019).")


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        ("efficientnet_lite2", ("tan2019", "russakovsky2015")),
        ("resnet18_places365", ("he2016", "zhou2018")),
        ("resnet50", ("he2016", "russakovsky2015")),
        ("checkpoint:mine.pth", ()),
    ],
)
def test_models_name_their_works(model: str, keys: tuple[str, ...]) -> None:
    assert of_model(model) == keys


def test_terms_are_sorted_single_sentences() -> None:
    assert [term.term for term in terms_of(["mask", "IoU", "mask", "seed"])] == ["IoU", "mask", "seed"]
    texts = [*TERMS.values(), *(term.text for analysis in load_analyses() for term in analysis.terms)]
    assert all(text.endswith(".") and len(text) < 140 for text in texts)
    with pytest.raises(KeyError):
        terms_of(["nonsense"])


def test_a_page_prints_words_works_and_files(tmp_path: Path) -> None:
    report, run = make_report(tmp_path, 1)
    report = report.model_copy(
        update={
            "glossary": terms_of(["IoU"]),
            "references": cited({"cams": ["selvaraju2017"], "models": ["tan2019"]}, OWN),
            "files": [FileNote(path="maps/", count=3, text="saliency maps")],
        }
    )
    (page,) = render(report, run, tmp_path / "out", formats=("html",))
    html = page.read_text("utf-8")
    assert TERMS["IoU"] in html and "doi:10.1109/ICCV.2017.74" in html and "saliency maps</span>; 3 files" in html
    assert html.index('id="references"') < html.index("Selvaraju, R. R.") < html.index('id="files"')
