"""The label tables that come along, one a model: what their units respond to over 1000 photographs, one of each ImageNet class.

`python -m benchmarks.reference` makes them, and prints the lines of `TABLES`.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from .label_file import LabelFile, label_table

FOLDER = Path(__file__).parent / "reference"
# By model the SHA-256 of `reference/<model>.csv.gz`: what a wheel, a copy or an editor changed is not read.
TABLES: dict[str, str] = {
    "efficientnet_lite0": "e4386be36a953c81e3bfd7adbda059be90f5e30801c135cc4a850cf26478dbd2",
    "efficientnet_lite1": "955b5c6c3057bf8ab9f8bdf17353808040b08d34f8616643d394b3f870d241e2",
    "efficientnet_lite2": "d60fe3cf11e8a343150c22f5044584bc3473883655de9ac530164da48b14b3d0",
}


@cache
def shipped_labels(model: str) -> LabelFile | None:
    """The table of a model; None where none comes along, or it is not the one that did."""
    if model not in TABLES:
        return None
    try:
        data = (FOLDER / f"{model}.csv.gz").read_bytes()
    except OSError:
        return None
    return label_table(f"{model}.csv.gz", data) if hashlib.sha256(data).hexdigest() == TABLES[model] else None
