"""A file of labels of units: one model's, with what made them in a block of comments at its head.

    # reportgen labels of units, format 1
    # recipe: {"model": ..., "weights_sha256": ..., "probe_images": ..., ...}
    # layer: {"name": ..., "draws": ..., "lift": ..., "margin": ..., "halves_cosine": ...}
    layer,unit,description,similarity,runner_up,margin,lift,labelled,half_a,half_b,halves_agree,halves_cosine,mean,std,high

The first four columns are those of the files that others publish, which are read as well; they say nothing of how the labels
were made. Files come from strangers.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from reportgen.utils import spreadsheet
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import read_at_most

from .concepts import as_text
from .labels import Control, DissectedModel, Halves, Layer, Spread
from .recipe import MOST, Recipe

TITLE = "# reportgen labels of units, format 1"
FIRST = "# reportgen labels of units"
PUBLISHED = ("layer", "unit", "description", "similarity")
FURTHER = (
    "runner_up",
    "margin",
    "lift",
    "labelled",
    "half_a",
    "half_b",
    "halves_agree",
    "halves_cosine",
    "mean",
    "std",
    "high",
)
# ResNet-50's published labels are 116 kB for 3,904 units.
MAX_BYTES, MAX_UNITS = 32 << 20, 200_000
LONGEST = 200
LARGEST = float(np.finfo(np.float32).max)


class LayerHead(BaseModel):
    """What the head says of one layer."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(min_length=1, max_length=LONGEST)
    draws: int = Field(ge=1, le=MOST)
    lift: FiniteFloat
    margin: FiniteFloat
    halves_cosine: FiniteFloat | None = None


@dataclass(frozen=True)
class LabelFile:
    """A file of labels.

    Attributes:
        name: of the file, without its folder; sha256: of its bytes.
        recipe: None where the file does not say how the labels were made.
        layers: by name, in the file's order.
    """

    name: str
    sha256: str
    recipe: Recipe | None
    layers: dict[str, Layer]

    def owner(self, explained: str) -> str:
        """The model whose units are labelled: the one that the file names, else the one that is explained."""
        return explained if self.recipe is None else self.recipe.model


# --- writing -------------------------------------------------------------------------------------


def label_file(model: DissectedModel, recipe: Recipe) -> bytes:
    """The labels of a model that this process has labelled, as the bytes of a file."""
    lines = io.StringIO()
    lines.write(f"{TITLE}\n# recipe: {_json(recipe.model_dump(mode='json'))}\n")
    for layer in model.layers:
        if layer.control is not None:
            chance = None if layer.halves is None else _short(layer.halves.cosine_by_chance)
            control = layer.control
            head = {
                "name": layer.name,
                "draws": control.draws,
                "lift": control.lift,
                "margin": control.margin,
                "halves_cosine": chance,
            }
            lines.write(f"# layer: {_json(head)}\n")
    table = csv.writer(lines, lineterminator="\n")
    table.writerow((*PUBLISHED, *FURTHER))
    for layer in model.layers:
        table.writerows(_rows(layer))
    return lines.getvalue().encode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, allow_nan=False)


def _rows(layer: Layer) -> Iterable[list[object]]:
    halves, spread, n = layer.halves, layer.spread, layer.n_units
    empty = [""] * n
    columns: list[Sequence[object]] = [
        [_safe(concept) for concept in layer.concepts],
        [_short(value) for value in layer.similarity],
        empty if layer.runners_up is None else [_safe(concept) for concept in layer.runners_up],
        empty if layer.margin is None else [_short(value) for value in layer.margin],
        empty if layer.lift is None else [_short(value) for value in layer.lift],
        [str(bool(value)).lower() for value in layer.labelled],
        empty if halves is None else [_safe(concept) for concept in halves.first],
        empty if halves is None else [_safe(concept) for concept in halves.second],
        empty if halves is None else [str(bool(value)).lower() for value in halves.agree],
        empty if halves is None else [f"{value:.3g}" for value in halves.cosine],
        *(
            [empty] * 3
            if spread is None
            else [[_short(v) for v in row] for row in (spread.mean, spread.std, spread.high)]
        ),
    ]
    for unit, cells in enumerate(zip(*columns, strict=True)):
        yield [layer.name, unit, *cells]


