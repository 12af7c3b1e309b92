"""Every seed of the fuzzing, and everything that it found, goes through its door: what was mended stays mended."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from fuzz import NAMES, SECONDS, targets
from fuzz.harness import changed_json, changed_pickle, joined, parted

FILES = [(name, path) for name in NAMES for path in targets.corpus(name)]


@pytest.mark.parametrize(("name", "path"), FILES, ids=[f"{name}-{path.name}" for name, path in FILES])
def test_a_door_takes_or_refuses_what_lies_in_its_corpus(name: str, path: Path) -> None:
    door, start = targets.target(name), time.process_time()
    door.one(path.read_bytes())
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("name", NAMES)
def test_a_door_takes_or_refuses_what_is_none(name: str) -> None:
    door = targets.target(name)
    for data in (b"", b"\0", b"{}", b"==> a <==\n", bytes(range(256))):
        door.one(data)


@pytest.mark.parametrize("name", [name for name in NAMES if targets.target(name).change is not None])
def test_a_change_that_keeps_the_structure_leads_behind_the_door(name: str) -> None:
    door, chance = targets.target(name), random.Random(0)
    assert door.change is not None
    made = {door.change(path.read_bytes(), chance) for path in targets.corpus(name) for _ in range(3)}
    assert made - {path.read_bytes() for path in targets.corpus(name)}
    for data in made:
        door.one(data)


def test_a_changed_node_is_json_and_a_changed_opcode_another_pickle() -> None:
    chance = random.Random(1)
    assert len({changed_json(b'{"a": [1, {"b": "c"}]}', chance) for _ in range(20)}) > 5
    assert len({changed_pickle(b"\x80\x02]q\0K\x01a.", chance) for _ in range(20)}) > 5
    assert changed_json(b"no JSON", chance) == b"no JSON"


def test_several_files_are_one_input_and_come_apart_again() -> None:
    files = {"labels.csv": b"a,b\n", "train/classes.txt": b"x"}
    assert parted(joined(files)) == files
    assert list(parted(b"==> ../../etc/passwd <==\n")) == ["etc/passwd"]


def test_the_seeds_are_few_and_small() -> None:
    sizes = [path.stat().st_size for _, path in FILES]
    assert sum(sizes) < 320_000 and max(sizes) < 33_000
    assert {name for name, _ in FILES} == {*NAMES}
