"""Pickles of plain data, read by a machine that can do nothing else.

A pickle is a program. Python's own `Unpickler` runs it: it imports and calls what the file names, and even with
`find_class` closed it takes classes from copyreg's extension registry without asking, sets aside as much memory as a
number in the file says, and hashes tuples nested until the interpreter falls over. Here `pickletools` (standard
library) decodes the opcodes, and those that build plain data act on a list. There is no opcode here that imports or
calls: a class that the caller admits becomes a `Name`, an object of it an `Instance`, and both are inert.

Time and memory grow with the file, whatever it says. A value that the memo holds costs nothing to repeat, but a key is
hashed and compared each time: keys are short, and few of them are numbers that a file may choose to have one hash.

Opcodes: Python's Lib/pickletools.py, protocols 0 to 5.
"""

from __future__ import annotations

import gc
import io
import pickletools
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from reportgen.utils.terminal_text import printable

# 10,000 images take 3 MB and half a million opcodes.
MAX_BYTES = 16 * 2**20
MAX_OPCODES = 1_000_000
MAX_PROTOCOL = 5
# Lists, tuples, dicts and objects: a hundred bytes each, whatever is in them. 10,000 entries with a segmentation have 60,000.
MAX_CONTAINERS = 200_000
# Of a key: characters, bytes, or an eighth of an integer's bits. It is hashed, or compared, each time that it is set.
MAX_KEY = 8192
# Python hashes a number by its remainder modulo 2**61 - 1, without a secret: of larger ones a file can find any number alike,
# and a dict of n of those takes n * n steps. Smaller integers have a hash each, and so have texts, by a secret of the process.
MODULUS = 2**61 - 1
MAX_ALIKE = 1000
MAX_NAME = 1000

