"""reportgen.utils.plain_pickle: plain data come back as pickle reads them; an untrusted program is refused, and none of it runs."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import struct
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lime.wrappers.scikit_image import SegmentationAlgorithm

from reportgen.utils.inert_pickle import InertMachine
from reportgen.utils.plain_pickle import MAX_BYTES, MAX_OPCODES, BadPickle, read_plain, run_pickle

WRAPPER = ("lime.wrappers.scikit_image", "SegmentationAlgorithm")
ADMITTED = {WRAPPER, ("skimage.segmentation.slic_superpixels", "slic")}
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def refusal(data: bytes, most: int = MAX_OPCODES) -> str:
    with pytest.raises(BadPickle) as caught:
        read_plain(data, ADMITTED, most)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- plain data ----------------------------------------------------------------------------------


def plain(*kinds: Any) -> Any:
    keys = st.one_of(*kinds)
    return st.recursive(
        keys | st.floats(allow_nan=False),
        lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner),
        max_leaves=20,
    )


SCALARS = (st.none(), st.booleans(), st.integers(), st.text())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(plain(*SCALARS, st.binary()), st.sampled_from((3, 4, 5)))  # older protocols write bytes as a call
def test_plain_data_are_read_as_pickle_reads_them(value: Any, protocol: int) -> None:
    found = read_plain(pickle.dumps(value, protocol))
    assert repr(found) == repr(value)  # types, order and signs, too


@settings(max_examples=100, deadline=None, derandomize=True)
@given(plain(*SCALARS), st.sampled_from((0, 1, 2)))
def test_so_are_files_of_old_protocols(value: Any, protocol: int) -> None:
    assert repr(read_plain(pickle.dumps(value, protocol))) == repr(value)


def test_values_that_are_shared_or_hold_themselves_stay_so() -> None:
    shared: list[Any] = [1]
    inside: list[Any] = []
    inside.append((inside, shared, shared))
    for protocol in PROTOCOLS:
        found = read_plain(pickle.dumps(inside, protocol))
        assert found[0][0] is found
        assert found[0][1] is found[0][2]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_limes_own_object_is_read_without_being_made(protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps(SegmentationAlgorithm("slic", n_segments=50), protocol)
    monkeypatch.setitem(sys.modules, WRAPPER[0], None)  # an import would fail
    found = read_plain(data, ADMITTED)
    assert (found.of.module, found.of.name) == WRAPPER
    assert found.attributes["target_params"] == {"n_segments": 50}
    with pytest.raises(BadPickle, match=r"asks for lime\.wrappers\.scikit_image\.SegmentationAlgorithm"):
        read_plain(data)


@pytest.mark.parametrize(
    "data", [b"", b".", b"N", b"hello", b"(", b"(.", b"NN.", b"0.", b"\x80\x06N.", b"(lp0\n0h\x00h\x01."]
)
def test_what_is_no_pickle_is_said_so(data: bytes) -> None:
    refusal(data)


# --- hostile -------------------------------------------------------------------------------------


class Runs:
    """A value whose pickle calls a function."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], self.call[1:]


def touch(trace: Path) -> str:
    return f"touch '{trace}'"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


