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
    "efficientnet_lite0": "be0c823e79a8ecc077c4439f4873f656f5ae7cd758ba0ecf15f55aacab02c2e8",
    "efficientnet_lite1": "26bd24ca87188df1108074f4addbcc6187a109c8e87d92e725ec4bfbac9160cb",
    "efficientnet_lite2": "99c1e028bd0a4a17b9674c815645f2a43a0fd2ff6cfcfd61d929eb2fb0697c38",
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
