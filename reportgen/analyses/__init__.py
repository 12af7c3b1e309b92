"""The shipped analyses. They stand in the checkout's top-level folder `analyses/`; a wheel installs that folder here instead."""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2] / "analyses")]