class Stateful:
    """A value whose pickle sets a state by a function of the file's choice (protocol 2 and later, six items)."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (), touch(self.trace), None, None, lambda_for_state


def lambda_for_state(_: Any, command: str) -> None:
    os.system(command)


# Each is a pickle that runs a command where pickle is trusted.
RUNNING: dict[str, Callable[[Path], bytes]] = {
    **{f"os.system, protocol {p}": lambda t, p=p: pickle.dumps(Runs(os.system, touch(t)), p) for p in PROTOCOLS},
    "eval": lambda t: pickle.dumps(Runs(eval, f"__import__('os').system({touch(t)!r})")),
    "exec": lambda t: pickle.dumps(Runs(exec, f"import os; os.system({touch(t)!r})")),
    "in an entry": lambda t: pickle.dumps({"fish": {"segmentation_fn": Runs(os.system, touch(t))}}),
    "as a key": lambda t: pickle.dumps({Runs(os.system, touch(t)): {}}),
    "in limes object": lambda t: pickle.dumps(
        {"fish": {"segmentation_fn": SegmentationAlgorithm("slic", sigma=Runs(os.system, touch(t)))}}
    ),
    "two calls, the first harmless": lambda t: pickle.dumps([Runs(dict), Runs(os.system, touch(t))]),
    "setting a state": lambda t: pickle.dumps(Stateful(t), 4),
    "INST": lambda t: b"(" + text(touch(t)) + b"ios\nsystem\n.",
    "OBJ": lambda t: b"(cos\nsystem\n" + text(touch(t)) + b"o.",
    "STACK_GLOBAL": lambda t: b"\x80\x04" + text("os") + text("system") + b"\x93(" + text(touch(t)) + b"tR.",
    "STACK_GLOBAL by the memo": lambda t: (
        b"\x80\x04" + text("os") + b"\x94" + text("system") + b"\x94" + b"00h\x00h\x01\x93(" + text(touch(t)) + b"tR."
    ),
    "a dotted name in an admitted module": lambda t: (
        b"\x80\x04"
        + text(WRAPPER[0])
        + text("types.FunctionType.__subclasshook__.__class__")
        + b"\x930"
        + text("os")
        + text("system")
        + b"\x93("
        + text(touch(t))
        + b"tR."
    ),
    "behind a value": lambda t: b"\x80\x02N0cos\nsystem\n(" + text(touch(t)) + b"tR.",
    "EXT1": lambda t: b"\x80\x02\x82\xf0(" + text(touch(t)) + b"tR.",
    "EXT2": lambda t: b"\x80\x02\x83\xf0\x00(" + text(touch(t)) + b"tR.",
    "EXT4": lambda t: b"\x80\x02\x84\xf0\x00\x00\x00(" + text(touch(t)) + b"tR.",
}


@pytest.fixture
def extension() -> Iterator[None]:
    """os.system in copyreg's registry, from which Python's unpickler takes it without asking `find_class` twice."""
    copyreg.add_extension(os.system.__module__, "system", 240)  # posix: where pickle says that it lies
    yield
    copyreg.remove_extension(os.system.__module__, "system", 240)


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize("kind", RUNNING)
def test_a_pickle_that_would_run_a_command_is_refused_and_nothing_runs(kind: str, tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    data = RUNNING[kind](trace)
    before = set(sys.modules)
    refusal(data)
    assert not trace.exists()
    assert set(sys.modules) == before, "nothing is imported"
    pickle.loads(data)
    assert trace.exists(), "it does run where pickle is trusted"


GLOBAL = b"c" + "\n".join(WRAPPER).encode() + b"\n"
FUNCTION = b"cskimage.segmentation.slic_superpixels\nslic\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (GLOBAL + b"(" + text("slic") + b"tR.", "it calls a function"),
        (FUNCTION + b"(Nt\x81.", "calls a class with arguments"),
        (FUNCTION + b"(NtR.", "it calls a function"),
        (GLOBAL + b"}" + text("__call__") + text("x") + b"sb.", "sets the state of what has none"),
        (GLOBAL + b")\x81}b}b.", "sets the state of what has none"),
        (b"}}b.", "sets the state of what has none"),
        (b"]}b.", "sets the state of what has none"),
        (b"ccopyreg\n_reconstructor\n(" + GLOBAL + b"cbuiltins\nobject\n" + text("state") + b"tR.", "calls a function"),
        (b"ccopyreg\n_reconstructor\n(" + GLOBAL + GLOBAL + b"NtR.", "calls a function"),
        (b"ccopyreg\n_reconstructor\n(cbuiltins\nobject\ncbuiltins\nobject\nNtR.", "no admitted class"),
        (b"cbuiltins\nobject\n)\x81.", "no admitted class"),
        (b"ccopyreg\n_reconstructor\n)\x81.", "no admitted class"),
        (b"cbuiltins\ngetattr\n.", "asks for builtins.getattr"),
        (b"cbuiltins\n\x1b[2Jx\n.", r"asks for builtins.\x1b[2Jx"),
        (b"\x80\x04" + text("os") + b"N\x93.", "by what is no text"),
        (b"Pfile:///etc/passwd\n.", "opcode PERSID"),
        (b"K\x01Q.", "opcode BINPERSID"),
        (GLOBAL + b")}\x92.", "opcode NEWOBJ_EX"),
        (b"\x80\x05\x97.", "opcode NEXT_BUFFER"),
        (b"\x8f(K\x01\x90.", "opcode EMPTY_SET"),
        (pickle.dumps(frozenset({1})), "opcode FROZENSET"),
        (pickle.dumps(bytearray(b"x"), 5), "opcode BYTEARRAY8"),
        (pickle.dumps(np.int64(3)), "asks for numpy"),
        (pickle.dumps({(1, 2): 3}), "a key is of type tuple"),
        (b"](K\x01u.", "no dict"),
        (b"}K\x01a.", "no list"),
        (b"(K\x01R.", "more from its stack"),
        (b"K\x01(a.", "more from its stack"),
        (b"h\x07.", "more from its stack or memo"),
        (b"N(N\x861.", "more from its stack"),  # a pair from both sides of a mark
    ],
)
def test_every_other_trick_is_refused(data: bytes, said: str) -> None:
    assert said in refusal(data)


def laughing_key(depth: int) -> bytes:
    """A dict whose key is a tuple of two tuples of two tuples: small in memory, its hash takes 2 to the depth steps."""
    return b"}N" + b"2\x86" * depth + b"K\x01s."


BOMBS = {
    "memo at two billion": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "bytes of an exabyte": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
    "bytearray of an exabyte": b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".",
    "text of an exabyte": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b".",
    "a frame of an exabyte": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
    "an integer of 2 GiB": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01.",
    "a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
    "a key that laughs": laughing_key(200),
    "a key deeper than the stack": b"}N" + b"\x85" * 200_000 + b"K\x01s.",
    "marks": b"(" * 200_000 + b".",
    "too many opcodes": b"N0" * 50_000 + b"N.",
    "too many bytes": pickle.dumps("x" * MAX_BYTES),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_costs_neither_time_nor_memory(kind: str) -> None:
    assert MAX_OPCODES == 1_000_000
    most = 100_000 if kind == "too many opcodes" else MAX_OPCODES
    tracemalloc.start()
    start = time.process_time()
    try:
        if kind in ("memo at two billion", "a frame of an exabyte"):
            assert read_plain(BOMBS[kind]) is None  # the number is just not believed
        else:
            refusal(BOMBS[kind], most)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 30  # under tracemalloc; the laughing key alone would take years
    assert peak < 200 * 2**20


def test_a_name_as_long_as_the_file_is_not_compared_again_and_again() -> None:
    """Of equal hash, each is compared with the one before: the file is 8 MB, the comparisons would be 100,000 times that."""
    machine = InertMachine(lambda function, arguments: None, lambda identifier: None)
    module = text("a" * 4_000_000)
    data = module + b"\x940" + module + b"\x940" + b"h\x00h\x00\x930h\x01h\x01\x930" * 1000 + b"N."
    with pytest.raises(BadPickle, match="names a class by more than 1000 characters"):
        run_pickle(machine, io.BytesIO(data))


def test_keys_of_one_hash_are_refused_in_a_checkpoint_too() -> None:
    machine = InertMachine(lambda function, arguments: None, lambda identifier: None)
    data = pickle.dumps({(2**61 - 1) * number: None for number in range(1, 3000)})
    with pytest.raises(BadPickle, match="more than 1000 keys are integers of more than 60 bits"):
        run_pickle(machine, io.BytesIO(data))


def test_large_integers_as_keys_are_read_where_they_are_few() -> None:
    few = {2**70 + number: number for number in range(1000)}
    assert read_plain(pickle.dumps(few)) == few
    many = dict.fromkeys(range(5000))
    assert read_plain(pickle.dumps(many)) == many
