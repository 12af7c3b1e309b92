"""A network of transformers on weights from a file.

Files come from strangers. The network is one of the library's own classes, never code that comes along; nothing is fetched; weights
are read by `read_state_dict`. The library puts them into the network, for it alone knows the names that other versions gave them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from logging import CRITICAL
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from reportgen.models.classifiers.base import Network
from reportgen.models.classifiers.hugging_face.repository import require_depth
from reportgen.models.classifiers.splitting.split import split_any
from reportgen.models.classifiers.weights import read_state_dict
from reportgen.utils.concurrency import PROCESS_WIDE
from reportgen.utils.errors import UsageError, first_line
from reportgen.utils.json_types import JSON
from reportgen.utils.terminal_text import printable

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

# Of a config.json: code that comes along, implementations that the library would fetch, other types and outputs than ours.
_NOT_OF_THE_NETWORK = frozenset(
    {
        "id2label",
        "label2id",
        "num_labels",
        "_num_labels",
        "auto_map",
        "_attn_implementation",
        "_attn_implementation_internal",
        "attn_implementation",
        "_name_or_path",
    }
    | {"_commit_hash", "dtype", "torch_dtype", "torchscript", "problem_type", "transformers_version"}
    | {"return_dict", "use_return_dict", "output_attentions", "output_hidden_states"}
)
# Tensors that some versions saved and no classification reads.
_UNREAD = ("pooler.", "position_ids", "relative_position_index", "num_batches_tracked", "attn_mask", "mask_token")


class Logits(nn.Module):
    """(N, 3, H, W) -> (N, classes): a model of transformers, whose own output is an object."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(pixel_values=x).logits
        return logits


def load(name: str, config_path: Path, content: Mapping[str, JSON], weights: Path, classes: int, size: int) -> Network:
    """The network that config.json builds, on the weights, split.

    Args:
        name: of the classifier, for messages.
        content: of config.json.
        classes: outputs of the head.
        size: side of its input, pixels.

    Raises:
        UsageError: see `build`; it cannot be split.
    """
    return split_any(build(config_path, content, weights, classes, size), size, name)


def build(config_path: Path, content: Mapping[str, JSON], weights: Path, classes: int, size: int) -> Logits:
    """The network that config.json builds, on the weights, in float32 and in eval mode.

    Args:
        see `load`.

    Raises:
        UsageError: the library cannot build it, the weights do not fit, or it does not take such an input.
    """
    state = read_state_dict(weights)
    require_depth(config_path, _cleaned(content), len(state))
    with _offline_and_silent():
        model = Logits(_filled(config_path, content, weights, classes, state)).eval().requires_grad_(False)
    try:
        with torch.no_grad():
            shape = tuple(model(torch.zeros(1, 3, size, size)).shape)
    except Exception as error:  # each class checks its input in its own way
        raise UsageError(f"{config_path}: the network takes no input of {size} x {size} ({_line(error)})") from None
    if shape != (1, classes):
        raise UsageError(f"{config_path}: the network's output is {shape}, not (1, {classes})")
    return model


def _filled(
    config_path: Path, content: Mapping[str, JSON], weights: Path, classes: int, state: dict[str, torch.Tensor]
) -> PreTrainedModel:
    """The library's model with the weights in it, in float32 and with attention that can be looked at."""
    config = _config(config_path, content, classes)
    kind = _class(config_path, config)
    try:
        loaded = kind.from_pretrained(
            None,
            config=config,
            state_dict=state,
            output_loading_info=True,
            local_files_only=True,
            attn_implementation="eager",
            dtype=torch.float32,
        )
    except Exception as error:  # a tensor of another shape among them
        reason = _other_shape(kind, config, state) or _line(error)
        raise UsageError(f"{weights}: these are not the weights of {kind.__name__} ({reason})") from None
    model, found = cast("tuple[PreTrainedModel, Mapping[str, set[str]]]", loaded)
    left_over = [key for key in found["unexpected_keys"] if not any(part in key for part in _UNREAD)]
    for keys, wrong in ((list(found["missing_keys"]), "missing"), (left_over, "left over")):
        if keys:
            first = printable(min(keys), 80)
            raise UsageError(f"{weights}: these are not the weights of {kind.__name__} ({first} is {wrong})")
    return model


def _other_shape(kind: type[PreTrainedModel], config: PreTrainedConfig, state: Mapping[str, torch.Tensor]) -> str:
    """The first tensor that config.json wants in another shape than the file has it, in words; "" where none is found.

    The library says of it only that its own report, which is not shown, has the details.
    """
    with contextlib.suppress(Exception), torch.device("meta"):  # where it cannot even be built
        for key, value in kind(config).state_dict().items():
            if key in state and state[key].shape != value.shape:
                found, wanted = ("x".join(map(str, shape)) or "()" for shape in (state[key].shape, value.shape))
                return f"{printable(key, 80)} has the shape {found}; by config.json it is {wanted}"
    return ""


def _config(path: Path, content: Mapping[str, JSON], classes: int) -> PreTrainedConfig:
    from transformers import CONFIG_MAPPING

    model_type = str(content.get("model_type"))
    if model_type not in CONFIG_MAPPING:
        raise UsageError(f"{path}: transformers has no model_type {printable(repr(model_type), 60)}")
    if "quantization_config" in content:
        raise UsageError(f"{path}: quantised weights are not supported")
    plain = _cleaned(content)
    labels = {i: f"LABEL_{i}" for i in range(classes)}
    try:
        config: PreTrainedConfig = CONFIG_MAPPING[model_type].from_dict(
            {**plain, "id2label": labels, "num_labels": classes}
        )
    except Exception as error:  # of a stranger's entries
        raise UsageError(f"{path}: not a configuration of {printable(model_type, 60)} ({_line(error)})") from None
    return config


def _cleaned(content: Mapping[str, JSON]) -> dict[str, JSON]:
    return {
        key: _cleaned(value) if isinstance(value, Mapping) else value
        for key, value in content.items()
        if key not in _NOT_OF_THE_NETWORK
    }


def _class(path: Path, config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The class for image classification that the configuration names, or the first that its type has."""
    from transformers import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING as CLASSES

    if type(config) not in CLASSES:
        raise UsageError(f"{path}: transformers classifies no images with a model of type {config.model_type!r}")
    found: object = CLASSES[type(config)]
    kinds = cast("list[type[PreTrainedModel]]", list(found) if isinstance(found, tuple | list) else [found])
    named = config.architectures if isinstance(config.architectures, list) else []
    return next((kind for kind in kinds if kind.__name__ in named), kinds[0])


@contextlib.contextmanager
def _offline_and_silent() -> Iterator[None]:
    """The hub is offline whatever the environment says, and the library writes nothing on the terminal."""
    import huggingface_hub.constants as hub
    from transformers.utils import logging

    with PROCESS_WIDE:
        offline, level, bars = hub.HF_HUB_OFFLINE, logging.get_verbosity(), logging.is_progress_bar_enabled()
        hub.HF_HUB_OFFLINE = True
        logging.set_verbosity(CRITICAL)
        logging.disable_progress_bar()
        try:
            yield
        finally:
            hub.HF_HUB_OFFLINE = offline
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()


def _line(error: Exception) -> str:
    return printable(first_line(error), 160)
