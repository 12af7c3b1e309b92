"""What is published works: the sdist builds the wheel, the wheel holds all it needs and runs where there is no checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from toys import ROOT, photo_folder

Inside = Callable[..., "subprocess.CompletedProcess[str]"]
# Folder of the checkout -> its place in a wheel.
PLACES = {"reportgen": "reportgen", "templates": "reportgen/templates", "analyses": "reportgen/analyses"}
# Of the checkout alone: it points at the analyses beside it, which lie at this very place in a wheel.
POINTER = "reportgen/analyses/__init__.py"
IN_SDIST = (
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "constraints.txt",
    "mkdocs.yml",
    "docs/methods.md",
    "tests/toys.py",
)


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(sdist, wheel); the wheel is built from the sdist, as `python -m build` does it, by the backend that is installed."""
    out = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def files(published: tuple[Path, Path]) -> set[str]:
    with zipfile.ZipFile(published[1]) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(published: tuple[Path, Path]) -> Message:
    with zipfile.ZipFile(published[1]) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.fixture(scope="module")
def inside(published: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Inside:
    """Runs Python where the wheel was installed, and nothing of the checkout is in reach: neither by path nor by working folder."""
    home = tmp_path_factory.mktemp("installed")
    place = home / "site"
    done = run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", place, published[1]
    )
    assert done.returncode == 0, done.stderr
    environment = {**os.environ, "PYTHONPATH": str(place), "REPORTGEN_CACHE_DIR": str(home / "cache")}

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run(sys.executable, *arguments, cwd=home, env=environment)

    return call


def sources() -> Iterator[tuple[str, str]]:
    """(path in the checkout, path in a wheel) of each file of the package."""
    for folder, place in PLACES.items():
        for path in sorted((ROOT / folder).rglob("*")):
            name = path.relative_to(ROOT / folder).as_posix()
            if path.is_file() and "__pycache__" not in name and f"{folder}/{name}" != POINTER:
                yield f"{folder}/{name}", f"{place}/{name}"


def test_a_wheel_has_every_file_of_the_package(files: set[str]) -> None:
    """Templates, words, fonts, label tables and py.typed among them; a file that is added is asked for here by itself."""
    kinds = {Path(place).suffix for _, place in sources()}
    assert {".html", ".css", ".js", ".toml", ".woff2", ".ttf", ".gz", ".npy", ".py", ".typed"} <= kinds
    assert [source for source, place in sources() if place not in files] == []


def test_a_wheel_installs_nothing_beside_the_package(files: set[str]) -> None:
    wanted = {place for _, place in sources()}
    assert {name for name in files if ".dist-info/" not in name} - wanted == set()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in files)


def test_an_sdist_has_the_package_its_tests_and_its_documents(published: tuple[Path, Path]) -> None:
    with tarfile.open(published[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {source for source, _ in sources()} | set(IN_SDIST) <= names


def test_an_index_would_take_both(published: tuple[Path, Path]) -> None:
    done = run(sys.executable, "-m", "twine", "check", "--strict", *published)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_metadata_name_the_pythons_from_the_oldest_on(metadata: Message) -> None:
    minors = [
        int(found[1]) for line in metadata.get_all("Classifier", []) if (found := re.search(r":: 3\.(\d+)$", line))
    ]
    assert metadata["Requires-Python"] == f">=3.{minors[0]}"
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert sys.version_info[:2] <= (3, minors[-1])


def test_nothing_is_used_that_the_oldest_python_lacks(metadata: Message) -> None:
    """Of the language and of the standard library, whichever Python runs the tests."""
    oldest = metadata["Requires-Python"].removeprefix(">=")
    folders = [ROOT / "reportgen", ROOT / "analyses"]
    vermin = Path(sys.executable).with_name("vermin")
    done = run(vermin, f"--target={oldest}-", "--violations", "--no-tips", *folders)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_installed_wheel_is_the_one_that_runs_and_finds_all_its_analyses(inside: Inside) -> None:
    code = """
import json, reportgen
from reportgen.analyses.dissection.shipped import TABLES, shipped_labels
from reportgen.analysis.registry import load_analyses
print(json.dumps([reportgen.__file__, [analysis.name for analysis in load_analyses()], [bool(shipped_labels(m)) for m in TABLES]]))
"""
    done = inside("-c", code)
    assert done.returncode == 0, done.stderr
    place, analyses, tables = json.loads(done.stdout)
    assert not Path(place).is_relative_to(ROOT)
    assert len(analyses) >= 8
    assert tables == [True] * 3


def test_an_installed_wheel_makes_a_report(inside: Inside, tmp_path: Path) -> None:
    photo_folder(tmp_path / "photos", "chelsea")
    (tmp_path / "one.toml").write_text('runtime = "torch"\n[cams]\nmethods = ["gradcam"]\n')  # no conversion, one pass
    command = ("run", tmp_path / "photos", "-o", tmp_path / "out", "--task", "cams", "--config", tmp_path / "one.toml")
    done = inside("-m", "reportgen", *command)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/report.pdf").read_bytes().startswith(b"%PDF")
    assert "font/woff2" in (tmp_path / "out/report.html").read_text("utf-8")
    assert inside("-m", "reportgen", "verify", tmp_path / "out").returncode == 0


def test_the_citation_names_this_version(metadata: Message) -> None:
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(r"^version: (.+)$", text, re.MULTILINE)[1] == metadata["Version"]  # type: ignore[index]
    assert re.search(r"^license: (.+)$", text, re.MULTILINE)[1] == metadata["License-Expression"]  # type: ignore[index]
