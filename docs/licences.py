"""Write docs/licences.md anew: the licences of what reportgen depends on, as the installed packages' own metadata say.

    python docs/licences.py

A package that is not installed keeps the line that it had. So does one that another Python or system alone needs: whether it is there by
chance makes no difference.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
UNKNOWN = "(its metadata name none)"
# Installed by developers alone, never by a user.
FOR_DEVELOPERS = ("docs", "test", "audit", "fuzz")
HEAD = """# Licences of dependencies

reportgen itself is under the Apache License 2.0. It installs, and ships none of, the packages below. The table is made by
`python docs/licences.py` from the metadata of the installed packages, in their makers' words; what these depend on in turn stands in the
bill of materials of a release ([contributing](../CONTRIBUTING.md#release)). Where metadata name none, look at the package before you pass
it on. An extra is installed only when asked for: mind that of `jxl`, which is under the GPL.

| package | for | licence |
| --- | --- | --- |
"""


def dependencies() -> dict[str, str]:
    """Direct dependencies of users by name, and what for: `every run`, or the extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {"every run": project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, list[str]] = {}
    for group, lines in groups.items():
        for line in lines if group not in FOR_DEVELOPERS else ():
            found.setdefault(Requirement(line).name.lower(), []).append(group)
    return {name: ", ".join(found[name]) for name in sorted(found)}


def needed_elsewhere() -> set[str]:
    """Direct dependencies that this Python on this system does not ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [line for lines in (project["dependencies"], *project["optional-dependencies"].values()) for line in lines]
    asked = [(requirement.name.lower(), requirement.marker) for requirement in map(Requirement, lines)]
    return {name for name, _ in asked} - {name for name, marker in asked if marker is None or marker.evaluate()}


def licence(package: str) -> str | None:
    """What a package's metadata say: its SPDX expression, else its classifiers, else one line of text; None: not installed."""
    try:
        said = metadata(package)
    except PackageNotFoundError:
        return None
    if expression := said.get("License-Expression"):
        return str(expression)
    classified = [
        line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or () if line.startswith("License ::")
    ]
    if classified:
        return ", ".join(classified)
    text = (said.get("License") or "").strip()
    return text if text and text != "UNKNOWN" and "\n" not in text else UNKNOWN


def table(page: str) -> dict[str, str]:
    """Package -> licence, as a page has them."""
    return {match[1]: match[2] for match in re.finditer(r"^\| (\S+) \| [^|]* \| ([^|]*) \|$", page, re.MULTILINE)}


def made(before: str) -> str:
    """The page, of which `before` is the last state."""
    known, elsewhere = table(before), needed_elsewhere()
    rows = []
    for name, group in dependencies().items():
        found = None if name in elsewhere else licence(name)
        rows.append(f"| {name} | {group} | {found or known.get(name, '(not installed where this was made)')} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text("utf-8") if PAGE.exists() else ""), "utf-8")
