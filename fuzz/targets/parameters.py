"""explain_params.pkl, as `reportgen validate` reads and checks it."""

from __future__ import annotations

from fuzz.harness import changed_pickle, on_disk, refused, require_line
from reportgen.sharing.validate import read_parameters

READERS = ("reportgen/utils/plain_pickle.py", "analyses/lime/validation.py")
CHANGE = changed_pickle


def one(data: bytes) -> None:
    with on_disk(data, "explain_params.pkl") as path, refused():
        checked = read_parameters(path)
        for problem in checked.problems:
            require_line(problem)
