"""Weights files: find them, and read a state dict that is known to be one (`fit.py` reads what trainers write)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.models.checkpoints import open_checkpoint
from reportgen.models.checkpoints.formats import folder_refusal
from reportgen.models.classifiers.fitting.fit import require_real, with_versions
from reportgen.models.classifiers.fitting.misfit import misfit
from reportgen.utils.errors import Problems, UsageError
from reportgen.utils.untrusted_files import is_file, is_folder, user_path

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Remote:
    """A file that can be fetched: from where, to where, and what is known of its bytes.

    Attributes:
        sha256: the SHA-256, or its first digits (torchvision writes eight into the file name); "" where none is published.
        check: raises UsageError where the fetched file is not what it should be.
    """

    url: str
    path: Path
    sha256: str = ""
    check: Callable[[Path], object] | None = None


class MissingWeights(Problems):
    """Files that are not on this machine; `remotes` tells where they could be fetched from."""

    def __init__(self, name: str, remotes: tuple[Remote, ...], instead: str, local: str = "a local file") -> None:
        self.name = name
        self.remotes = remotes
        super().__init__(
            [
                f"{name}: {remote.path.name} is not on this machine (looked for {remote.path}); fetch it with reportgen models "
                f'fetch {name}, give {local} with [weights] "{name}" = "PATH" in reportgen.toml, or use {instead}'
                for remote in remotes
            ]
        )


def local_weights(name: str, weights: dict[str, str]) -> Path | None:
    """The file that the settings give for model `name`, or None where they give none.

    Raises:
        UsageError: the settings name a file that is not there.
    """
    if name not in weights:
        return None
    path = user_path(weights[name])
    if is_folder(path):
        raise folder_refusal(path)
    if not is_file(path):
        raise UsageError(f"{path}: no such weights file (model {name})")
    return path


def torch_hub_file(filename: str) -> Path:
    """Where torch.hub keeps a downloaded weights file, whether or not it is there (no torch needed)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    home = Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser()
    return home / "hub" / "checkpoints" / filename


EMBEDDED = "an embedded model such as efficientnet_lite0"


def hugging_face(
    name: str,
    repository: str,
    files: tuple[str, ...],
    instead: str,
    *,
    local: str = "a local file",
    check: Callable[[Path], object] | None = None,
) -> Path:
    """A file of a Hugging Face repository: in the hub's own cache, or where `reportgen models fetch` puts it.

    Args:
        files: names to look for, the first is the one to fetch.
        local: what [weights] may name instead.
        check: of a fetched file (`Remote`).

    Raises:
        MissingWeights: it is in neither place.
    """
    from huggingface_hub import try_to_load_from_cache

    for file in files:
        cached = try_to_load_from_cache(repository, file)
        if isinstance(cached, str):
            return Path(cached)
        # Many repositories call their file model.safetensors: keep the repository in the name.
        own = torch_hub_file(f"{repository.replace('/', '--')}--{file}")
        if own.is_file():
            return own
    own = torch_hub_file(f"{repository.replace('/', '--')}--{files[0]}")
    url = f"https://huggingface.co/{repository}/resolve/main/{files[0]}"
    raise MissingWeights(name, (Remote(url, own, check=check),), instead, local)


# Where trainers put a state dict beside other things.
_STATE_DICTS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
_WRAPPERS = ("module.", "_orig_mod.")


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name from a checkpoint, in float32; what wraps the state dict and its names is taken off.

    Raises:
        UsageError: the file is no checkpoint that we read, or holds no tensors.
    """
    file = open_checkpoint(path)
    content = file.content if isinstance(file.content, dict) else {}
    within = {
        key: sum(name.startswith(f"{key}.") for name in file.tensors)
        for key in _STATE_DICTS
        if isinstance(content.get(key), dict)
    }
    prefix = f"{max(within, key=lambda key: within[key])}." if any(within.values()) else ""
    tensors = file.read([name for name in file.tensors if name.startswith(prefix)])
    require_real(path, tensors)
    state = {name.removeprefix(prefix): value for name, value in tensors.items()}
    while wrapper := next((wrapper for wrapper in _WRAPPERS if all(name.startswith(wrapper) for name in state)), None):
        state = {name.removeprefix(wrapper): value for name, value in state.items()}
    return state


def load_weights(model: nn.Module, state: dict[str, torch.Tensor], path: Path, name: str) -> None:
    """Load strictly, or say in one line what does not fit.

    Raises:
        UsageError: a tensor is missing, left over, or of another shape.
    """
    try:
        model.load_state_dict(with_versions(state, model))
    except RuntimeError:
        found = {key: tuple(value.shape) for key, value in state.items()}
        raise misfit(
            path, name, found, {key: tuple(value.shape) for key, value in model.state_dict().items()}
        ) from None
