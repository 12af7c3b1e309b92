"""`open_clip:MODEL/TAG`: any CLIP of the open_clip library, the write-up's ViT-B-16/openai among them, or a local checkpoint.

CLIP (Radford et al., 2021) embeds pictures and words itself. Weights are looked for where open_clip and Hugging Face keep them;
`open_clip:MODEL` without a tag takes a file from the settings.
"""

from __future__ import annotations

import logging
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypedDict
from urllib.parse import urlparse

import numpy as np

from reportgen.models.classifiers.weights import (
    MissingWeights,
    Remote,
    hugging_face,
    load_weights,
    local_weights,
    read_state_dict,
)
from reportgen.models.encoders.base import EmbedTexts
from reportgen.utils.concurrency import PROCESS_WIDE, engine_lock
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256
from reportgen.utils.json_types import JSON

if TYPE_CHECKING:
    import torch

PREFIX = "open_clip:"
WRITEUP = "open_clip:ViT-B-16/openai"
INSTEAD = 'the embedded encoder: dissection.encoder = "conse"'
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
TEXT_BATCH = 256
# What OpenAI's TorchScript archives hold beside the weights.
_NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size")


class PretrainedConfig(TypedDict, total=False):
    """What open_clip knows of a model's tag, as far as it is read here; empty for a tag that it does not know."""

    url: str
    hf_hub: str
    quick_gelu: bool


class Preprocessing(TypedDict):
    """From pixels to the input of a CLIP, as open_clip writes it down."""

    size: int | tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str


class Tokenizer(Protocol):
    """Texts -> (texts, context length) token numbers."""

    def __call__(self, texts: list[str]) -> torch.Tensor: ...


class ClipNetwork(Protocol):
    """The two towers of a CLIP of open_clip: (N, 3, H, W) pixels and (N, length) tokens -> (N, D) embeddings.

    Attributes:
        positional_embedding, attn_mask: of the text tower; some models keep theirs elsewhere and have neither.
    """

    positional_embedding: torch.Tensor
    attn_mask: torch.Tensor

    def encode_image(self, image: torch.Tensor) -> torch.Tensor: ...

    def encode_text(self, text: torch.Tensor) -> torch.Tensor: ...


