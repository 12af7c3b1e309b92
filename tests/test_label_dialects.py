"""Tables of labels in random dialects are read back: separator, encoding, header, quoting, line ends, names, classes, other columns."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from folders import holding
from reportgen.images.labels.read import read_labels
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers.base import ClassList

CLASSES = ClassList(
    names=(
        "tench, Tinca tinca",
        "goldfish",
        "great white shark, white shark",
        "West Highland white terrier",
        "9 volt, battery",
    ),
    wnids=("n01440764", "n01443537", "n01484850", "n02098286", "n99999999"),
)
# No two are equal without folder, extension and case.
NAMES = (
    "IMG_0001.JPG",
    "tench.png",
    "sub/Füße und Hände.jpg",
    "sub/deep/photo.2019.01.jpeg",
    "7.png",
    "a, b; c.tif",
    'say "cheese".webp',
    "Grüße|an\u00a0alle.png",
    "no extension",
    "日本.jpg",
    "линь.bmp",
    "n01443537_goldfish.JPEG",
)
# By encoding the names that it can hold.
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "cp1252",
    "mac_roman",
    "cp1251",
    "cp932",
)
HEADERS = (
    ("name", "class"), ("filename", "label"), ("File Name", "Class Name"), ("image", "target"), ("IMAGE_ID", "category"),
    ("path", "labels"), ("id", "class_id"), ("image-path", "ground_truth"), ("img", "y"), ("Datei", "Klasse"), ("file_name", "wnid"),
)  # fmt: skip
FURTHER = {
    "width": "640",
    "split": "train",
    "": "3",
    "Unnamed: 0": "12",
    "comment": "",
    "url": "https://example.org/?a=1,2",
}

NAME_FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda name: name,
    "folder in front": lambda name: f"/data/me/{name}",
    "of Windows": lambda name: "C:\\data\\" + name.replace("/", "\\"),
    "dot": lambda name: f"./{name}",
    "last part": lambda name: name.rpartition("/")[2],
    "upper case": str.upper,
    "without extension": lambda name: name.rpartition(".")[0] or name,
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
}
CLASS_FORMS: dict[str, Callable[[int], str]] = {
    "name": lambda index: CLASSES.names[index],
    "first synonym": lambda index: CLASSES.names[index].split(",")[0],
    "last synonym": lambda index: CLASSES.names[index].split(",")[-1].strip(),
    "upper case": lambda index: CLASSES.names[index].upper(),
    "underscores": lambda index: CLASSES.names[index].split(",")[0].replace(" ", "_"),
    "together": lambda index: CLASSES.names[index].split(",")[0].title().replace(" ", ""),
    "index": str,
    "decimal": lambda index: f"{index}.0",
    "wnid": lambda index: (CLASSES.wnids or ())[index],
}


@dataclass(frozen=True)
class Written:
    """A table, and what it says."""

    data: bytes
    labels: dict[str, int]


@st.composite
def tables(draw: st.DrawFn) -> Written:
    encoding = draw(st.sampled_from(ENCODINGS))
    usable = [name for name in NAMES if fits(name, encoding)]
    labels = draw(st.dictionaries(st.sampled_from(usable), st.integers(0, len(CLASSES) - 1), min_size=1))
    name_form = draw(
        st.sampled_from([form for form in NAME_FORMS if form != "decomposed" or encoding.startswith("utf")])
    )
    class_form = draw(st.sampled_from(list(CLASS_FORMS)))
    header = draw(st.none() | st.sampled_from(HEADERS))
    swapped = draw(st.booleans())
    further = draw(st.lists(st.sampled_from(list(FURTHER)), unique=True)) if header else []
    rows = [[NAME_FORMS[name_form](name), CLASS_FORMS[class_form](index)] for name, index in labels.items()]
    rows = [[*(row[::-1] if swapped else row), *(FURTHER[title] for title in further)] for row in rows]
    if header:
        rows.insert(0, [*(header[::-1] if swapped else header), *further])
    order = draw(st.permutations(range(len(rows[0]))))
    rows = [[row[at] for at in order] for row in rows]
    text = io.StringIO(newline="")
    separator, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(("\n", "\r\n", "\r")))
    if draw(st.booleans()):
        text.write(f"sep={separator}{end}")
    quoting = draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)))
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)
    return Written(text.getvalue().encode(encoding), labels)


def fits(name: str, encoding: str) -> bool:
    """Whether the name can be written so; one that ASCII and the encoding write alike tells nothing, and fits as well."""
    try:
        return all(form.encode(encoding).decode(encoding) == form for form in (name, name.upper()))
    except UnicodeError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photos")


@settings(
    deadline=None, max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(tables())
def test_a_table_in_any_dialect_is_read_back(folder: Path, written: Written) -> None:
    (folder / "labels.csv").write_bytes(written.data)
    remarks = Remarks()
    found = read_labels(holding(folder, NAMES), CLASSES, remarks)
    by_table = {name: label.index for name, label in found.labels.items() if label.source == "labels.csv"}
    assert by_table == written.labels, (remarks.warnings, remarks.left_alone)
