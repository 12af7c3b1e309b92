"""Files of torch.save, without torch.load: the pickle is read inertly, the tensors' values from where they lie.

Source: torch/serialization.py and torch/_utils.py (the functions that rebuild tensors). The zip form (torch 1.6 and later) is
`NAME/data.pkl` beside `NAME/data/KEY` for every storage, uncompressed; the older one is five pickles and then the storages in
the order of the fifth. `tests/test_checkpoint_file.py` holds both to torch.load.
"""

from __future__ import annotations

import io
import math
import sys
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.models.checkpoints.file import BadFile, CheckpointFile, TensorRecord
from reportgen.utils.inert_pickle import InertMachine, Made, refuse_call
from reportgen.utils.plain_pickle import MAX_BYTES, MAX_OPCODES, BadPickle, Name, run_pickle

if TYPE_CHECKING:
    import torch

# Torch's storages by the names that they have in a file, and what lies in them.
_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "UntypedStorage": "uint8",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    # Of quantised tensors, which are not read: only how long they are.
    "QInt8Storage": "int8",
    "QUInt8Storage": "uint8",
    "QInt32Storage": "int32",
}
# Bytes of an element of every kind of tensor that is read.
_BYTES = {
    **dict.fromkeys(("float64", "int64", "uint64", "complex64"), 8),
    **dict.fromkeys(("float32", "int32", "uint32"), 4),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 2),
    **dict.fromkeys(("int8", "uint8", "bool", "float8_e4m3fn", "float8_e5m2"), 1),
    "complex128": 16,
}
# What trainers' files call for plain values. Nothing is called: a record of the call stands for its outcome. Every other
# call is refused, since a file that asks for it is not only weights.
_HARMLESS = {
    module: frozenset(names.split())
    for module, names in {
        "builtins": "set frozenset complex bytearray bytes list dict tuple range xrange slice int float str bool",
        "__builtin__": "set frozenset complex bytearray bytes list dict tuple range xrange slice int float str bool",
        "pathlib": "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
        "pathlib._local": "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
        "copyreg": "_reconstructor",
        "copy_reg": "_reconstructor",
        "_codecs": "encode",
        "argparse": "Namespace",
        "types": "SimpleNamespace",
        "functools": "partial",
        "collections": "Counter deque ChainMap UserDict",
        "datetime": "datetime date time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "uuid": "UUID",
        "numpy": "dtype ndarray",
        "numpy.core.multiarray": "scalar _reconstruct",
        "numpy._core.multiarray": "scalar _reconstruct",
        "numpy.core.numeric": "_frombuffer",
        "numpy._core.numeric": "_frombuffer",
        "torch": "Size device Generator",
        "torch.serialization": "_get_layout",
    }.items()
}
_TRAINERS = frozenset({"pytorch_lightning", "lightning", "lightning_fabric", "lightning_utilities", "omegaconf"})
_MOST_DEPTH = 6
_MOST_PARTS = 16  # of a list that is a whole file
# Elements of a tensor that repeats what lies in the file (a stride of 0): no file sets aside more memory than it has bytes.
_MOST_REPEATED = 2**20


@dataclass(frozen=True)
class _Storage:
    """A persistent id: where the values of tensors lie."""

    dtype: str
    key: str
    count: int
    first: int = 0  # of a view in an old file: where in the storage it begins


@dataclass(frozen=True)
class TorchZip(CheckpointFile):
    """A file of torch.save, 1.6 and later."""

    def _read(self, names: Collection[str]) -> dict[str, torch.Tensor]:
        with zipfile.ZipFile(self.path) as archive:
            root = _data_pickle(archive).filename.removesuffix("data.pkl")

            def storage(key: str) -> bytes:
                return archive.read(_stored(archive, f"{root}data/{key}"))

            return _tensors(self.tensors, names, storage)


@dataclass(frozen=True)
class TorchLegacy(CheckpointFile):
    """A file of torch.save before 1.6, or with `_use_new_zipfile_serialization=False`.

    Attributes:
        places: of each storage its first byte and its length in bytes.
    """

    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def _read(self, names: Collection[str]) -> dict[str, torch.Tensor]:
        with self.path.open("rb") as file:

            def storage(key: str) -> bytes:
                start, length = self.places[key]
                file.seek(start)
                return file.read(length)

            return _tensors(self.tensors, names, storage)


