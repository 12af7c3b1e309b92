"""Checkpoints as files: tensors as torch.load and safetensors read them, and every other file named in one line. Nothing runs."""

from __future__ import annotations

import argparse
import datetime
import gzip
import io
import pickle
import random
import struct
import tarfile
import time
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from reportgen.models.checkpoints import open_checkpoint
from reportgen.models.checkpoints.torch_file import tensors_in
from reportgen.models.classifiers.weights import local_weights
from reportgen.utils.errors import UsageError
from toys import imported

STATE = {"a.weight": torch.arange(12.0).reshape(3, 4), "a.bias": torch.ones(3), "n": torch.tensor(3)}


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as error:
        file = open_checkpoint(path)
        file.read(file.tensors)
    text = str(error.value)
    assert "\n" not in text and "\x1b" not in text
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


# --- what is read --------------------------------------------------------------------------------


def as_trained() -> dict[str, Any]:
    """A state dict with all that trainers put beside one."""
    model = nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=0.1, out=Path("x"), betas=(0.9, 0.99), device=torch.device("cpu"), r=range(3)),
        "best": np.float64(0.5),
        "curve": np.arange(3.0),
        "when": datetime.datetime(2026, 1, 1),
        "counts": defaultdict(list, {"a": [1]}),
        "size": torch.Size([2, 3]),
        "random": [torch.get_rng_state(), random.getstate(), np.random.get_state()],
        "set": {1, 2},
        "criterion": nn.CrossEntropyLoss(),
    }


def tensor_kinds() -> dict[str, torch.Tensor]:
    """Tensors of every kind that networks have, laid out in every way."""
    base = torch.randn(4, 6)
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool)
    return {
        **{str(kind).removeprefix("torch."): (base * 9).to(kind) for kind in kinds},
        "base": base,
        "shared": base[1:],
        "transposed": base.T,
        "strided": base[:, ::2],
        "expanded": torch.ones(1, 3).expand(5, 3),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": nn.Parameter(torch.randn(3)),
        "channels_last": torch.randn(1, 3, 4, 5).to(memory_format=torch.channels_last),
    }


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "make", [as_trained, tensor_kinds, lambda: OrderedDict(STATE)], ids=["trained", "kinds", "plain"]
)
def test_tensors_are_those_of_torch_load(make: Callable[[], Any], protocol: int, legacy: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(make(), tmp_path / "x.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    expected = dict(_flat(torch.load(tmp_path / "x.pth", weights_only=False)))
    file = open_checkpoint(tmp_path / "x.pth")
    found = file.read(file.tensors)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert file.tensors[name].shape == value.shape
        kind = torch.float32 if value.is_floating_point() else value.dtype
        assert torch.equal(found[name], value.to(kind)) and found[name].dtype == kind


def _flat(content: Any, prefix: str = "") -> Any:
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, torch.Tensor):
            yield prefix + key, value.detach()
        elif isinstance(key, str) and isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth", "x"])
def test_safetensors_is_known_by_its_content(name: str, tmp_path: Path) -> None:
    tensors = {**STATE, "half": torch.randn(3).half(), "b": torch.randn(2, 2).bfloat16()}
    save_file(tensors, tmp_path / name, {"format": "pt"})
    file = open_checkpoint(tmp_path / name)
    found = file.read(file.tensors)
    assert {key: record.shape for key, record in file.tensors.items()} == {
        k: tuple(v.shape) for k, v in tensors.items()
    }
    assert all(torch.equal(found[key], value.float() if key != "n" else value) for key, value in tensors.items())


def test_looking_into_a_file_imports_no_torch(tmp_path: Path) -> None:
    torch.save(as_trained(), tmp_path / "x.pth")
    code = f"""
from pathlib import Path
from reportgen.models.checkpoints import open_checkpoint
assert len(open_checkpoint(Path({str(tmp_path / "x.pth")!r})).tensors) == 2
"""
    assert imported(code, ["torch", "numpy", "safetensors"]) == []


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "x.pth")
    content = bytearray((tmp_path / "x.pth").read_bytes())
    at = content.index(STATE["a.weight"].numpy().tobytes())
    content[at] ^= 255
    (tmp_path / "x.pth").write_bytes(content)
    file = open_checkpoint(tmp_path / "x.pth")
    assert torch.equal(file.read(["a.bias"])["a.bias"], torch.ones(3))
    with pytest.raises(UsageError, match=r"x\.pth: .*damaged where its tensors lie"):
        file.read(["a.weight"])


def test_a_dict_within_itself_is_not_followed_for_ever() -> None:
    content: dict[object, object] = {}
    content["again"] = content
    assert list(tensors_in(content)) == []


# --- what is named and refused -------------------------------------------------------------------


class Learner:
    """An object of a library that holds a module, as fastai's does."""

    def __init__(self) -> None:
        self.epochs, self.model = 3, Small()


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)


def _zip(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("weights.pth"), io.BytesIO())


