"""`reportgen validate` costs what the size of a file says, whatever is in it, and says little: each file in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from made_pickles import CASES

# What SECURITY.md promises is 2 s and 200 MB; a test's machine may be slow.
SECONDS, MIB, WRITTEN = 8, 200, 10_000_000
REFUSED = {
    "integers of one hash": "more than 1000 keys are integers of more than 60 bits",
    "integers of one hash, item by item": "more than 1000 keys are integers of more than 60 bits",
    "one long integer, a key again and again": "a key is an integer of 32000001 bits; at most 65536 are read",
    "two long equal texts, keys in turn": "a key of 4000000 characters; at most 8192 are read",
    "two long equal bytes, keys in turn": "a key of 4000000 characters; at most 8192 are read",
    "half a million lists": "more than 200000 lists, tuples, dicts and objects",
    "one entry, ten thousand times": "550000 problems found, of which 50 are shown",
    "one object in ten thousand entries": "590000 problems found, of which 50 are shown",
    "ten thousand objects with one dict of parameters": "590000 problems found, of which 50 are shown",
    "labels of one tuple in ten thousand entries": "80000 problems found, of which 50 are shown",
    "16 MB of text that takes four bytes a character": "not a dict with an entry for each image",
}


def costs(cases: Sequence[str]) -> dict[str, Any]:
    script = Path(__file__).with_name("made_pickles.py")
    done = subprocess.run([sys.executable, script, *cases], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def cheap() -> dict[str, Any]:
    return costs(list(REFUSED))


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_costs_little_and_is_one_line(cheap: dict[str, Any], case: str) -> None:
    require_cheap(cheap[case], REFUSED[case])


@pytest.mark.slow
def test_so_does_every_other() -> None:
    for case, found in costs([case for case in CASES if case not in REFUSED]).items():
        assert found, f"{case}: took more than 30 s"
        require_cheap(found, "")


def require_cheap(found: dict[str, Any], said: str) -> None:
    assert found, "took more than 30 s"
    assert found["code"] == 1
    assert said in found["said"] and found["said"].count("\n") == 1
    assert found["seconds"] < SECONDS and found["MiB"] < MIB and found["written"] < WRITTEN
