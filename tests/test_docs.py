"""What the documents say of the repository holds: the files that they name exist, and so do the places that they link to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportgen.analyses.attribution.settings import AttributionSettings
from reportgen.analyses.cams.alike import MOST_PAIRED_OF_MANY
from reportgen.analyses.comparison.pairing import MOST_RANKED
from reportgen.analyses.sanity.settings import SanitySettings
from reportgen.analysis.masks import MOST_PAIRED
from reportgen.analysis.stats import EXACT_FLIPS_UP_TO, FLIPS_DRAWN_UP_TO
from reportgen.settings.model import EvidenceSettings
from toys import ROOT

DOCUMENTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")] + sorted(
    ROOT.glob("docs/*.md")
)
# `pipeline/plan.py` lies below reportgen/, `lime/surrogate.py` below analyses/.
BASES = (ROOT, ROOT / "reportgen", ROOT / "analyses")
SOURCES = (".py", ".md")
# Ways to say what is not in the repository: the user's own (`<image>`), many at once (`*.csv`), and so on (`…`).
PLAIN_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+/?")
ids = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def prose(document: Path) -> str:
    """Its text without fenced examples."""
    return re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def named_paths(text: str) -> set[str]:
    """Paths in backticks that look like files or folders of the repository: a known ending, or a known first folder."""
    words = {word for quoted in re.findall(r"`([^`\n]+)`", text) for word in quoted.split()}
    paths = {word for word in words if PLAIN_PATH.fullmatch(word)}
    return {
        path for path in paths if path.endswith(SOURCES) or any((base / path.split("/")[0]).is_dir() for base in BASES)
    }


def links(text: str) -> Iterator[tuple[str, str]]:
    """(path, anchor) of each relative link and picture; either may be empty."""
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        path, _, anchor = "".join(target).partition("#")
        if "://" not in path and not path.startswith("mailto:"):
            yield path, anchor


def anchors(document: Path) -> set[str]:
    """What GitHub makes of its headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_files_that_a_document_names_exist(document: Path) -> None:
    missing = {path for path in named_paths(prose(document)) if not any((base / path).exists() for base in BASES)}
    assert missing == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_relative_links_lead_somewhere(document: Path) -> None:
    broken = []
    for path, anchor in links(prose(document)):
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("`tests/gone.py` and `python docs/gallery.py RUN`", {"tests/gone.py", "docs/gallery.py"}),
        (
            "`nowhere/gone.py`, `rendering/gone/`, `cams/gone.toml`",
            {"nowhere/gone.py", "rendering/gone/", "cams/gone.toml"},
        ),
        ("`maps/<image>/lime.npy`, `figures/*`, `models/…`, `image/png`, `render/`, tests/gone.py", set()),
    ],
)
def test_what_counts_as_a_file_of_the_repository(text: str, paths: set[str]) -> None:
    assert named_paths(text) == paths


def test_definitions_are_cited_from_the_repository() -> None:
    """From docs/methods.md: no file cites plans that readers do not have."""
    rooms = ("reportgen", "analyses", "templates", "tests", "docs", "benchmarks", "sample_images")
    kinds = ("*.py", "*.md", "*.toml", "*.html", "*.css", "*.js")
    files = [
        file for kind in kinds for file in [*ROOT.glob(kind), *(f for room in rooms for f in (ROOT / room).rglob(kind))]
    ]
    cites = re.compile(r"\b(METHODS|DESIGN)\.md\b")
    assert [str(file.relative_to(ROOT)) for file in files if cites.search(file.read_text("utf-8"))] == []


def test_the_samples_of_large_runs_are_those_in_force() -> None:
    text = (ROOT / "docs" / "many-images.md").read_text("utf-8").split("## Samples")[1].split("## Measured")[0]
    stated = [int(number) for number in re.findall(r"\| (\d+) \|", text)]
    removed, checked = AttributionSettings().removal_images, SanitySettings().images
    measured = EvidenceSettings().images
    assert stated == [MOST_PAIRED, MOST_PAIRED_OF_MANY, MOST_RANKED, measured, removed, checked]
    assert f"up to {EXACT_FLIPS_UP_TO} images, sampled ones up to {FLIPS_DRAWN_UP_TO}" in text
