"""`reportgen card`: a section between marks, metadata that the user has not given, and nothing else of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fixtures import HOSTILE_NAMES, make_report
from reportgen.rendering.markdown.card import Card, Metric
from reportgen.report.document import Document, Gate, Report, Summary
from reportgen.sharing.model_card import END, START, merged, write_card
from reportgen.utils.errors import UsageError

Made = tuple[Report, Path]
OWN = "# My model\n\nText of mine.\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    report, run = make_report(tmp_path_factory.mktemp("card"), 3, size=32)
    gates = [
        Gate(name="min_mean_iou", measure="mean IoU", bound="at least", limit=0.4, value=0.5, passed=True),
        Gate(
            name="min_unknown", measure="what was not measured", bound="at least", limit=0.4, value=None, passed=False
        ),
    ]
    summary = Summary(images="Three were explained.", findings=[report.findings[0].id], rest="Others are open.")
    return report.model_copy(update={"summary": summary, "gates": gates}), run


def front(text: str) -> dict[str, object]:
    """The metadata of a card."""
    found: dict[str, object] = yaml.safe_load(text.removeprefix("---\n").split("\n---\n")[0])
    return found


def test_a_card_of_its_own_says_what_the_report_says_and_the_hub_reads_it(made: Made, tmp_path: Path) -> None:
    text = write_card(*made, tmp_path / "README.md").text
    assert (tmp_path / "README.md").read_text("utf-8") == text
    assert "Three were explained." in text
    data = ModelCard(text).data
    assert data.pipeline_tag == "image-classification"
    results = {result.metric_type: result for result in data.eval_results}
    judged = [image.correct for image in made[0].images if image.correct is not None]
    assert results["accuracy"].metric_value == sum(judged) / len(judged)
    assert results["accuracy"].metric_name == "Top-1 accuracy on 3 labelled images of this examination"
    assert results["mean_iou"].metric_value == 0.5
    assert "unknown" not in results  # not measured, so not said


def test_without_labels_and_gates_no_result_is_claimed(made: Made) -> None:
    report, run = made
    images = [image.model_copy(update={"label": None, "correct": None}) for image in report.images]
    text = write_card(report.model_copy(update={"images": images, "gates": []}), run).text
    assert front(text) == {"pipeline_tag": "image-classification"}


def test_a_second_time_changes_nothing_and_another_report_only_its_part(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"---\nlicense: mit\n---\n{OWN}\nThe end.\n")
    first = write_card(*made, path).text
    assert write_card(*made, path).text == first
    other = made[0].model_copy(update={"summary": Summary(images="Another run.")})
    second = write_card(other, made[1], path).text
    assert "Another run." in second
    assert "Three were explained." not in second
    assert second[: second.index(START)] == first[: first.index(START)]
    assert second[second.index(END) :] == first[first.index(END) :]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_nothing_else_of_the_file_changes(made: Made, tmp_path: Path, end: str) -> None:
    path = tmp_path / "README.md"
    before = f"---{end}license: mit   # mine{end}tags: [a,  b]{end}---{end}# Mine{end}{end}"
    after = f"{end}{end}  Below, with  blanks  {end}"
    path.write_bytes(f"{before}{START}{end}old{end}{END}{after}".encode())
    write_card(*made, path)
    text = path.read_bytes().decode()
    assert text.endswith(END + after)
    assert text.startswith(f"---{end}license: mit   # mine{end}tags: [a,  b]{end}# reportgen:start{end}")
    assert f"---{end}# Mine{end}{end}{START}" in text
    assert (text.count("\n") == text.count("\r\n")) == (end == "\r\n")


def test_keys_of_the_user_stay_as_they_are(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"---\npipeline_tag: image-segmentation\nmodel-index:\n- name: mine\n  results: []\n---\n{OWN}")
    written = write_card(*made, path)
    assert written.kept == ("model-index", "pipeline_tag")
    assert front(written.text) == {
        "pipeline_tag": "image-segmentation",
        "model-index": [{"name": "mine", "results": []}],
    }
    assert write_card(*made, path).text == written.text


def test_a_card_without_metadata_or_marks_gets_both(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(OWN)
    text = write_card(*made, path).text
    assert text.startswith("---\n# reportgen:start\n")
    assert f"---\n\n{OWN}\n{START}\n" in text
    assert text.endswith(f"{END}\n")


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (f"{START}\n", "not once each"),
        (f"{END}\n{START}\n", "not once each"),
        (f"{START}\n{END}\n{START}\n{END}\n", "not once each"),
        ("---\na: [\n---\n", "no YAML"),
        ("---\n- a\n---\n", "no keys"),
        ("---\n{a: 1}\n---\n", "no keys"),
    ],
)
def test_a_card_that_cannot_be_written_into_is_left_as_it_is(made: Made, tmp_path: Path, card: str, said: str) -> None:
    path = tmp_path / "README.md"
    path.write_text(card)
    with pytest.raises(UsageError, match=said):
        write_card(*made, path)
    assert path.read_text() == card


def test_a_card_that_is_no_text_is_one_line(made: Made, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        write_card(*made, tmp_path / "README.md")
    with pytest.raises(UsageError, match="no file"):
        write_card(*made, tmp_path)


def test_pictures_are_copied_and_found_from_the_card(made: Made, tmp_path: Path) -> None:
    written = write_card(*made, tmp_path / "model" / "README.md", tmp_path / "model" / "media")
    assert written.pictures
    tokens = [child for token in MarkdownIt().enable("table").parse(written.text) for child in token.children or []]
    shown = {str(token.attrs["src"]) for token in tokens if token.type == "image"}
    assert {tmp_path / "model" / link for link in shown} == set(written.pictures)
    assert all(path.read_bytes() for path in written.pictures)


def test_names_from_outside_are_no_markup_and_no_metadata(tmp_path: Path) -> None:
    report, run = make_report(tmp_path, 8, names=HOSTILE_NAMES, size=32)
    nasty = f"{END}\n---\nlicense: evil\n{START} <script> ]({HOSTILE_NAMES[0]})"
    models = [model.model_copy(update={"name": nasty}) for model in report.provenance.models]
    changes = {
        "provenance": report.provenance.model_copy(update={"models": models}),
        "summary": Summary(images=nasty),
        "gates": [Gate(name=nasty, measure=nasty, bound="at most", limit=1, value=0.5, passed=True)],
        "document": Document(language="fr"),
    }
    path = tmp_path / "README.md"
    text = write_card(report.model_copy(update=changes), run, path).text
    assert set(front(text)) == {"pipeline_tag", "model-index"}
    lines = text.split("\n")
    assert (lines.count(START), lines.count(END)) == (1, 1)
    assert "<script>" not in MarkdownIt().render(text.partition(f"\n{START}\n")[2])
    assert write_card(report.model_copy(update=changes), run, path).text == text


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60), st.text(max_size=30), st.floats(allow_nan=False, allow_infinity=False))
def test_metadata_read_back_as_they_were_written(name: str, kind: str, value: float) -> None:
    text, _ = merged("", Card(("x",), (), name or "x", kind, (Metric(kind, name, value),)))
    (index,) = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))["model-index"]
    assert index["name"] == (name or "x")
    (result,) = index["results"]
    assert result["dataset"]["name"] == kind
    (metric,) = result["metrics"]
    assert (metric["type"], metric["name"]) == (kind, name)
    assert float(metric["value"]) == value


def test_the_command_prints_or_writes(made: Made, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from reportgen.cli.main import app
    from reportgen.report.report_json import report_json

    (made[1] / "report.json").write_bytes(report_json(made[0]))
    printed = CliRunner().invoke(app, ["card", str(made[1])]).stdout
    assert printed.startswith("---\n")
    written = CliRunner().invoke(app, ["card", str(made[1]), "--into", str(tmp_path / "README.md")]).stdout
    assert written.strip() == str(tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text("utf-8") == printed
