"""reportgen.settings: layers and their order, where each value came from, and one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reportgen.settings.load import load
from reportgen.settings.model import Settings, settings_class
from reportgen.utils.errors import UsageError


def settings_of(
    folder: Path, toml: str = "", pyproject: str = "", flags: Any = None, config: str | None = None, **environ: str
) -> Any:
    """`load` in a folder with these files; `environ` holds names without their prefix."""
    if toml:
        (folder / "reportgen.toml").write_text(toml)
    if pyproject:
        (folder / "pyproject.toml").write_text(pyproject)
    given = None
    if config is not None:
        given = folder / "given.toml"
        given.write_text(config)
    return load(flags, given, folder, {f"REPORTGEN_{name}": value for name, value in environ.items()})


def problem_of(folder: Path, **layers: Any) -> str:
    with pytest.raises(UsageError) as error:
        settings_of(folder, **layers)
    text = str(error.value)
    assert "\n" not in text
    return text


# --- layers --------------------------------------------------------------------------------------


def test_each_layer_wins_over_the_one_before(tmp_path: Path) -> None:
    layers = [
        ("default", 0, {}),
        ("pyproject.toml", 1, {"pyproject": "[tool.reportgen]\nseed = 1"}),
        ("reportgen.toml", 2, {"toml": "seed = 2"}),
        ("given.toml", 3, {"config": "seed = 3"}),
        ("environment", 4, {"SEED": "4"}),
        ("flag", 5, {"flags": {"seed": 5}}),
    ]
    given: dict[str, Any] = {}
    for origin, seed, layer in layers:
        given.update(layer)
        loaded = settings_of(tmp_path, **given)
        assert (loaded.settings.seed, loaded.origins["seed"]) == (seed, origin)


def test_layers_merge_key_by_key_inside_a_group(tmp_path: Path) -> None:
    loaded = settings_of(tmp_path, toml="[lime]\nnum_samples = 7\nnum_features = 3", LIME__NUM_SAMPLES="9")
    assert (loaded.settings.lime.num_samples, loaded.settings.lime.num_features) == (9, 3)
    assert loaded.origins["lime.num_samples"] == "environment"
    assert loaded.origins["lime.num_features"] == "reportgen.toml"
    assert loaded.origins["lime.hide_color"] == "default"


def test_every_setting_has_an_origin(tmp_path: Path) -> None:
    loaded = settings_of(tmp_path)

    def keys(values: dict[str, Any], prefix: str = "") -> set[str]:
        return {
            key
            for name, value in values.items()
            for key in (keys(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {f"{prefix}{name}"})
        }

    assert set(loaded.origins) == keys(loaded.settings.model_dump())
    assert set(loaded.origins.values()) == {"default", "preset embedded"}
    assert loaded.origins["models"] == "preset embedded"


def test_flags_that_were_not_given_change_nothing(tmp_path: Path) -> None:
    loaded = settings_of(tmp_path, toml='models = ["efficientnet_lite1"]\nseed = 2', flags={"seed": None, "models": ()})
    assert loaded.settings.models == ("efficientnet_lite1",)
    assert loaded.settings.seed == 2


def test_a_flag_of_zero_is_given(tmp_path: Path) -> None:
    assert settings_of(tmp_path, toml="seed = 2", flags={"seed": 0}).settings.seed == 0


def test_a_pyproject_without_our_table_is_not_a_layer(tmp_path: Path) -> None:
    assert settings_of(tmp_path, pyproject="[tool.other]\nseed = 1\n[project]\nname = 'x'").settings == Settings()


def test_the_parents_of_the_working_folder_are_not_searched(tmp_path: Path) -> None:
    (tmp_path / "reportgen.toml").write_text("seed = 9")
    inner = tmp_path / "inner"
    inner.mkdir()
    assert settings_of(inner).settings.seed == 0


# --- environment ---------------------------------------------------------------------------------


def test_environment_values_take_the_type_of_their_setting(tmp_path: Path) -> None:
    found = settings_of(
        tmp_path,
        MODELS="efficientnet_lite1, efficientnet_lite0",
        CAMS__METHODS="gradcam",
        LIME__KERNEL_WIDTH="0.5",
        LIME__HIDE_COLOR="null",
        STRICT="true",
        TITLE="A, B",
        WEIGHTS__EFFICIENTNET_LITE0="/models/mine.pth",
    ).settings
    assert found.models == ("efficientnet_lite1", "efficientnet_lite0")
    assert found.cams.methods == ("gradcam",)
    assert (found.lime.kernel_width, found.lime.hide_color) == (0.5, None)
    assert found.strict is True
    assert found.title == "A, B"
    assert found.weights == {"efficientnet_lite0": "/models/mine.pth"}


def test_a_mapping_and_its_key_in_one_environment_do_not_clash(tmp_path: Path) -> None:
    assert settings_of(tmp_path, WEIGHTS="x", WEIGHTS__A="a.pth").settings.weights == {"a": "a.pth"}


def test_the_token_and_the_cache_folder_are_no_settings(tmp_path: Path) -> None:
    loaded = settings_of(tmp_path, TOKEN="secret", CACHE_DIR="/somewhere")
    assert loaded.settings == Settings()
    assert "secret" not in json.dumps(loaded.settings.public())


def test_other_programs_variables_are_not_read(tmp_path: Path) -> None:
    assert load(None, None, tmp_path, {"SEED": "4", "XREPORTGEN_SEED": "4"}).settings.seed == 0


# --- mistakes ------------------------------------------------------------------------------------


def test_a_report_shows_nothing_of_models_that_it_has_not() -> None:
    """One reportgen.toml may serve several runs: `run --from` asks for the files of the report's own models alone."""
    tables = {"checkpoint:a/net.pt": "a.txt", "onnx:b/other.onnx": "b.txt", "resnet18": "c.txt"}
    made = Settings(models=("checkpoint:a/net.pt",), classes=tables, head={"hf:my/own/vit": "multilabel"})
    assert "onnx:other.onnx" in made.classes  # `config show`
    shown = made.public()
    assert shown["classes"] == {"checkpoint:net.pt": "a.txt", "resnet18": "c.txt"}
    assert (shown["weights"], shown["head"]) == ({"checkpoint:net.pt": "net.pt"}, {})
    assert made.of_its_models().public() == shown


