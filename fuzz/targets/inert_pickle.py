"""The machine that reads pickles as data: with all opcodes, as a checkpoint is read, and with plain ones alone."""

from __future__ import annotations

import io

from fuzz.harness import changed_pickle, refused
from reportgen.utils.inert_pickle import InertMachine, Made, refuse_call
from reportgen.utils.plain_pickle import BadPickle, Name, read_plain, run_pickle

READERS = ("reportgen/utils/inert_pickle.py", "reportgen/utils/plain_pickle.py")
CHANGE = changed_pickle
_LET_BE = frozenset({"collections", "builtins", "__builtin__", "_codecs"})


def one(data: bytes) -> None:
    with refused(BadPickle):
        read_plain(data)
    with refused(BadPickle):
        run_pickle(InertMachine(_called, lambda at: at), io.BytesIO(data))


def _called(function: Name, arguments: tuple[object, ...]) -> Made:
    if function.module not in _LET_BE:
        raise refuse_call(function)
    return Made(function, arguments)