def _cut(path: Path, legacy: bool) -> None:
    torch.save(STATE, path, _use_new_zipfile_serialization=not legacy)
    path.write_bytes(path.read_bytes()[:-40])


def _cut_safetensors(path: Path) -> None:
    save_file(STATE, path)
    path.write_bytes(path.read_bytes()[:-8])


def _deflated(path: Path) -> None:
    torch.save(STATE, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def _bytes(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


FOREIGN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "TorchScript": (
        lambda path: torch.jit.trace(Small(), torch.ones(1, 2)).save(str(path)),
        "a TorchScript archive",
        'import torch; torch.save(torch.jit.load("x.pth", map_location="cpu").state_dict(), "x-weights.pth")',
    ),
    "whole module": (
        lambda path: torch.save(Small(), path),
        "a whole pickled model (test_checkpoint_file.Small)",
        'import torch; torch.save(torch.load("x.pth", weights_only=False).state_dict(), "x-weights.pth")',
    ),
    "module in a dict": (
        lambda path: torch.save({"epoch": 3, "net": Small()}, path),
        "a whole pickled model",
        'torch.load("x.pth", weights_only=False)["net"].state_dict()',
    ),
    "module in an object": (
        lambda path: torch.save(Learner(), path),
        "a whole pickled model (test_checkpoint_file.Small)",
        'torch.load("x.pth", weights_only=False).model.state_dict()',
    ),
    "torch.export": (
        lambda path: torch.export.save(torch.export.export(Small(), (torch.ones(1, 2),)), path),
        "a program of torch.export",
        'torch.save(torch.export.load("x.pth").state_dict',
    ),
    "Keras 3": (
        lambda path: _zip(path, "metadata.json", "config.json", "model.weights.h5"),
        "a Keras 3 model",
        'import keras; keras.saving.load_model("x.pth").export("x.onnx", format="onnx")',
    ),
    "HDF5": (_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90)), "an HDF5 file", "import keras; keras.saving.load_model"),
    "npz": (lambda path: _save_npz(path), "NumPy arrays", "torch.save(model.state_dict(), FILE)"),
    "npy": (lambda path: path.write_bytes(_npy()), "a NumPy array", "save it as safetensors"),
    "a zip around": (lambda path: _zip(path, "weights.pth"), "a zip archive with a checkpoint", "unpack it"),
    "another zip": (lambda path: _zip(path, "a.txt"), "a zip archive without what torch.save writes", ""),
    "ONNX": (_bytes(b"\x08\x08\x12\x07pytorch\x1a\x012"), "an ONNX model", "--model onnx:x.pth"),
    "SavedModel": (_bytes(b"\x08\x01\x12\xff\x01" + bytes(99)), "a TensorFlow SavedModel", "python -m tf2onnx.convert"),
    "TFLite": (_bytes(b"\x1c\0\0\0TFL3" + bytes(90)), "a TensorFlow Lite model", "ONNX"),
    "Flax": (_bytes(b"\x82\xa6params\x81\xa5dense\x80" + bytes(range(128, 200))), "a msgpack file", "Flax"),
    "GGUF": (_bytes(b"GGUF\x03\0\0\0"), "a GGUF file", ""),
    "git-lfs": (
        _bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        "git-lfs",
        "git lfs pull",
    ),
    "web page": (_bytes(b"\n<!DOCTYPE html><html>404</html>"), "a web page", "fetch the file again"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(b"x" * 99)), "compressed", "unpack it"),
    "tar": (_tar, "a tar archive", "unpack it"),
    "JSON": (_bytes(b'{"model_type": "vit"}'), "a JSON file", "the weights' own file"),
    "sharded index": (
        _bytes(b'{"metadata": {}, "weight_map": {"a": "b"}}'),
        "the index of a checkpoint in several",
        "join them",
    ),
    "text": (_bytes("Gewichte liegen anderswo, größtenteils.\n".encode()), "a text file", ""),
    "noise": (lambda path: path.write_bytes(random.Random(0).randbytes(500)), "no format of weights that we know", ""),
    "empty": (_bytes(b""), "it is empty", "fetch it again"),
    "plain pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "a plain pickle", ""),
    "cut zip": (lambda path: _cut(path, False), "cut short or damaged", "fetch it again"),
    "cut legacy": (lambda path: _cut(path, True), "cut short", ""),
    "cut safetensors": (_cut_safetensors, "cut short", ""),
    "safetensors noise": (
        _bytes(struct.pack("<Q", 40) + b'{"a": "' + bytes(60)),
        "the table at its beginning is damaged",
        "",
    ),
    "compressed entries": (_deflated, "compressed, which torch.save does not do", ""),
    "list": (lambda path: torch.save([torch.ones(2)], path), "holds no state dict", ""),
    "no tensors": (lambda path: torch.save({"a": "text"}, path), "holds no state dict", ""),
    "quantised": (
        lambda path: torch.save(
            {"b": torch.ones(2), "a": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, path
        ),
        "a is a tensor of a special kind (qtensor)",
        "",
    ),
}


