"""`reportgen doctor --security`: versions of what reads files of strangers, and those of them that are known to be faulty.

Only faults that reach reportgen are listed, each as its package's own release notes or the advisory tell it. What a library does
wrong where reportgen never calls it (torch.load, an editor of DICOM folders) is left to pip-audit, which knows all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from packaging.version import InvalidVersion, Version

from reportgen.cli.machine import Check

KNOWN_ON = "2026-11-30"
NOT_COMPLETE = f"the faults known to reportgen on {KNOWN_ON}; the list is not complete: pip install pip-audit, then pip-audit, looks up all"
# Read files of others, draw them, or hold templates in check; those that are installed are shown.
WATCHED = (
    "cryptography", "fonttools", "httpx2", "imagecodecs", "jinja2", "lxml", "markdown-it-py", "openvino", "pillow", "pillow-heif",
    "pillow-jxl-plugin", "pydicom", "pypdf", "pypdfium2", "pyyaml", "safetensors", "tifffile", "torch", "transformers", "weasyprint",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """A fault of some versions of a package.

    Attributes:
        name: its CVE or GHSA.
        good: the first version without it; since: the first with it, empty where all before are taken to have it.
        what: what a stranger's file can do by it, in reportgen.
    """

    package: str
    name: str
    good: str
    what: str
    since: str = ""

    def has(self, installed: Version) -> bool:
        return installed < Version(self.good) and (not self.since or installed >= Version(self.since))


# Sources: CHANGES of Jinja 3.1.5 and 3.1.6; releases of WeasyPrint 70.0; release notes of Pillow 10.0.1, 12.1.1 and 12.2.0;
# advisories of pypdf; NEWS of fontTools 4.43.0.
FAULTS = (
    Fault("jinja2", "GHSA-q2x7-8rv6-6q7h", "3.1.5", "somebody's template leaves its sandbox by str.format"),
    Fault("jinja2", "CVE-2025-27516", "3.1.6", "somebody's template leaves its sandbox by the filter attr"),
    Fault("weasyprint", "CVE-2026-55073", "70.0", "pictures in EPS of somebody's template are drawn"),
    Fault("pillow", "CVE-2023-4863", "10.0.1", "a WebP writes beyond its memory"),
    Fault("pillow", "CVE-2026-25990", "12.1.1", "a PSD in somebody's template writes beyond its memory", "10.3.0"),
    Fault("pillow", "CVE-2026-42311", "12.2.0", "a PSD in somebody's template writes beyond its memory", "10.3.0"),
    Fault("pillow", "CVE-2026-40192", "12.2.0", "a FITS in somebody's template unpacks without end", "10.3.0"),
    Fault("pypdf", "CVE-2026-33699", "6.9.2", "reading somebody's report.pdf may never end"),
    Fault(
        "fonttools", "CVE-2023-45139", "4.43.0", "a font of somebody's template reads files of this machine", "4.28.2"
    ),
)


def security_checks(version_of: Callable[[str], str | None] | None = None) -> Iterator[Check]:
    """A check of each watched package that is installed.

    Args:
        version_of: the version of a package, None where it is not there; default: what is installed here.
    """
    for package in WATCHED:
        found = (version_of or _installed)(package)
        if found is None:
            continue
        name = f"{package} {found}"
        try:
            faults = [fault for fault in FAULTS if fault.package == package and fault.has(Version(found))]
        except InvalidVersion:
            yield Check(name, note="is no version that can be compared; it was not checked")
            continue
        if not faults:
            yield Check(name)
            continue
        good = max((fault.good for fault in faults), key=Version)
        said = ", ".join(f"{fault.name} ({fault.what})" for fault in faults)
        yield Check(name, f"{said}; pip install '{package}>={good}'")


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