def _short(value: float) -> float:
    """Six digits: what a float32 carries, nearly."""
    return float(f"{value:.6g}")


def _safe(concept: str) -> str:
    return spreadsheet.as_text(concept, undone=True)


# --- reading -------------------------------------------------------------------------------------


def read_label_file(path: Path) -> LabelFile:
    """A file of ours or a published one, plain or compressed by gzip.

    Raises:
        UsageError: what is wrong with it, in one line.
    """
    return _read(path.name, read_at_most(path, MAX_BYTES), str(path))


@lru_cache(maxsize=4)
def _read(name: str, data: bytes, shown: str) -> LabelFile:
    text = as_text(_plain(data, shown), shown)
    recipe, heads, body, first = _head(text, shown)
    rows = _table(body, first, shown)
    layers = {layer: _layer(layer, cells, heads.get(layer), recipe, shown) for layer, cells in rows.items()}
    return LabelFile(name, hashlib.sha256(data).hexdigest(), recipe, layers)


def label_table(name: str, data: bytes) -> LabelFile:
    """The labels in the bytes of a file.

    Raises:
        UsageError: see `read_label_file`.
    """
    return _read(name, data, name)


def _plain(data: bytes, shown: str) -> bytes:
    """What gzip packed, no more than `MAX_BYTES` of it; other bytes as they are."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise UsageError(f"{shown}: a damaged gzip file ({error})") from None
    if len(plain) > MAX_BYTES:
        raise UsageError(f"{shown}: unpacks to more than {MAX_BYTES} bytes")
    if not unpacker.eof:
        raise UsageError(f"{shown}: a gzip file that is cut off")
    return plain


def _head(text: str, shown: str) -> tuple[Recipe | None, dict[str, LayerHead], str, int]:
    """What the comments say, the table below them, and the number of its first line."""
    lines = text.split("\n")
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    head = [line.rstrip("\r") for line in lines[:count]]
    body = "\n".join(lines[count:])
    if not head or not head[0].startswith(FIRST):  # somebody else's comments
        return None, {}, body, count + 1
    if head[0] != TITLE:
        raise UsageError(f"{shown}: {head[0][2:][:60]!r} is another format than this version reads ({TITLE[-8:]})")
    recipe, layers = None, {}
    for number, line in enumerate(head[1:], 2):
        key, _, value = line[1:].strip().partition(": ")
        try:
            if key == "recipe":
                recipe = Recipe.model_validate_json(value)
                _require_printable(recipe, f"{shown}: line {number}")
            elif key == "layer":
                layer = LayerHead.model_validate_json(value)
                layers[layer.name] = layer
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise UsageError(f"{shown}: line {number}: {f'{where}: ' if where else ''}{problem['msg']}") from None
    if recipe is None:
        raise UsageError(f"{shown}: the comments at its head lack the line '# recipe: ...'")
    return recipe, layers, body, count + 1


def _require_printable(recipe: Recipe, where: str) -> None:
    for key, value in recipe.model_dump(exclude={"encoder_identity"}).items():
        if isinstance(value, str) and not value.isprintable():
            raise UsageError(f"{where}: {key}: holds a character that cannot be printed")


Cells = dict[str, str]


def _table(body: str, first: int, shown: str) -> dict[str, dict[int, Cells]]:
    """By layer and unit the cells of its row."""
    found: dict[str, dict[int, Cells]] = {}
    count = 0
    try:
        rows = csv.DictReader(io.StringIO(body, newline=""), restval="", strict=True)
        columns = [str(name).strip() for name in rows.fieldnames or ()]
        missing = [name for name in PUBLISHED if name not in columns]
        if missing:
            raise UsageError(f"{shown}: no column {missing[0]!r}; a file of labels has {','.join(PUBLISHED)}")
        rows.fieldnames = columns
        for row in rows:
            line = first + rows.line_num - 1
            layer, unit = row["layer"].strip(), _unit(row["unit"], line, shown)
            units = found.setdefault(layer, {})
            if unit in units:
                raise UsageError(f"{shown}: line {line}: unit {unit} of {layer[:60]!r} stands twice")
            count += 1
            if count > MAX_UNITS:
                raise UsageError(f"{shown}: holds more than {MAX_UNITS} units")
            units[unit] = {key: value for key, value in row.items() if isinstance(value, str)} | {"line": str(line)}
    except csv.Error as error:
        raise UsageError(f"{shown}: not a table in CSV ({error})") from None
    if not found:
        raise UsageError(f"{shown}: holds no unit")
    return found


def _unit(text: str, line: int, shown: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) < MAX_UNITS):
        raise UsageError(f"{shown}: line {line}: {text[:20]!r} is no number of a unit; they are 0, 1, 2...")
    return int(text)


def _layer(name: str, cells: dict[int, Cells], head: LayerHead | None, recipe: Recipe | None, shown: str) -> Layer:
    """One layer of the file; what only our own files hold is read from those alone."""
    if not name or len(name) > LONGEST or not name.isprintable():
        raise UsageError(f"{shown}: a layer has no name, or one that cannot be printed")
    n = len(cells)
    gap = next((unit for unit in range(n) if unit not in cells), None)
    if gap is not None:
        raise UsageError(f"{shown}: layer {name!r} has {n} rows up to unit {max(cells)}, and none for unit {gap}")
    rows = [cells[unit] for unit in range(n)]
    concepts = tuple(_concept(row, "description", shown, required=True) for row in rows)
    values = _numbers(rows, "similarity", shown)
    common = Layer(
        name=name,
        concepts=concepts,
        runners_up=None,
        similarity=values,
        margin=None,
        constant=np.zeros(n, bool),
        labelled=np.ones(n, bool),
        strongest=np.zeros((0, n), int),
    )
    return common if recipe is None else _own(common, rows, head, shown)


def _own(layer: Layer, rows: Sequence[Cells], head: LayerHead | None, shown: str) -> Layer:
    absent = [name for name in FURTHER if name not in rows[0]]
    if absent:
        raise UsageError(f"{shown}: no column {absent[0]!r}, which a file with a recipe has")
    halves = None
    if head is not None and head.halves_cosine is not None:
        first, second = (tuple(_concept(row, key, shown) for row in rows) for key in ("half_a", "half_b"))
        cosine = _numbers(rows, "halves_cosine", shown).astype(np.float32)
        halves = Halves(first, second, cosine, head.halves_cosine)
    mean, std, high = (_numbers(rows, key, shown).astype(np.float32) for key in ("mean", "std", "high"))
    return replace(
        layer,
        runners_up=tuple(_concept(row, "runner_up", shown) for row in rows),
        margin=_numbers(rows, "margin", shown),
        lift=_numbers(rows, "lift", shown),
        constant=std == 0,
        labelled=np.array([_truth(row, "labelled", shown) for row in rows], bool),
        control=None if head is None else Control(head.draws, head.lift, head.margin),
        halves=halves,
        spread=Spread(mean, std, high),
    )


def _concept(row: Cells, key: str, shown: str, *, required: bool = False) -> str:
    concept = spreadsheet.without_mark(" ".join(row[key].split()))
    if required and not concept:
        raise UsageError(f"{shown}: line {row['line']}: no {key}")
    if len(concept) > LONGEST or not concept.isprintable():
        raise UsageError(f"{shown}: line {row['line']}: a {key} of more than {LONGEST} characters, or not printable")
    return concept


def _numbers(rows: Sequence[Cells], key: str, shown: str) -> np.ndarray:
    """(units,) float64 of a column, each of them finite as a float32 too."""
    values = np.empty(len(rows))
    for place, row in enumerate(rows):
        text = row[key]
        try:
            # Python would read 1_0 as 10, and digits of other scripts.
            values[place] = math.nan if "_" in text or not text.isascii() else float(text)
        except ValueError:
            values[place] = math.nan
        if not abs(values[place]) <= LARGEST:
            raise UsageError(f"{shown}: line {row['line']}: {key} {text[:20]!r} is no number, or larger than a float32")
    return values


def _truth(row: Cells, key: str, shown: str) -> bool:
    text = row[key].strip().lower()
    if text not in ("true", "false"):
        raise UsageError(f"{shown}: line {row['line']}: {key} {row[key][:20]!r} is neither true nor false")
    return text == "true"