_CONSTANTS: dict[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_INTEGERS = frozenset({"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"})
_TEXTS = frozenset(
    {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"}
)
_VALUES = _INTEGERS | _TEXTS | {"FLOAT", "BINFLOAT", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
_SHORT_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
# The opcodes that make something with things in it.
_MAKING = frozenset(
    {"TUPLE", "LIST", "DICT", "EMPTY_LIST", "EMPTY_DICT", "GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ"}
    | set(_SHORT_TUPLES)
)
# How protocols 0 and 1 make an object: a call of this function, with the class and `object`, under the names of Python 2 and 3.
_RECONSTRUCTORS = frozenset({("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor")})
_OBJECTS = frozenset({("__builtin__", "object"), ("builtins", "object")})


class BadPickle(Exception):
    """Bytes that are no pickle of plain data; the message is one plain line."""


@dataclass(frozen=True)
class Name:
    """A class or function that the file names. It is not imported."""

    module: str
    name: str


@dataclass(eq=False)
class Instance:
    """An object of an admitted class: its attributes as the file gives them. Nothing of the class has run."""

    of: Name
    attributes: dict[str, object] | None = None


def read_plain(data: bytes, admitted: Collection[tuple[str, str]] = (), most_opcodes: int = MAX_OPCODES) -> object:
    """The value of a pickle of None, bool, int, float, str, bytes, list, tuple and dict with such keys.

    Equal to `pickle.loads` where the file holds nothing else. Values may be shared or contain themselves: whoever
    walks them must not follow them further than their format goes.

    Args:
        admitted: (module, name) of classes and functions that may be named; they are returned as `Name` and `Instance`.

    Raises:
        BadPickle: anything else, and what exceeds `MAX_BYTES` or `most_opcodes`.
    """
    if len(data) > MAX_BYTES:
        raise BadPickle(f"{len(data)} bytes; at most {MAX_BYTES} are read")
    with _no_collections():
        return run_pickle(Machine(frozenset(admitted), MAX_CONTAINERS), io.BytesIO(data), most_opcodes)


@contextmanager
def _no_collections() -> Iterator[None]:
    """No garbage is looked for among many containers that all live on: half of the time of reading them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def run_pickle(machine: Machine, stream: BinaryIO, most_opcodes: int = MAX_OPCODES) -> object:
    """The value of the pickle at the place of `stream`, which stands behind it afterwards.

    Raises:
        BadPickle: what the machine has no opcode for, damage, and what exceeds `most_opcodes`.
    """
    count = 0
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            count += 1
            if count > most_opcodes:
                raise BadPickle(f"more than {most_opcodes} opcodes")
            if opcode.name == "STOP":
                return machine.result()
            machine.step(opcode.name, argument)
    except (IndexError, KeyError):
        raise BadPickle("not a pickle: it takes more from its stack or memo than is there") from None
    except (ValueError, OverflowError, MemoryError):  # pickletools, and its decoders, on damage
        raise BadPickle("not a pickle, or a damaged one") from None
    raise BadPickle("not a pickle, or a damaged one")


class Machine:
    """The stack, the marks on it, and the memo. The memo is a dict: a huge number in the file costs nothing.

    `reportgen.utils.inert_pickle` has one with a few opcodes more.

    Args:
        admitted: (module, name) of classes and functions that may be named.
        most_containers: lists, tuples, dicts and objects that it makes; None: as many as there are opcodes.
    """

    def __init__(self, admitted: frozenset[tuple[str, str]] = frozenset(), most_containers: int | None = None) -> None:
        self._admitted = admitted
        self._most_containers = most_containers
        self._containers = 0
        self._large_keys = 0
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}
        # Every opcode that is read, but for `_VALUES`. It takes the opcode's argument, None where there is none.
        self._steps: dict[str, Callable[[Any], None]] = {
            "PROTO": self._protocol,
            "FRAME": lambda _: None,  # only says how much to read at once
            **{name: partial(self._constant, value) for name, value in _CONSTANTS.items()},
            **{name: partial(self._short_tuple, count) for name, count in _SHORT_TUPLES.items()},
            **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), self._get),
            **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), self._put),
            "MEMOIZE": lambda _: self._put(len(self._memo)),
            "MARK": lambda _: self._marks.append(len(self._stack)),
            "POP": self._pop,
            "POP_MARK": lambda _: self._to_mark().clear(),
            "DUP": lambda _: self._stack.append(self._top()),
            "TUPLE": lambda _: self._stack.append(tuple(self._to_mark())),
            "EMPTY_LIST": lambda _: self._stack.append([]),
            "LIST": lambda _: self._stack.append(self._to_mark()),
            "APPEND": lambda _: self._extend(self._take(1)),
            "APPENDS": lambda _: self._extend(self._to_mark()),
            "EMPTY_DICT": lambda _: self._stack.append({}),
            "DICT": self._dict,
            "SETITEM": lambda _: self._fill(self._take(2)),
            "SETITEMS": lambda _: self._fill(self._to_mark()),
            "GLOBAL": lambda names: self._name(*names.split(" ", 1)),
            "STACK_GLOBAL": lambda _: self._name(*self._take(2)),
            "REDUCE": self._reconstruct,
            "NEWOBJ": self._new,
            "BUILD": self._build,
        }

    def result(self) -> object:
        if len(self._stack) != 1 or self._marks:
            raise BadPickle("not a pickle: it does not end with one value")
        return self._stack[0]

    def step(self, opcode: str, argument: object) -> None:
        if opcode in _VALUES:
            self._stack.append(argument)
        elif opcode in self._steps:
            if opcode in _MAKING:
                self._count_container()
            self._steps[opcode](argument)
        else:
            raise BadPickle(f"its opcode {opcode} has no place in plain data")

    def _protocol(self, version: int) -> None:
        if version > MAX_PROTOCOL:
            raise BadPickle(f"protocol {version}; 0 to {MAX_PROTOCOL} are read")

    # --- the memo ---

    def _get(self, at: int) -> None:
        self._stack.append(self._memo[at])

    def _put(self, at: int) -> None:
        self._memo[at] = self._top()

    # --- the stack ---

    def _take(self, count: int) -> list[object]:
        """The last `count` values, never from below a mark."""
        at = len(self._stack) - count
        if at < (self._marks[-1] if self._marks else 0):
            raise IndexError
        values = self._stack[at:]
        del self._stack[at:]
        return values

    def _top(self) -> object:
        (value,) = self._take(1)
        self._stack.append(value)
        return value

    def _to_mark(self) -> list[object]:
        at = self._marks.pop()
        values = self._stack[at:]
        del self._stack[at:]
        return values

    def _pop(self, _: None) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()  # a mark is a thing on the stack, too
        else:
            self._take(1)

    def _constant(self, value: object, _: None) -> None:
        self._stack.append(value)

    # --- containers ---

    def _count_container(self) -> None:
        self._containers += 1
        if self._most_containers is not None and self._containers > self._most_containers:
            raise BadPickle(f"more than {self._most_containers} lists, tuples, dicts and objects")

    def _require_cheap_key(self, key: object) -> None:
        """Whether a key, which is plain, costs little to hash, to compare and to tell from the others."""
        if isinstance(key, str | bytes):
            if len(key) > MAX_KEY:
                raise BadPickle(f"a key of {len(key)} characters; at most {MAX_KEY} are read")
        elif isinstance(key, int) and not -MODULUS < key < MODULUS:
            self._large_keys += 1
            if key.bit_length() > 8 * MAX_KEY:
                raise BadPickle(f"a key is an integer of {key.bit_length()} bits; at most {8 * MAX_KEY} are read")
            if self._large_keys > MAX_ALIKE:
                raise BadPickle(f"more than {MAX_ALIKE} keys are integers of more than 60 bits")

    def _short_tuple(self, count: int, _: None) -> None:
        self._stack.append(tuple(self._take(count)))

    def _extend(self, values: list[object]) -> None:
        container = self._top()
        if type(container) is not list:
            raise BadPickle("not a pickle: it appends to what is no list")
        container.extend(values)

    def _dict(self, _: None) -> None:
        values = self._to_mark()
        self._stack.append({})
        self._fill(values)

    def _fill(self, values: list[object]) -> None:
        """Keys and values in turn into the dict on top."""
        container = self._top()
        if type(container) is not dict or len(values) % 2:
            raise BadPickle("not a pickle: it sets an item of what is no dict")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Nothing else has a place in settings, and the hash of a nested tuple may take for ever.
            if key is not None and type(key) not in (str, int, float, bool, bytes):
                raise BadPickle(f"a key is of type {type(key).__name__}; text is expected")
            self._require_cheap_key(key)
            container[key] = value

    # --- names and objects, inert ---

    def _name(self, module: object, name: object) -> None:
        if type(module) is not str or type(name) is not str:
            raise BadPickle("it names a class by what is no text")
        if (module, name) not in self._admitted | _RECONSTRUCTORS | _OBJECTS:
            raise BadPickle(f"it asks for {printable(f'{module}.{name}', 80)}, and only plain data are read")
        self._stack.append(Name(module, name))

    def _reconstruct(self, _: None) -> None:
        function, arguments = self._take(2)
        known = type(function) is Name and (function.module, function.name) in _RECONSTRUCTORS
        if not known or type(arguments) is not tuple or len(arguments) != 3:
            raise BadPickle("it calls a function")
        made, base, state = arguments
        if type(base) is not Name or (base.module, base.name) not in _OBJECTS or state is not None:
            raise BadPickle("it calls a function")
        self._stack.append(self._instance(made))

    def _new(self, _: None) -> None:
        made, arguments = self._take(2)
        if arguments != ():
            raise BadPickle("it calls a class with arguments")
        self._stack.append(self._instance(made))

    def _instance(self, made: object) -> Instance:
        if type(made) is not Name or (made.module, made.name) not in self._admitted:
            raise BadPickle("it makes an object of what is no admitted class")
        return Instance(made)

    def _build(self, _: None) -> None:
        (state,) = self._take(1)
        made = self._top()
        if type(made) is not Instance or type(state) is not dict or made.attributes is not None:
            raise BadPickle("it sets the state of what has none")
        made.attributes = state
