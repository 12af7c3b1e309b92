"""reportgen.summary: what the first page says, for runs of every kind."""

from __future__ import annotations

from typing import Any

import pytest

from made_runs import image_record
from reportgen.pipeline.assemble import by_claim
from reportgen.pipeline.summary import summarise
from reportgen.report.document import Finding, ImageRecord, Label, Verdict


def image(name: str, correct: bool | None) -> ImageRecord:
    made = image_record(name)
    label = None if correct is None else Label(index=2 if correct else 1, name="class", source="labels.csv")
    return made.model_copy(update={"label": label, "correct": correct})


def finding(id_: str, verdict: Verdict) -> Finding:
    return Finding(id=id_, section="s", claim="A claim.", verdict=verdict, text="A sentence.")


def test_claims_stand_by_letter_and_number_wherever_they_were_tested() -> None:
    made = [finding(id_, "undecided") for id_ in ("D2", "D1", "C10", "C2", "own", "L1", "C1", "7", "D" + "9" * 5000)]
    ids = [found.id[:3] for found in by_claim(made)]
    assert ids == ["D1", "D2", "D99", "C1", "C2", "C10", "own", "L1", "7"]


@pytest.mark.parametrize(
    ("correct", "says"),
    [
        ([True], "1 image was explained for net; 1 of 1 with a label is predicted as labelled."),
        (
            [None, None],
            "2 images were explained for net; none has a label, so whether the model is right is not known.",
        ),
        (
            [True, False, None],
            "3 images were explained for net; 1 of 2 with a label is predicted as labelled, the other 1 has none. "
            "Wrong: b.jpg (read as class 2).",
        ),
        (
            [False] * 2,
            "2 images were explained for net; 0 of 2 with a label are predicted as labelled. "
            "Wrong: a.jpg (read as class 2) and b.jpg (read as class 2).",
        ),
    ],
)
def test_the_images_are_counted_and_the_wrong_ones_named(correct: list[Any], says: str) -> None:
    images = [image(f"{name}.jpg", value) for name, value in zip("abc", correct, strict=False)]
    assert summarise(images, [], "net").images == says


def test_many_wrong_images_are_counted_past_the_sixth() -> None:
    text = summarise([image(f"{i}.jpg", False) for i in range(40)], [], "net").images
    assert "5.jpg" in text
    assert "6.jpg" not in text
    assert "34" in text


def test_contradicted_claims_come_first_and_the_rest_is_counted() -> None:
    verdicts: list[Verdict] = ["supported"] * 5 + [
        "undecided",
        "contradicted",
        "not measured",
        "contradicted",
        "undecided",
    ]
    found = summarise([image("a.jpg", None)], [finding(f"X{i}", v) for i, v in enumerate(verdicts)], "net")
    assert found.findings == ["X6", "X8", "X0", "X1", "X2"]
    assert found.rest == (
        "Of 10 claims tested, 2 (X3, X4) are decided too; 2 (X5, X9) are undecided on these data; 1 (X7) is not measured."
    )


def test_where_all_is_said_nothing_is_left() -> None:
    assert summarise([image("a.jpg", None)], [finding("X", "supported")], "net").rest == ""
    assert summarise([image("a.jpg", None)], [], "net").findings == []
