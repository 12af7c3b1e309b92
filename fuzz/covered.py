"""Lines of a target's readers that its corpus runs, in percent, by coverage.py.

python -m fuzz.covered TARGET [FOLDER of further inputs]
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    name, further = sys.argv[1], [Path(folder) for folder in sys.argv[2:]]
    measured = coverage.Coverage(data_file=None, include=[str(ROOT / "reportgen/*"), str(ROOT / "analyses/*")])
    with measured.collect():
        from fuzz.targets import corpus, target

        door = target(name)
        for file in (*corpus(name), *(file for folder in further for file in sorted(folder.iterdir()))):
            with suppress(Exception):  # it is counted as found elsewhere
                door.one(file.read_bytes())
    whole = missed = 0
    for reader in door.readers:
        path = ROOT / reader
        for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            # A module that no input loads counts whole.
            _, statements, _, missing, _ = measured.analysis2(str(module))
            whole, missed = whole + len(statements), missed + len(missing)
    print(f"{100 * (whole - missed) / whole:.0f} %")


if __name__ == "__main__":
    main()
