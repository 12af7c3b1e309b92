"""An analysis of somebody else's, installed by an entry point: the very lines of CONTRIBUTING.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from toys import ROOT, photo_folder

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package and its entry point, as pip would leave them."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    code, entry_point = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[0] for kind in ("python", "toml"))
    folder = tmp_path_factory.mktemp("site")
    (folder / "my_package.py").write_text(code)
    info = folder / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    name, value = re.findall(r'(\w+) = "(.+)"', entry_point)[0]
    (info / "entry_points.txt").write_text(f"[reportgen.analyses]\n{name} = {value}\n")
    return folder


@pytest.fixture
def reportgen(site: Path, tmp_path: Path) -> Run:
    def run(*arguments: str, config: str = "") -> subprocess.CompletedProcess[str]:
        (tmp_path / "reportgen.toml").write_text(config)
        path = os.pathsep.join([str(ROOT), str(site)])
        return subprocess.run(
            [sys.executable, "-m", "reportgen", *arguments],
            cwd=tmp_path,
            # A cache of its own: other tests may have asked the same model about the same photographs.
            env={**os.environ, "PYTHONPATH": path, "REPORTGEN_CACHE_DIR": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_it_runs_with_its_settings_and_only_its_own_results_depend_on_them(reportgen: Run, tmp_path: Path) -> None:
    photo_folder(tmp_path / "photos", "coffee", "rocket")
    command = ("run", "photos", "-o", "out", "--task", "darkness", "--format", "html")

    def shares(config: str = "") -> tuple[list[float], str]:
        done = reportgen(*command, config=config)
        assert done.returncode == 0, done.stderr
        report = json.loads((tmp_path / "out/report.json").read_bytes())
        assert report["settings"]["darkness"] == {"below": 64 if not config else 200}
        assert report["sections"][0]["blocks"][0]["text"].endswith(f"darker than {200 if config else 64}.")
        [counted] = [line for line in done.stderr.splitlines() if "in the store" in line]
        return [image["darkness"]["share"] for image in report["images"]], counted

    dark, said = shares()
    assert "0 of 4 results were in the store" in said
    darker, said = shares("[darkness]\nbelow = 200\n")
    assert "2 of 4 results were in the store" in said, "what the model says does not depend on it"
    assert all(more > less > 0 for more, less in zip(darker, dark, strict=True))
    assert shares() == (dark, said.replace("2 of 4", "4 of 4").replace("2 computed", "0 computed"))


def test_its_settings_are_shown_and_checked(reportgen: Run) -> None:
    shown = reportgen("config", "show", config="[darkness]\nbelow = 5\n").stdout.splitlines()
    assert "darkness.below = 5  (reportgen.toml)" in shown
    assert any(line.startswith("lime.num_samples = 500") for line in shown), "the shipped ones stay"
    wrong = reportgen("config", "show", config="[darkness]\nbelwo = 5\n")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "reportgen: unknown setting darkness.belwo (reportgen.toml); did you mean below?\n",
    )
    wrong = reportgen("config", "show", config='[darkness]\nbelow = "dark"\n')
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(
        "reportgen: setting darkness.below (reportgen.toml): input should be a valid integer"
    )


def test_one_that_cannot_be_loaded_is_one_line(site: Path, reportgen: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[reportgen.analyses]\nbroken = no_such_module:ANALYSIS\n")
    done = reportgen("config", "show")  # the working folder is searched for packages, too
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "the analysis 'broken' of broken (no_such_module:ANALYSIS) cannot be loaded" in done.stderr
