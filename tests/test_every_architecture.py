"""One network of every timm family and every torchvision classifier, explained: hours on two cores. The table is that of
`python tests/walk_architectures.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from folders import looked_through
from reportgen.images.decode import read_image
from walk_architectures import PHOTOS, Row, names, table, walk

NO_POSITIONS = "no layer of it has positions"


@pytest.mark.parametrize("name", ["timm:test_vit", "timm:test_convnext", "timm:test_mambaout"])
def test_the_walk_explains_a_network(name: str, tmp_path: Path) -> None:
    row = walked(name, tmp_path)
    assert not row.refused and not row.crash, table([row])
    assert row.layer and row.features and row.backend == "openvino"


def test_the_walk_says_what_is_refused_and_what_crashes(tmp_path: Path) -> None:
    row = walked("timm:no_such_network", tmp_path)
    assert row.crash and table([row]).endswith("0 of 1 explained, 1 crashed")


@pytest.mark.slow
def test_every_family_is_explained_and_only_what_has_no_positions_refused(tmp_path: Path) -> None:
    rows = [walked(name, tmp_path) for name in names()]
    print(table(rows))
    assert not [row for row in rows if row.crash], table([row for row in rows if row.crash])
    assert all(NO_POSITIONS in row.refused for row in rows if row.refused)
    families = [row for row in rows if row.name.startswith("timm:")]
    assert sum(not row.refused for row in families) >= 88


def walked(name: str, scratch: Path) -> Row:
    files, _ = looked_through(PHOTOS)
    return walk(name, read_image(files[0], 100_000_000).pixels, scratch)
