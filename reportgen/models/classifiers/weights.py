"""Weights files: find and read them. Files are untrusted, so nothing is unpickled as code."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.utils.errors import Problems, UsageError
from reportgen.utils.untrusted_files import is_file, user_path

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
    if not is_file(path):
        raise UsageError(f"{path}: no such weights file (setting weights, model {name})")
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


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name from a .pth, .pt, .tar or .safetensors file; `state_dict` and `module.` are unwrapped.

    Raises:
        UsageError: the file is truncated, is not a checkpoint, or holds more than tensors.
    """
    import torch

    content: object
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers meet untrusted bytes, and raise nearly anything
        raise UsageError(f"{path}: not a readable weights file ({_first_line(error)})") from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()
    ):
        raise UsageError(f"{path}: holds no state dict (a mapping from names to tensors)")
    return {name.removeprefix("module."): value for name, value in content.items()}


def load_weights(model: nn.Module, state: dict[str, torch.Tensor], path: Path, name: str) -> None:
    """Load strictly, or say in one line what does not fit.

    Raises:
        UsageError: a tensor is missing, left over, or of another shape.
    """
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        detail = lines[1] if len(lines) > 1 else lines[0]
        raise UsageError(f"{path}: these are not the weights of {name} ({detail[:200]})") from None


def _first_line(error: BaseException) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text[:160]
