"""What a file is by its first bytes, and what to do where we cannot read it.

Sources of the signatures: the formats' own specifications; Hugging Face's GGUF and safetensors documents; onnx.proto
(ir_version is field 1), saved_model.proto (saved_model_schema_version is field 1 and 1).
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Literal

from reportgen.models.checkpoints.file import unreadable
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import is_file

Format = Literal["torch zip", "torch legacy", "safetensors"]

HEAD_BYTES = 4096
# The first pickle of a file of torch.save before 1.6: a number that says so.
LEGACY_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
MOST_HEADER_BYTES = 100_000_000  # what the safetensors library itself takes
MOST_ENTRIES = 100_000
# Of `LEGACY_MAGIC` the pickle's own first bytes vary with its protocol.
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_ZSTANDARD, _XZ, _BZIP2, _GZIP, _7ZIP = b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"BZh", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c"

_PACKED = "unpack it first"
_SAVE_AGAIN = "save it as safetensors, or with torch.save(model.state_dict(), FILE)"


def file_format(path: Path) -> Format:
    """The format of a checkpoint that we read.

    Raises:
        UsageError: any other file, one line that names what it is and the way out.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            size = file.seek(0, 2)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(path)
    if _PICKLE.match(head):
        if LEGACY_MAGIC in head[:32]:
            return "torch legacy"
        raise unreadable(path, "a plain pickle, which only its own program can read", _SAVE_AGAIN)
    if _is_safetensors(head, size):
        return "safetensors"
    raise unreadable(path, *_foreign(path.name, head))


def folder_refusal(path: Path) -> UsageError:
    """The refusal of a folder where a file is needed, with the way to the file where a trainer is known by it."""
    one = f"{path.name}.pth"
    if is_file(path / ".metadata"):
        what = "a checkpoint in shards (torch.distributed.checkpoint)"
        remedy = f"join them: python -m torch.distributed.checkpoint.format_utils dcp_to_torch {path.name} {one}"
    elif is_file(path / "latest") or is_file(path / "zero_to_fp32.py"):
        what = "a checkpoint of DeepSpeed"
        remedy = f"give its mp_rank_00_model_states.pt, or join its shards: python zero_to_fp32.py . {one}"
    elif is_file(path / "config.json"):
        what, remedy = "as Hugging Face's libraries save a model", f"give it as --model hf:{path}"
    else:
        what, remedy = "not the weights themselves", "give the file in it"
    return unreadable(path, f"a folder, {what}", remedy)


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    return len(head) > 9 and head[8:9] == b"{" and 2 <= length <= MOST_HEADER_BYTES and b'"' in head[9:64] and size > 0