def test_one_file_in_several_spellings_is_one_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    for path in ("./net.pt", "nets/../net.pt", str(tmp_path / "net.pt")):
        made = Settings(
            models=(f"checkpoint:{path}",), classes={"checkpoint:net.pt": "a.txt", f"checkpoint:{path}": "a.txt"}
        )
        assert made.classes == {"checkpoint:net.pt": "a.txt"}
        Settings(models=(f"checkpoint:{path}", "checkpoint:nets/../net.pt"))
    with pytest.raises(UsageError, match=r"two models are called checkpoint:net\.pt"):
        Settings(models=("checkpoint:./net.pt", "checkpoint:nets/net.pt"))


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({"toml": "sede = 1"}, ["unknown setting sede (reportgen.toml)", "did you mean seed?"]),
        ({"toml": "[lime]\nnum_sample = 1"}, ["unknown setting lime.num_sample", "did you mean num_samples?"]),
        ({"config": "[camms]\nx = 1"}, ["unknown setting camms (given.toml)", "did you mean cams?"]),
        ({"pyproject": "[tool.reportgen]\nsede = 1"}, ["unknown setting sede (pyproject.toml)"]),
        ({"SEDE": "1"}, ["unknown setting sede (environment)", "did you mean seed?"]),
        ({"LIME__NUM_SAMPELS": "1"}, ["unknown setting lime.num_sampels (environment)", "num_samples"]),
        ({"flags": {"zzzzzz": 1}}, ["unknown setting zzzzzz (flag)", "known here: ", "seed"]),
    ],
)
def test_an_unknown_key_names_the_nearest(layers: Any, said: list[str], tmp_path: Path) -> None:
    text = problem_of(tmp_path, **layers)
    for part in said:
        assert part in text


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({"toml": "seed = -1"}, "setting seed (reportgen.toml): input should be greater than or equal to 0; it is -1"),
        ({"flags": {"seed": 2**32}}, "setting seed (flag): input should be less than 4294967296"),
        ({"SEED": "many"}, "setting seed (environment): input should be a valid integer"),
        ({"toml": 'preset = "fast"'}, "setting preset (reportgen.toml): input should be 'embedded' or 'writeup'"),
        ({"toml": 'preset = ["embedded"]'}, "setting preset (reportgen.toml): "),
        ({"toml": "models = []"}, "setting models (reportgen.toml): "),
        ({"toml": 'models = "efficientnet_lite0"'}, "setting models (reportgen.toml): "),
        (
            {"toml": 'formats = ["doc"]'},
            "setting formats.0 (reportgen.toml): input should be 'pdf', 'html', 'docx', 'md' or 'tex'",
        ),
        ({"toml": "[lime]\nnum_samples = 1"}, "setting lime.num_samples (reportgen.toml): "),
        ({"toml": "[lime]\nhide_color = 256"}, "setting lime.hide_color (reportgen.toml): "),
        (
            {"toml": '[agreement]\nthreshold = "max:2"'},
            "setting agreement.threshold (reportgen.toml): use otsu, max:SHARE",
        ),
        ({"toml": "lime = 3"}, "setting lime (reportgen.toml) is a group: write [lime] and its keys"),
        ({"toml": "[seed]\nx = 1"}, "setting seed (reportgen.toml) is one value, not a group"),
        ({"toml": "seed = 1", "SEED__X": "1"}, "setting seed (environment) is one value, not a group"),
        ({"SEED": "1", "SEED__X": "1"}, "setting seed (environment) is one value, not a group"),
        ({"LIME": "x", "LIME__NUM_SAMPLES": "9"}, "setting lime (environment) is a group"),
        ({"toml": "weights = 3"}, "setting weights (reportgen.toml): "),
        ({"toml": "seed = "}, "reportgen.toml: not valid TOML"),
        ({"toml": "seed = 1\nseed = 2"}, "reportgen.toml: not valid TOML"),
        ({"config": "[lime"}, "given.toml: not valid TOML"),
        ({"pyproject": "[tool]\nreportgen = 3"}, "pyproject.toml: tool.reportgen is not a table"),
    ],
)
def test_a_bad_value_is_one_line_that_names_key_and_place(layers: Any, said: str, tmp_path: Path) -> None:
    assert said in problem_of(tmp_path, **layers)


