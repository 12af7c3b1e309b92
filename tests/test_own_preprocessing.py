"""`[preprocessing."MODEL"]`: what the settings give of one model's preprocessing stands, and the rest stays as its source has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen.models.classifiers import resolve
from reportgen.models.classifiers.own_preprocessing import with_own
from reportgen.models.runtime import Engine, choose_runtime
from reportgen.settings.load import load
from reportgen.settings.model import PreprocessingSettings, Settings
from reportgen.utils.errors import UsageError
from toys import toy_network, toy_spec

NAME = "efficientnet_lite0"


def test_what_is_given_stands_and_the_rest_stays() -> None:
    plain = resolve(NAME, Settings()).preprocessing
    given = Settings(preprocessing={NAME: {"mean": (0.1, 0.2, 0.3), "interpolation": "bilinear"}})
    assert resolve(NAME, given).preprocessing == replace(plain, mean=(0.1, 0.2, 0.3), interpolation="bilinear")
    other = "efficientnet_lite1"
    assert resolve(other, given).preprocessing == resolve(other, Settings()).preprocessing


def test_the_short_side_keeps_its_proportion_to_another_size() -> None:
    larger = resolve(NAME, Settings(preprocessing={NAME: {"size": 448}})).preprocessing
    assert (larger.size, larger.resize) == (448, 512)
    both = resolve(NAME, Settings(preprocessing={NAME: {"size": 448, "resize": 448}})).preprocessing
    assert (both.size, both.resize) == (448, 448)


def test_a_network_that_pools_takes_frames_of_another_size(tmp_path: Path) -> None:
    made = with_own(toy_spec(toy_network(linear=True)), PreprocessingSettings(size=64))
    engine = Engine(made, choose_runtime(made, "torch", "exact", tmp_path), tmp_path)
    assert engine.forward(np.zeros((1, 3, 64, 64), np.float32)).activations.shape == (1, 10, 16, 16)


def test_a_network_of_one_size_says_so_in_one_line() -> None:
    made = with_own(toy_spec(toy_network()), PreprocessingSettings(size=64))
    with pytest.raises(UsageError, match=r"^toy: does not take frames of 64 x 64 pixels; its own are 32$"):
        made.load()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("std = [0.2, 0, 0.2]", "has to be above 0"),
        ("mean = [123.7, 116.3, 103.5]", "pixels are numbers from 0 to 1 here: divide by 255"),
        ("std = [58.4, 57.1, 57.4]", "divide by 255"),
        ("std = [0.2, 0.2]", "preprocessing.efficientnet_lite0.std"),
        ("mean = [nan, 0, 0]", "three finite numbers"),
        ("size = 100000", "less than or equal to 4096"),
        ("sise = 224", "sise"),
        ('interpolation = "nearby"', "bicubic"),
    ],
)
def test_what_is_none_is_refused_before_any_work(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(f"[preprocessing.{NAME}]\n{line}\n")
    with pytest.raises(UsageError) as error:
        load({}, tmp_path / "own.toml")
    assert said in str(error.value)
    assert "own.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_settings_of_a_report_are_read_again() -> None:
    given: dict[str, Any] = {NAME: {"mean": (0.1, 0.2, 0.3)}}
    made = Settings(preprocessing=given)
    assert load({}, base=made.public()).settings.preprocessing == made.preprocessing