def _of_zip(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # zipfile meets untrusted bytes, and raises more than BadZipFile
        raise unreadable(
            path, "cut short or damaged: the end of its zip archive is not there", "fetch it again"
        ) from None
    if len(names) > MOST_ENTRIES:
        raise unreadable(path, f"a zip archive of {len(names)} entries; at most {MOST_ENTRIES} are read")
    inside = {name.partition("/")[2] for name in names if "/" in name} | set(names)
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        raise unreadable(
            path,
            "a TorchScript archive (a program with its weights)",
            f'make a state dict of it: import torch; torch.save(torch.jit.load("{path.name}", map_location="cpu")'
            f'.state_dict(), "{_renamed(path)}")',
        )
    if "data.pkl" in inside:
        return "torch zip"
    raise unreadable(path, *_foreign_zip(path, inside))


def _foreign_zip(path: Path, inside: set[str]) -> tuple[str, str]:
    """What a zip archive is that torch.save has not written, and the way out."""
    if "model.weights.h5" in inside:
        return _keras(path, "a Keras 3 model")
    if any(name.startswith("models/") and name.endswith(".json") for name in inside):
        made = f'torch.save(torch.export.load("{path.name}").state_dict, "{_renamed(path)}")'
        return "a program of torch.export", f"make a state dict of it: import torch; {made}"
    if inside and all(name.endswith(".npy") for name in inside):
        return "NumPy arrays (npz)", "their names say no network that we know; " + _SAVE_AGAIN
    if any(name.endswith((".pth", ".pt", ".ckpt", ".safetensors")) for name in inside):
        return "a zip archive with a checkpoint in it", _PACKED
    return "a zip archive without what torch.save writes", _SAVE_AGAIN


def _keras(path: Path, what: str) -> tuple[str, str]:
    onnx = f"{path.stem}.onnx"
    made = f'import keras; keras.saving.load_model("{path.name}").export("{onnx}", format="onnx")'
    return what, f"make an ONNX file of it for --model onnx:{onnx}: {made}"


def _renamed(path: Path) -> str:
    return f"{path.stem}-weights.pth"


def _foreign(name: str, head: bytes) -> tuple[str, str]:
    """What a file is that is no archive and no checkpoint, and the way out."""
    if not head:
        return "it is empty", "fetch it again"
    if head.startswith(b"version https://git-lfs"):
        return "the pointer of git-lfs, not the file itself", "run git lfs pull in its folder"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _keras(Path(name), "an HDF5 file, as Keras 2 writes it")
    signatures: dict[bytes, tuple[str, str]] = {
        b"GGUF": ("a GGUF file of llama.cpp", _SAVE_AGAIN),
        b"\x93NUMPY": ("a NumPy array", _SAVE_AGAIN),
        **dict.fromkeys((_GZIP, _BZIP2, _XZ, _ZSTANDARD, _7ZIP), ("compressed", _PACKED)),
    }
    for start, found in signatures.items():
        if head.startswith(start):
            return found
    if head[257:262] == b"ustar":
        return "a tar archive", _PACKED
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model", "convert the TensorFlow model to ONNX instead (python -m tf2onnx.convert)"
    return _text(head) or _protobuf(name, head) or ("its bytes are no format of weights that we know", _SAVE_AGAIN)


def _text(head: bytes) -> tuple[str, str] | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page", "the download went wrong: fetch the file again"
    if start.startswith(b"<?xml"):
        return "an XML file", "give the weights' own file"
    if start.startswith((b"{", b"[")):
        if b"weight_map" in head:
            joined = 'save_file({k: v for f in FILES for k, v in load_file(f).items()}, "model.safetensors")'
            return "the index of a checkpoint in several files", f"join them: from safetensors.torch import *; {joined}"
        return "a JSON file", "give the weights' own file"
    try:
        head[: HEAD_BYTES - 4].decode("utf-8")
    except UnicodeDecodeError:
        return None
    return (
        None
        if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
        else ("a text file", "give the weights' own file")
    )


def _protobuf(name: str, head: bytes) -> tuple[str, str] | None:
    """ONNX, TensorFlow and msgpack have no signature: their first fields tell them."""
    graph = "convert it to ONNX (python -m tf2onnx.convert) and give --model onnx:FILE"
    if head.startswith(b"\x08\x01\x12"):
        return "a TensorFlow SavedModel", graph
    if (len(head) > 2 and head[0] == 8 and 3 <= head[1] < 32 and head[2] in b"\x12\x1a\x22\x2a\x32\x3a\x42") or (
        name.endswith(".onnx")
    ):
        return "an ONNX model", f"give it as --model onnx:{name}"
    if head[0] == 10 and name.endswith(".pb"):
        return "a frozen graph of TensorFlow", graph
    if len(head) > 1 and (0x81 <= head[0] <= 0x8F or head[0] in (0xDE, 0xDF)) and _has_text_key(head):
        return "a msgpack file, as Flax writes it", "load it in Flax and " + _SAVE_AGAIN
    return None


def _has_text_key(head: bytes) -> bool:
    at = {0xDE: 3, 0xDF: 5}.get(head[0], 1)
    return len(head) > at and (0xA0 <= head[at] <= 0xBF or head[at] in (0xD9, 0xDA))