def test_a_config_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.toml: no such settings file"):
        load(None, tmp_path / "gone.toml", tmp_path, {})


def test_a_config_that_is_no_text_is_named(tmp_path: Path) -> None:
    for name, make in (("folder.toml", Path.mkdir), ("binary.toml", lambda path: path.write_bytes(b"\xff\xfe\x00"))):
        make(tmp_path / name)
        with pytest.raises(UsageError, match=f"{name}: cannot be read") as error:
            load(None, tmp_path / name, tmp_path, {})
        assert "\n" not in str(error.value)


# --- presets, defaults, what the report shows ----------------------------------------------------


def test_presets_are_those_of_the_write_up(tmp_path: Path) -> None:
    embedded, writeup = Settings(), Settings(preset="writeup")
    assert embedded.models == ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
    assert [name.removeprefix("torchvision:") for name in writeup.models] == [
        "resnet50",
        "resnet18",
        "resnet18_places365",
    ]
    for settings in (embedded, writeup):
        lime = settings.lime
        assert (lime.top_labels, lime.hide_color, lime.num_features, lime.num_samples) == (1, 0, 15, 500)
    loaded = settings_of(tmp_path, toml='preset = "writeup"')
    assert loaded.settings == writeup
    assert loaded.origins["models"] == "preset writeup"


def test_a_given_value_wins_over_the_preset(tmp_path: Path) -> None:
    loaded = settings_of(tmp_path, toml='models = ["efficientnet_lite2"]', flags={"preset": "writeup"})
    assert loaded.settings.models == ("efficientnet_lite2",)
    assert loaded.origins["models"] == "reportgen.toml"
    assert loaded.settings.dissection.encoder == Settings(preset="writeup").dissection.encoder


def test_settings_are_frozen_and_know_their_keys() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().seed = 4  # type: ignore[misc]
    with pytest.raises(ValidationError, match="sede"):
        Settings(sede=4)


def test_public_settings_name_no_folder() -> None:
    settings = Settings(
        models=("efficientnet_lite0", "checkpoint:/home/ann/nets/birds.pth"),
        weights={"efficientnet_lite0": "/home/ann/secret/mine.pth"},
        classes={"checkpoint:/home/ann/nets/birds.pth": "/home/ann/names.txt"},
        template="/home/ann/templates/ours",
        probe="/home/ann/probe",
        dissection={"concepts": "/home/ann/words.txt"},
    )
    shown = settings.public()
    assert "ann" not in json.dumps(shown)
    assert shown["weights"]["efficientnet_lite0"] == "mine.pth"
    assert (shown["template"], shown["probe"], shown["dissection"]["concepts"]) == ("ours", "probe", "words.txt")
    assert settings.weights["efficientnet_lite0"] == "/home/ann/secret/mine.pth"


def test_public_settings_are_json_and_whole() -> None:
    shown = json.loads(json.dumps(Settings(seed=3).public()))
    assert set(shown) == set(settings_class().model_fields)
    assert shown["seed"] == 3
    assert shown["template"] == "writeup"


def test_the_range_of_samples_is_a_word_or_a_number_of_bits(tmp_path: Path) -> None:
    for written, meant in (("auto", "auto"), ("declared", "declared"), ("12", 12)):
        assert settings_of(tmp_path, IMAGES__RANGE=written).settings.images.range == meant
    assert settings_of(tmp_path, toml="[images]\nrange = 10").settings.images.range == 10
    for wrong in ("7", "16", "full"):
        assert "images.range" in problem_of(tmp_path, IMAGES__RANGE=wrong)
