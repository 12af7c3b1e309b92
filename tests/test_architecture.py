"""The arrows between the rooms: the contracts of pyproject.toml hold, and they are the ones that DESIGN.md draws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from reportgen.utils.entry_points import ANALYSES
from reportgen.utils.entry_points import declared as declared_points
from toys import ROOT


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        return grimp.build_graph("reportgen", "analyses", exclude_type_checking_imports=True)


def test_import_contracts_are_kept() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_document_imports_nothing_of_ours(graph: grimp.ImportGraph) -> None:
    """Whatever modules there are: import-linter's contract can only list those that it knows."""
    assert graph.find_modules_directly_imported_by("reportgen.report.document") == set()


def test_every_analysis_package_is_declared_by_an_entry_point() -> None:
    declared = {point.value.partition(":")[0] for point in declared_points(ANALYSES).values()}
    assert declared == {
        f"reportgen.analyses.{path.parent.name}.task" for path in (ROOT / "analyses").glob("*/__init__.py")
    }


def test_every_analysis_has_what_the_pipeline_asks_for() -> None:
    analyses = {point.name: point.load() for point in declared_points(ANALYSES).values()}
    assert len({analysis.order for analysis in analyses.values()}) == len(analyses), (
        "two would stand in no certain order"
    )
    for name, analysis in analyses.items():
        assert analysis.name == name
        assert analysis.title
        assert isinstance(analysis.version, str)
        assert set(analysis.requires) <= set(analyses)
        for method in ("models", "relevant", "map", "reduce"):
            assert callable(getattr(analysis, method))
