"""The 1000 ImageNet classes, read without importing a framework.

`imagenet.csv` holds WordNet ids (timm's ImageNetInfo) and short, unique names (torchvision's categories) in
index order; a test holds it against both.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from reportgen.models.classifiers.base import ClassList


@cache
def imagenet_classes() -> ClassList:
    """Names and WordNet ids in index order."""
    with Path(__file__).with_name("imagenet.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return ClassList(tuple(row["name"] for row in rows), tuple(row["wnid"] for row in rows))
