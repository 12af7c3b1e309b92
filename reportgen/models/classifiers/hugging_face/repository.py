"""The files of a Hugging Face model: a folder, or a repository as the hub's cache or `reportgen models fetch` keeps it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reportgen.models.classifiers.weights import EMBEDDED, MissingWeights, Remote, hugging_face
from reportgen.settings.model import HUGGING_FACE, Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.json_types import JSON
from reportgen.utils.terminal_text import printable
from reportgen.utils.untrusted_files import is_file, is_folder, read_at_most, user_path

CONFIG, PROCESSOR, COMBINED_PROCESSOR = "config.json", "preprocessor_config.json", "processor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
MAX_JSON_BYTES = 64 * 2**20  # 21,841 classes with their names take two
_LEAST_TENSORS = 256  # below this a count may be something else than layers, such as depth_divisible_by
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class ModelFiles:
    """Where a model's files are.

    Attributes:
        where: the folder or the repository, in words for the report.
        config: the content of config.json.
        processor: `preprocessor_config.json` and its content; None for a timm model, which has none.
    """

    where: str
    config_path: Path
    config: Mapping[str, JSON]
    weights: Path
    processor: tuple[Path, Mapping[str, JSON]] | None


def find_files(name: str, settings: Settings, is_timm: Callable[[Mapping[str, JSON]], bool]) -> ModelFiles:
    """The files of the classifier `name`, "hf:FOLDER" or "hf:USER/NAME"; a folder that is there wins.

    Raises:
        MissingWeights: a repository's files are not on this machine.
        UsageError: there is no such folder, a file is missing in it, or cannot be read.
    """
    plain = name.removeprefix(HUGGING_FACE)
    folder = user_path(settings.weights.get(name, plain))
    if is_folder(folder):
        return _in_folder(folder, is_timm)
    if is_file(folder):
        raise UsageError(f"{folder}: a file; give --model hf:FOLDER, the folder with its config.json")
    if name in settings.weights or not _REPOSITORY.fullmatch(plain):
        raise UsageError(f"{folder}: no such folder; give --model hf:FOLDER with a config.json, or hf:USER/NAME")
    return _in_repository(name, plain, is_timm)


def _in_folder(folder: Path, is_timm: Callable[[Mapping[str, JSON]], bool]) -> ModelFiles:
    config_path = folder / CONFIG
    config = read_object(config_path)
    weights = next((folder / file for file in WEIGHTS if is_file(folder / file)), None)
    if weights is None:
        parts = f"; {WEIGHTS[0]}.index.json names several, save the model in one" if _has_parts(folder) else ""
        raise UsageError(f"{folder}: has neither {' nor '.join(WEIGHTS)}{parts}")
    processor = None if is_timm(config) else _processor(folder)
    return ModelFiles(f"folder {folder.resolve().name}", config_path, config, weights, processor)


def _has_parts(folder: Path) -> bool:
    return any(is_file(folder / f"{file}.index.json") for file in WEIGHTS)


def _processor(folder: Path) -> tuple[Path, Mapping[str, JSON]]:
    """The processor's file; inside that of a combined processor it goes before its own, as in transformers."""
    combined = folder / COMBINED_PROCESSOR
    if is_file(combined):
        inner = read_object(combined).get("image_processor")
        if isinstance(inner, Mapping):
            return combined, inner
    path = folder / PROCESSOR
    if not is_file(path):
        raise UsageError(
            f"{folder}: has no {PROCESSOR}, which says how images become input; copy it from the model that this one was made from"
        )
    return path, read_object(path)


def _in_repository(name: str, repository: str, is_timm: Callable[[Mapping[str, JSON]], bool]) -> ModelFiles:
    """The files of a repository. What config.json says decides what else is needed, so that it is asked for first."""
    missing: list[Remote] = []

    def find(*files: str, check: Callable[[Path], object] | None = read_object) -> Path:
        try:
            return hugging_face(name, repository, files, EMBEDDED, check=check)
        except MissingWeights as weights:
            missing.extend(weights.remotes)
            return weights.remotes[0].path

    config_path = find(CONFIG)
    config = {} if missing else read_object(config_path)
    weights = find(*WEIGHTS, check=None)
    processor = None if is_timm(config) else find(PROCESSOR)
    if missing:
        # Until config.json is here nobody knows what else is needed.
        raise MissingWeights(name, tuple(missing if config else missing[:1]), EMBEDDED, "its folder")
    content = None if processor is None else (processor, read_object(processor))
    return ModelFiles(f"Hugging Face {repository}", config_path, config, weights, content)


def require_depth(path: Path, content: Mapping[str, JSON], tensors: int) -> None:
    """Refuse a configuration of more layers than there are weights, before the library builds a thousand million of them.

    Args:
        path: of config.json, for messages.
        content: of it, or a part.
        tensors: in the weights file; every layer has one at least.

    Raises:
        UsageError: it says more layers.
    """
    for key, value in content.items():
        if isinstance(value, Mapping):
            require_depth(path, value, tensors)
        elif "layer" in key or "depth" in key or "block" in key:
            counts = value if isinstance(value, list) else [value]
            if sum(count for count in counts if isinstance(count, int)) > max(tensors, _LEAST_TENSORS):
                raise UsageError(f"{path}: {printable(key, 60)} is more than the weights have ({tensors} tensors)")


def read_object(path: Path) -> dict[str, JSON]:
    """A JSON file that holds an object.

    Raises:
        UsageError: it is missing, too large, not JSON, or holds something else.
    """
    try:
        content = json.loads(read_at_most(path, MAX_JSON_BYTES).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a JSON file ({str(error)[:120]})") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: holds no JSON object")
    return content