def open_zip(path: Path) -> TorchZip:
    """Look into a zip archive of torch.save.

    Raises:
        BadFile, BadPickle: it is damaged, asks for a call, or is not what torch writes.
    """
    with zipfile.ZipFile(path) as archive:
        entry = _data_pickle(archive)
        if entry.file_size > MAX_BYTES:
            raise BadFile(f"its description of {entry.file_size} bytes; at most {MAX_BYTES} are read")
        prefix = entry.filename.removesuffix("data.pkl")
        order = f"{prefix}byteorder"
        if order in archive.namelist() and archive.read(_stored(archive, order)) != sys.byteorder.encode():
            raise BadFile("written by a machine of the other byte order")
        content = run_pickle(_machine(), io.BytesIO(archive.read(entry)), MAX_OPCODES)
        tensors = dict(tensors_in(content))
        present = {name: archive.getinfo(name).file_size for name in archive.namelist()}
        for name, record in tensors.items():
            if record.readable and _end(record) > present.get(f"{prefix}data/{record.storage}", -1):
                raise BadFile(f"the values of {name} are not there")
    return TorchZip(path, tensors, content)


def _data_pickle(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    names = [name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
    return _stored(archive, min(names, key=len))


def _stored(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """An entry that lies in the archive as it is: what torch writes, and no bomb."""
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED:
        raise BadFile("its entries are compressed, which torch.save does not do; unpack it and save it again")
    return entry


def open_legacy(path: Path) -> TorchLegacy:
    """Look into a file of torch.save before 1.6.

    Raises:
        BadFile, BadPickle: as `open_zip`.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        # The pickles come first; a number in one cannot make more than this be set aside.
        head = io.BytesIO(file.read(MAX_BYTES))
        _magic, _protocol, system = (run_pickle(_machine(), head) for _ in range(3))
        if isinstance(system, dict) and system.get("little_endian") is not (sys.byteorder == "little"):
            raise BadFile("written by a machine of the other byte order")
        storages: dict[str, _Storage] = {}
        content = run_pickle(_machine(storages), head)
        keys = run_pickle(_machine(), head)
        places: dict[str, tuple[int, int]] = {}
        at = head.tell()
        for key in keys if isinstance(keys, list) else []:
            if key not in storages:
                raise BadFile("its storages are not those that its tensors name")
            file.seek(at)
            length = int.from_bytes(file.read(8), "little") * _BYTES[storages[key].dtype]
            places[key], at = (at + 8, length), at + 8 + length
    tensors = dict(tensors_in(content))
    for record in tensors.values():
        start, length = places.get(record.storage, (size, 0))
        if record.readable and (_end(record) > length or start + length > size):
            raise BadFile("cut short: it ends before its last tensor")
    return TorchLegacy(path, tensors, content, places)


def tensors_in(content: object, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, TensorRecord]]:
    """Every tensor that can be reached through dicts with text for keys, under its keys joined by points.

    Of a list or tuple that is the whole of the content the dicts count, each under its place: `(model.state_dict(), epoch)`.
    """
    if depth > _MOST_DEPTH:
        return
    items = content.items if isinstance(content, Made) else content
    if depth == 0 and isinstance(items, list | tuple):
        items = {str(i): item for i, item in enumerate(items[:_MOST_PARTS]) if isinstance(item, dict | Made)}
    if not isinstance(items, dict):
        return
    for key, value in items.items():
        if not isinstance(key, str):
            continue
        if isinstance(value, TensorRecord):
            yield prefix + key, value
        else:
            yield from tensors_in(value, f"{prefix}{key}.", depth + 1)


# --- the pickle ----------------------------------------------------------------------------------


def _machine(storages: dict[str, _Storage] | None = None) -> InertMachine:
    def persistent(pid: object) -> object:
        if type(pid) is tuple and len(pid) > 1 and pid[0] == "module":  # a module's class, in old files with its source
            return pid[1]
        found = _storage(pid)
        if storages is not None:
            storages[found.key] = found
        return found

    return InertMachine(_called, persistent)


def _storage(pid: object) -> _Storage:
    """("storage", class of the storage, key, device, number of elements), in old files with a view: (key, offset, size)."""
    if type(pid) is not tuple or len(pid) < 5 or pid[0] != "storage":
        raise BadPickle("it refers to what is no storage of a tensor")
    kind, key, count = pid[1], pid[2], pid[4]
    dtype = _STORAGES.get(kind.name) if type(kind) is Name and kind.module.startswith("torch") else None
    if dtype is None or type(key) is not str or not _is_count(count):
        raise BadPickle("it refers to what is no storage of a tensor")
    view = pid[5] if len(pid) > 5 else None
    first = view[1] if type(view) is tuple and len(view) == 3 else 0
    if not _is_count(first):
        raise BadPickle("it refers to what is no storage of a tensor")
    return _Storage(dtype, key, count, first)


def _called(function: Name, arguments: tuple[object, ...]) -> object:
    """What stands for the outcome of a call: a tensor's record, a dict, or a `Made`; nothing is called."""
    if (function.module, function.name) in (("collections", "OrderedDict"), ("collections", "defaultdict")):
        return _dict_of(arguments)
    if function.module == "torch._utils" or function.module == "torch._tensor":
        return _tensor(function.name, arguments)
    if not _is_harmless(function):
        raise refuse_call(function)
    return Made(function, arguments)


def _is_harmless(function: Name) -> bool:
    known = function.name in _HARMLESS.get(function.module, ())
    return known or function.module.partition(".")[0] in _TRAINERS


def _dict_of(arguments: tuple[object, ...]) -> dict[object, object]:
    """An OrderedDict or defaultdict: pickled empty, and in Python 2 with its pairs."""
    pairs = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else []
    return {
        pair[0]: pair[1]
        for pair in pairs
        if isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)
    }


def _tensor(function: str, arguments: tuple[object, ...]) -> object:
    if function == "_rebuild_from_type_v2" and len(arguments) == 4:  # a tensor with attributes of its own
        inner, inner_arguments = arguments[0], arguments[2]
        if type(inner) is Name and type(inner_arguments) is tuple:
            return _tensor(inner.name, inner_arguments)
    if function.startswith("_rebuild_parameter") and arguments:
        return arguments[0]
    dtype = arguments[6] if function == "_rebuild_tensor_v3" and len(arguments) > 6 else None
    if function in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3") and len(arguments) >= 4:
        return _record(arguments, dtype.name if type(dtype) is Name else None)
    # Quantised, sparse, on the meta device: a tensor all the same, and refused where the network asks for it.
    return TensorRecord(function.removeprefix("_rebuild_"), (), "", readable=False)


def _record(arguments: tuple[object, ...], dtype: str | None) -> TensorRecord:
    storage, offset, shape, stride = arguments[:4]
    shape, stride = (
        value.arguments[0] if isinstance(value, Made) else value for value in (shape, stride)
    )  # torch.Size
    if (
        type(storage) is not _Storage
        or type(offset) is not int
        or not _is_count(offset)
        or type(shape) is not tuple
        or type(stride) is not tuple
        or not all(_is_count(value) for value in (*shape, *stride))
        or len(shape) != len(stride)
    ):
        raise BadPickle("it describes a tensor as torch does not")
    dtype = dtype or storage.dtype
    return TensorRecord(dtype, shape, storage.key, storage.first + offset, stride, readable=dtype in _BYTES)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**62


# --- values --------------------------------------------------------------------------------------


def _end(record: TensorRecord) -> int:
    """The first byte in its storage behind a tensor."""
    if 0 in record.shape:
        return 0
    last = record.offset + sum((n - 1) * step for n, step in zip(record.shape, record.stride, strict=True))
    return (last + 1) * _BYTES[record.dtype]


def _tensors(
    records: Mapping[str, TensorRecord], names: Collection[str], storage: Callable[[str], bytes]
) -> dict[str, torch.Tensor]:
    """The tensors of these names; `storage` gives the bytes of a storage."""
    import torch

    pieces: dict[str, bytearray] = {}
    found = {}
    for name in names:
        record = records[name]
        if not record.readable:
            raise BadFile(f"{name} is a tensor of a special kind ({record.dtype}), and only plain ones are read")
        if record.storage not in pieces:
            pieces[record.storage] = bytearray(storage(record.storage))
        piece, dtype = pieces[record.storage], getattr(torch, record.dtype)
        if _end(record) > len(piece):
            raise BadFile("cut short")
        if math.prod(record.shape) > max(len(piece), _MOST_REPEATED):
            raise BadFile(f"{name} is larger than what lies in the file")
        if 0 in record.shape:
            found[name] = torch.zeros(record.shape, dtype=dtype)
            continue
        whole = torch.frombuffer(piece, dtype=dtype, count=len(piece) // _BYTES[record.dtype])
        found[name] = torch.as_strided(whole, record.shape, record.stride, record.offset)
    return found
