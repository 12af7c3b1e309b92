"""reportgen.diff: what differs between two runs is found, named and counted, and nothing else is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures import finish_run, make_report
from reportgen.cli import main as cli
from reportgen.report.blocks import Text
from reportgen.report.diff import Differences, compare
from reportgen.report.document import Finding, Report, Skipped
from reportgen.report.report_json import report_json
from reportgen.sharing.bundle import bundle


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    made = make_report(tmp_path_factory.mktemp("made"), 3)[0]
    images = [
        image.model_copy(update={"lime": {"r2": 0.5, "weights": [[0, 0.25], [3, 0.125]]}}) for image in made.images
    ]
    models = [{"model": "a", "layers": [{"name": "x", "n_units": 4}]}, {"model": "b", "layers": []}]
    return made.model_copy(update={"images": images, "dissection": models})


def changed(report: Report, edit: Callable[[dict[str, Any]], object]) -> Report:
    data = report.model_dump(mode="json")
    edit(data)
    return Report.model_validate(data)


def lines(found: Differences) -> list[str]:
    return [str(line) for line in (*found.images, *found.verdicts, *found.numbers, *found.other)]


def test_a_run_is_the_same_as_itself_made_later_elsewhere(report: Report) -> None:
    def later(data: dict[str, Any]) -> None:
        data["provenance"]["created"] = "2030-01-01T00:00:00Z"
        data["provenance"]["packages"]["numpy"] = "9.9"
        data["settings"]["seed"] = 7

    found = compare(report, changed(report, later))
    assert found.same
    assert [str(note) for note in found.notes] == [
        "settings.seed: 0 -> 7 (+7)",
        "provenance.packages.numpy: 2.1.0 -> 9.9",
    ]


def test_a_changed_number_is_named_with_its_image(report: Report) -> None:
    def edit(data: dict[str, Any]) -> None:
        data["images"][1]["lime"]["weights"][1][1] = 0.375
        data["dissection"][0]["layers"][0]["n_units"] = 5

    name = report.images[1].name
    found = compare(report, changed(report, edit))
    assert lines(found) == [
        f"{name}: lime.weights[1][1]: 0.125 -> 0.375 (+0.25)",
        "dissection[a].layers[x].n_units: 4 -> 5 (+1)",
    ]
    assert not found.same


@pytest.mark.parametrize(
    ("by", "tolerance", "same"),
    [(1e-7, 1e-6, True), (1e-5, 1e-6, False), (1e-5, 1e-4, True), (0, 0, True), (1e-15, 0, False)],
)
def test_the_tolerance_decides(report: Report, by: float, tolerance: float, same: bool) -> None:
    def edit(data: dict[str, Any]) -> None:
        data["images"][0]["lime"]["r2"] += by

    assert compare(report, changed(report, edit), tolerance).same is same


def test_new_vanished_renamed_and_changed_images(report: Report) -> None:
    first, second, third = (image.name for image in report.images)

    def edit(data: dict[str, Any]) -> None:
        a, b, c = data["images"]
        data["images"] = [
            {**a, "sha256": "f" * 64},
            {**c, "name": "called otherwise.jpg"},
            {**b, "name": "new.jpg", "sha256": "e" * 64},
        ]

    found = compare(report, changed(report, edit))
    assert found.images == [
        f"{third}: now called called otherwise.jpg",
        "new.jpg: new image",
        f"{second}: vanished",
        f"{first}: other bytes",
    ]
    assert not found.numbers, "images of two names are not compared"


def test_verdicts_and_gates(report: Report) -> None:
    gate = {"name": "max_skipped", "measure": "m", "bound": "at most", "limit": 2, "value": 2, "passed": True}
    before = changed(report, lambda data: data.update(gates=[gate]))

    def edit(data: dict[str, Any]) -> None:
        data["findings"][0]["verdict"] = "supported"
        data["findings"].append(Finding(id="new", section="s", claim="c", verdict="undecided", text="t").model_dump())
        data["gates"][0] |= {"value": 3, "passed": False}

    found = compare(before, changed(before, edit))
    assert next(str(line) for line in found.verdicts) == "findings[ablation-sparser].verdict: contradicted -> supported"
    assert [line.place for line in found.verdicts] == [
        "findings[ablation-sparser].verdict",
        "findings[new]",
        "gates[max_skipped].passed",
    ]
    assert [str(line) for line in found.numbers] == ["gates[max_skipped].value: 2 -> 3 (+1)"]


def test_tables_texts_and_skipped_files(report: Report) -> None:
    def edit(data: dict[str, Any]) -> None:
        table = next(block for block in data["sections"][2]["blocks"] if block["type"] == "table")
        table["rows"][0][1] += 0.1
        table["rows"][1][2] += 0.1
        data["sections"][0]["blocks"].append(Text(text="one more").model_dump())
        data["sections"].pop(1)
        data["skipped"] = [Skipped(name="a.jpg", reason="other").model_dump()]

    found = [str(line) for line in compare(report, changed(report, edit)).other]
    assert "section agreement, table iou, 2 places, the first: 0.6352194 -> 0.7352194 (+0.1)" in found
    assert any(line.startswith("section cams, text ") and "one more" in line for line in found)
    assert "section lime: present -> nothing" in found
    assert "skipped[a.jpg].reason: the file is empty -> other" in found


def test_what_the_first_page_says_and_which_images_are_shown_are_no_numbers(report: Report) -> None:
    before = changed(
        report,
        lambda data: data.update(
            summary={"images": "Three images.", "findings": ["a"]}, shown={"of": 3, "images": ["x"]}
        ),
    )
    after = changed(
        before, lambda data: (data["summary"].update(findings=["b"]), data["shown"].update(of=4), data.update(extra=1))
    )
    found = compare(before, after)
    assert [str(line) for line in found.other] == ["summary.findings[0]: a -> b", "shown.of: 3 -> 4 (+1)"]
    assert [str(line) for line in found.numbers] == ["extra: nothing -> 1"]
    assert (found.count, found.same) == (3, False)


def test_none_and_zero_and_false_are_three_things(report: Report) -> None:
    def with_value(value: Any) -> Report:
        return changed(report, lambda data: data["images"][0]["lime"].update(r2=value))

    for a, b in ((None, 0), (0, False), (None, False), (True, 1)):
        assert not compare(with_value(a), with_value(b)).same
    assert compare(with_value(1), with_value(1.0)).same


def test_the_command_takes_folder_json_pdf_and_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report, run = make_report(tmp_path, 1)
    finish_run(report, run)
    bundle(run, tmp_path / "run.zip")
    other = report.model_copy(update={"findings": []})
    (tmp_path / "other.json").write_bytes(report_json(other))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["reportgen", "diff", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return (code, *capsys.readouterr())

    for same in (run, run / "report.json", run / "report.pdf", tmp_path / "run.zip"):
        assert call(str(run), str(same)) == (0, "same\n", "")
    code, out, err = call(str(tmp_path / "run.zip"), str(tmp_path / "other.json"), "--tolerance", "0.1")
    assert code == 1
    assert len(out.splitlines()) == len(report.findings)
    assert err.splitlines()[-1].startswith(f"reportgen: {len(report.findings)} differences between ")
    assert call(str(run), str(tmp_path / "gone"))[0] == 2
