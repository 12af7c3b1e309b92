"""The doors through which untrusted bytes come in, one module each.

Each has `one(data)`, in which nothing but what the door's callers catch may be raised, the `READERS` whose lines count, and where
bytes alone would not get far a `CHANGE` that keeps the structure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from fuzz.harness import Change

CORPUS = Path(__file__).parent.parent / "corpus"


@dataclass(frozen=True)
class Target:
    """One door. `readers`: paths of modules below the checkout, a folder for all in it."""

    name: str
    one: Callable[[bytes], object]
    readers: Sequence[str]
    change: Change | None


def target(name: str) -> Target:
    module = import_module(f"fuzz.targets.{name}")
    return Target(name, module.one, module.READERS, getattr(module, "CHANGE", None))


def corpus(name: str) -> list[Path]:
    """The seeds of a target, and what was found with it and mended (`found-...`)."""
    return sorted(path for path in (CORPUS / name).iterdir() if path.is_file())
