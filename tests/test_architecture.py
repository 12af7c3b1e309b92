"""The arrows between the rooms: the contracts of pyproject.toml hold, and they are the ones that ARCHITECTURE.md draws."""

from __future__ import annotations

import ast
import re
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
    parts = {"reportgen.report.blocks", "reportgen.report.provenance"}
    assert graph.find_modules_directly_imported_by("reportgen.report.document") == parts
    assert graph.find_modules_directly_imported_by("reportgen.report.provenance") == {"reportgen.report.blocks"}
    assert graph.find_modules_directly_imported_by("reportgen.report.blocks") == set()


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


# --- size ----------------------------------------------------------------------------------------

SOURCES = sorted(path for room in ("reportgen", "analyses") for path in (ROOT / room).rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES, MOST_ANY = 400, 60, 100


def test_a_module_is_read_in_one_sitting() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in long.items() if lines >= MOST_LINES} == {}


def test_a_function_fits_on_a_screen() -> None:
    long = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                long += [f"{path.relative_to(ROOT)} {node.name}: {lines} lines"] if lines >= MOST_FUNCTION_LINES else []
    assert long == []


def test_any_is_rare() -> None:
    lines = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"\bAny\b", line)
    ]
    assert len(lines) < MOST_ANY, f"{len(lines)} lines with Any: {lines}"


def test_only_the_document_the_errors_and_the_utilities_are_known_to_most(graph: grimp.ImportGraph) -> None:
    """A file that more than half of the others import is a hub: a change there is a change everywhere."""
    modules = [name for name in graph.modules if not (ROOT / name.replace(".", "/")).is_dir()]
    hubs = [name for name in modules if len(graph.find_modules_that_directly_import(name)) > len(modules) / 2]
    allowed = {"reportgen.report.document", "reportgen.report.blocks"}
    assert [name for name in hubs if name not in allowed and not name.startswith("reportgen.utils.")] == []