class OpenClip:
    """See `reportgen.models.encoders.base.Encoder`."""

    temperature = 10.0
    classifier = None
    limits = (
        "The encoder knows concepts as captions on the web use words; a label is the word that it finds most like the pictures, not a "
        "proof that the unit detects the thing.",
    )

    def __init__(self, name: str, weights: Mapping[str, str]) -> None:
        self.name = name
        self.title = f"CLIP {name.removeprefix(PREFIX)}"
        self._architecture, _, self._tag = name.removeprefix(PREFIX).partition("/")
        self._weights = dict(weights)

    def identity(self) -> Mapping[str, JSON]:
        return {"encoder": self.name, "weights": file_sha256(self._path())}

    def weights_file(self) -> Path:
        return self._path()

    def observe(self, frame: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
        """`embedding` (D,) float32, of length 1."""
        return {"embedding": self._clip().embed_image(frame)}

    def embed_images(self, kept: Sequence[Mapping[str, np.ndarray]], texts: EmbedTexts) -> np.ndarray:
        return np.stack([image["embedding"] for image in kept])

    def embed_texts(self, words: Sequence[str]) -> np.ndarray:
        return self._clip().embed_texts(words)

    def _clip(self) -> _Clip:
        quick = bool(self._config().get("quick_gelu", False)) if self._tag else False
        with _LOADING:
            return _load(self.name, self._architecture, quick, self._path())

    def _config(self) -> PretrainedConfig:
        import open_clip

        config: PretrainedConfig = open_clip.get_pretrained_cfg(self._architecture, self._tag)
        if self._tag and not config:
            known = open_clip.list_pretrained_tags_by_model(self._architecture)
            where = f"tags of {self._architecture}: {', '.join(known)}" if known else "open_clip has no such model"
            raise UsageError(f"unknown encoder {self.name!r}; {where}")
        return config

    def _path(self) -> Path:
        local = local_weights(self.name, self._weights)
        if local is not None:
            return local
        if not self._tag:
            raise UsageError(f'{self.name}: add a tag ({WRITEUP}), or its file with [weights] "{self.name}" = "PATH"')
        config = self._config()
        url = config.get("url", "")
        fetched = Path("~/.cache/clip").expanduser() / Path(urlparse(url).path).name
        if url and fetched.is_file():
            return fetched
        repository, _, file = config.get("hf_hub", "").rpartition("/")
        try:
            if repository:
                return hugging_face(self.name, repository, (file,) if file else HUB_FILES, INSTEAD)
        except MissingWeights:
            if not url:
                raise
        raise MissingWeights(self.name, (Remote(url, fetched, _hash_in(url)),), INSTEAD)


def _hash_in(url: str) -> str:
    """The SHA-256, or its first digits, where a host writes it into the address (as open_clip itself reads it)."""
    parts = Path(urlparse(url).path)
    if "openaipublic" in url:
        return parts.parent.name
    return parts.stem.rsplit("-", 1)[-1] if "mlfoundations" in url else ""


class _Clip:
    """The loaded network with its tokenizer."""

    def __init__(self, model: ClipNetwork, tokenizer: Tokenizer, preprocessing: Preprocessing) -> None:
        self._model = model
        self._tokenizer = tokenizer
        size = preprocessing["size"]
        self._side = int(size if isinstance(size, int) else size[0])
        self._mean = np.asarray(preprocessing["mean"], np.float32)
        self._std = np.asarray(preprocessing["std"], np.float32)
        self._interpolation = str(preprocessing["interpolation"])

    def embed_image(self, frame: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8, square -> (D,) float32 of length 1."""
        import torch
        from PIL import Image

        resample = Image.Resampling.BILINEAR if self._interpolation == "bilinear" else Image.Resampling.BICUBIC
        pixels = np.asarray(Image.fromarray(frame).resize((self._side, self._side), resample), np.float32) / 255
        x = torch.from_numpy(((pixels - self._mean) / self._std).transpose(2, 0, 1)[None].copy())
        with engine_lock(), torch.inference_mode():
            values: np.ndarray = _unit(self._model.encode_image(x))[0]
            return values

    def embed_texts(self, words: Sequence[str]) -> np.ndarray:
        """(len(words), D) float32, rows of length 1; a word stands alone, as in CLIP-Dissect."""
        import torch

        tokens = self._tokenizer(list(words))
        lengths = (
            (tokens.argmax(dim=1) + 1).numpy() if _is_causal(self._model) else np.full(len(words), tokens.shape[1])
        )
        by_length = np.argsort(lengths, kind="stable")
        parts = []
        with torch.inference_mode():
            for start in range(0, len(words), TEXT_BATCH):
                rows = by_length[start : start + TEXT_BATCH]
                with _context(self._model, int(lengths[rows[-1]])) as length:
                    parts.append(_unit(self._model.encode_text(tokens[rows, :length])))
        embedded = np.empty((len(words), parts[0].shape[1]), np.float32)
        embedded[by_length] = np.concatenate(parts)
        return embedded


def _is_causal(model: ClipNetwork) -> bool:
    """Whether a text is read left to right up to its end token, the one with the largest number."""
    pool = getattr(model, "text_pool_type", "")
    return getattr(model, "attn_mask", None) is not None and pool == "argmax" and hasattr(model, "positional_embedding")


@contextmanager
def _context(model: ClipNetwork, length: int) -> Iterator[int]:
    """The text tower of a causal model cut to `length` positions: what follows the end token changes nothing, and a word
    needs 3 of CLIP's 77."""
    from torch import nn

    if not _is_causal(model):
        yield length
        return
    positions, mask = model.positional_embedding, model.attn_mask
    try:
        model.positional_embedding = nn.Parameter(positions[:length], requires_grad=False)
        model.attn_mask = mask[:length, :length]
        yield length
    finally:
        model.positional_embedding, model.attn_mask = positions, mask


def _unit(features: torch.Tensor) -> np.ndarray:
    values: np.ndarray = features.float().cpu().numpy()
    result: np.ndarray = values / np.linalg.norm(values, axis=1, keepdims=True)
    return result


_LOADING = threading.Lock()  # one thread loads, the others wait and find it loaded


@lru_cache(maxsize=1)
def _load(name: str, architecture: str, quick_gelu: bool, path: Path) -> _Clip:
    import open_clip
    from open_clip.convert import convert_state_dict

    if architecture not in open_clip.list_models():
        raise UsageError(f"unknown encoder {name!r}; open_clip has no model {architecture!r}")
    # Quiet: it warns on the root logger that it has no weights; they come next.
    logging.disable(logging.WARNING)
    try:
        model = open_clip.create_model(
            architecture, pretrained=None, load_weights=False, pretrained_hf=False, force_quick_gelu=quick_gelu
        ).eval()
    finally:
        logging.disable(logging.NOTSET)
    load_weights(model, convert_state_dict(model, _read(path)), path, name)
    return _Clip(model, open_clip.get_tokenizer(architecture), open_clip.get_model_preprocess_cfg(model))


def _read(path: Path) -> dict[str, torch.Tensor]:
    if not _is_torchscript(path):
        return read_state_dict(path)
    import torch

    try:
        with PROCESS_WIDE, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces TorchScript's end; OpenAI's files are in it all the same
            state = torch.jit.load(path, map_location="cpu").state_dict()
    except RuntimeError as error:
        raise UsageError(f"{path}: not a readable weights file ({str(error).splitlines()[0][:160]})") from None
    return {key: value.float() for key, value in state.items() if key not in _NO_WEIGHTS}


def _is_torchscript(path: Path) -> bool:
    """OpenAI publishes TorchScript archives: a zip with a `code` folder. Only their tensors are used."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in entry for entry in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False