def _save_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(2))


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(2))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("files", "what", "remedy"),
    [
        ((".metadata", "__0_0.distcp"), "torch.distributed.checkpoint", "dcp_to_torch x x.pth"),
        (("latest",), "DeepSpeed", "zero_to_fp32.py . x.pth"),
        (("config.json", "model.safetensors"), "Hugging Face", "/x"),
        (("best.pth",), "a folder, not the weights themselves", "give the file in it"),
    ],
)
def test_a_folder_is_said_to_be_one(files: tuple[str, ...], what: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for file in files:
        (tmp_path / "x" / file).touch()
    said = refusal(tmp_path / "x")
    assert what in said and remedy in said
    with pytest.raises(UsageError, match=what):
        local_weights("resnet18", {"resnet18": str(tmp_path / "x")})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FOREIGN)
def test_every_other_file_is_named_with_a_way_out(kind: str, tmp_path: Path) -> None:
    write, what, remedy = FOREIGN[kind]
    write(tmp_path / "x.pth")
    said = refusal(tmp_path / "x.pth")
    assert what in said and remedy in said


@pytest.mark.parametrize("kind", ["TorchScript", "whole module", "module in a dict", "module in an object"])
@pytest.mark.filterwarnings("ignore")
def test_the_lines_of_python_make_what_we_read(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    FOREIGN[kind][0](tmp_path / "x.pth")
    said = refusal(tmp_path / "x.pth")
    exec(said[said.index("import torch; ") :], {})
    assert set(open_checkpoint(tmp_path / "x-weights.pth").tensors) == {"fc.weight", "fc.bias"}


# --- nothing runs --------------------------------------------------------------------------------


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("place", ["beside", "in the state dict"])
@pytest.mark.parametrize("call", ["touch", "exec", "eval", "system"])
def test_code_in_a_checkpoint_is_named_and_not_run(
    call: str, place: str, legacy: bool, protocol: int, tmp_path: Path
) -> None:
    import os

    trace = tmp_path / "executed"
    line = f"open({str(trace)!r}, 'w').close()"
    payload = {
        "touch": Payload(Path.touch, trace),
        "exec": Payload(exec, line),
        "eval": Payload(eval, line),
        "system": Payload(os.system, f"touch {trace}"),
    }[call]
    content = {**STATE, "b": payload} if place == "in the state dict" else {"state_dict": STATE, "hparams": payload}
    path = tmp_path / "evil.pth"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    said = refusal(path)
    assert "it asks to run " in said and "nothing in a file is run" in said
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists(), "the payload does run where pickle is trusted"


def test_objects_of_unknown_classes_beside_the_weights_are_let_lie(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "hyper_parameters": {"config": Small()}}, tmp_path / "x.ckpt")
    assert set(open_checkpoint(tmp_path / "x.ckpt").tensors) == {f"state_dict.{name}" for name in STATE}


def _zip_with(pickled: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
        archive.writestr("x/data/0", bytes(64))
    return buffer.getvalue()


def _tensor(
    offset: bytes = b"K\0", shape: bytes = b"K\x02\x85", stride: bytes = b"K\x01\x85", key: bytes = b"0"
) -> bytes:
    """A pickle of {"a": a tensor}, its parts as opcodes."""
    pid = b"(\x8c\x07storagectorch\nFloatStorage\n\x8c\x01" + key + b"\x8c\x03cpuK\x10tQ"
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + pid + offset + shape + stride + b"\x89NtR"
    return b"\x80\x04}\x8c\x01a" + call + b"s."


BIG = b"\x8a\x08" + (2**60).to_bytes(8, "little")


@pytest.mark.parametrize(
    "pickled",
    [
        _tensor(offset=BIG),
        _tensor(shape=BIG + b"\x85"),
        _tensor(shape=b"\x8a\x05\0\0\0\0\x10\x85", stride=b"K\0\x85"),
        _tensor(offset=b"J\xff\xff\xff\xff"),
        _tensor(stride=b"J\xff\xff\xff\xff\x85"),
        _tensor(shape=b"K\x02K\x02\x86"),
        _tensor(key=b"7"),
        _tensor(shape=b"\x8c\x01x\x85"),
        b"\x80\x04" + b"(" * 100_000 + b".",
        b"\x80\x04}N" + b"2\x86" * 200 + b"K\x01s.",
        b"\x80\x04Nr\xff\xff\xff\x7f.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
        b"\x80\x04" + b"N0" * 600_000 + b"N.",
    ],
)
def test_a_bomb_costs_neither_time_nor_memory(pickled: bytes, tmp_path: Path) -> None:
    assert open_checkpoint(_written(tmp_path / "good.pth", _zip_with(_tensor()))).tensors["a"].shape == (2,)
    path, start = _written(tmp_path / "x.pth", _zip_with(pickled)), time.process_time()
    refusal(path)
    assert time.process_time() - start < 10


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
