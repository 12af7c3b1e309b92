"""Files of labels of units: written and read, ours and others', and what is wrong with one in a line."""

from __future__ import annotations

import csv
import gzip
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_dissection import RECIPE
from reportgen.analyses.dissection.label_file import FURTHER, MAX_BYTES, PUBLISHED, label_file, read_label_file
from reportgen.analyses.dissection.labels import Control, DissectedModel, Halves, Layer, Spread
from reportgen.analyses.dissection.origins import require_fit
from reportgen.utils.errors import UsageError

TEXT = "layer,unit,description,similarity\nconv1,0,red,0.25\nconv1,1,sky blue,-0.5\nlayer1,0,cat,1\n"


def written(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def own() -> DissectedModel:
    """Two layers in which every field differs, with words that a spreadsheet or CSV could take amiss."""
    words = ("=sum(a)", 'quo"te, comma', "'tis", "naïve — 日本", "plain", "-dash")
    random = np.random.default_rng(0)

    def layer(name: str, n: int) -> Layer:
        concepts, mean = words[:n], random.random((3, n)).astype(np.float32)
        return Layer(
            name=name,
            concepts=concepts,
            runners_up=concepts[::-1],
            similarity=random.random(n),
            margin=random.random(n),
            constant=np.zeros(n, bool),
            labelled=random.random(n) > 0.5,
            strongest=np.zeros((0, n), int),
            lift=random.random(n) - 0.5,
            control=Control(2000, 0.123456789012, 0.3),
            halves=Halves(concepts, ("", *concepts[1:]), mean[0].round(3), 0.25),
            spread=Spread(*mean),
        )

    return DissectedModel("net", (layer("a", 6), replace(layer("b", 4), control=None, halves=None)))


@pytest.mark.parametrize("pack", [False, True])
def test_what_is_written_is_read(tmp_path: Path, pack: bool) -> None:
    model = own()
    data = label_file(model, RECIPE)
    found = read_label_file(written(tmp_path, gzip.compress(data) if pack else data))
    assert found.recipe == RECIPE
    assert list(found.layers) == ["a", "b"]
    for before in model.layers:
        after = found.layers[before.name]
        assert (after.concepts, after.runners_up) == (before.concepts, before.runners_up)
        assert after.labelled.tolist() == before.labelled.tolist()
        for key in ("similarity", "margin", "lift"):
            assert getattr(after, key) == pytest.approx(getattr(before, key), rel=1e-5)
        assert after.control == before.control
        assert before.spread is not None and after.spread is not None
        assert after.spread.high == pytest.approx(before.spread.high, rel=1e-5)
        if before.halves is not None and after.halves is not None:
            assert (after.halves.first, after.halves.second) == (before.halves.first, before.halves.second)
            assert after.halves.cosine == pytest.approx(before.halves.cosine, abs=1e-3)
    assert found.layers["b"].halves is None


def test_equal_labels_are_equal_bytes_and_no_cell_runs_in_a_spreadsheet(tmp_path: Path) -> None:
    data = label_file(own(), RECIPE)
    assert data == label_file(own(), RECIPE)
    rows = [line for line in data.decode().splitlines() if not line.startswith("#")]
    assert rows[0] == ",".join((*PUBLISHED, *FURTHER))
    assert ",'=sum(a)," in rows[1] and ",=sum" not in data.decode()


@pytest.mark.parametrize("text", ["=a", "+a", "@a", "＝sum(a)", "＋a", "－a", "＠a", "'tis", "'=a", "plain", "a'"])
def test_no_cell_runs_whatever_it_begins_with_and_each_is_read_as_it_was(tmp_path: Path, text: str) -> None:
    layer = own().layers[1]
    model = DissectedModel("net", (replace(layer, concepts=(text,) * layer.n_units),))
    data = label_file(model, RECIPE)
    cell = next(csv.DictReader(line for line in data.decode().splitlines() if not line.startswith("#")))["description"]
    assert cell[0] not in "=+-@＝＋－＠"
    assert read_label_file(written(tmp_path, data)).layers["b"].concepts[0] == text


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        'similarity,description,unit,layer,more\n0.25,red,0,conv1,x\n-0.5,"sky blue",1,conv1,y\n1,cat,0,layer1,\n',
        "# from elsewhere\n" + TEXT,
        TEXT.replace("conv1,0,red,0.25\n", "") + "conv1,0,red,0.25\n",
    ],
)
def test_published_files_are_read_in_their_variants(tmp_path: Path, text: str) -> None:
    found = read_label_file(written(tmp_path, text))
    assert found.recipe is None
    assert found.layers["conv1"].concepts == ("red", "sky blue")
    assert found.layers["conv1"].similarity.tolist() == [0.25, -0.5]
    assert found.layers["conv1"].margin is None and found.layers["conv1"].labelled.all()
    assert found.layers["layer1"].concepts == ("cat",)


HEAD, ROW = "layer,unit,description,similarity\n", "a,0,cat,1\n"
OWN = label_file(own(), RECIPE).decode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column 'layer'"),
        ("layer,unit,description\na,0,cat\n", "no column 'similarity'"),
        (HEAD, "holds no unit"),
        (HEAD + ROW + ROW, "line 3: unit 0 of 'a' stands twice"),
        (HEAD + ROW + "a,2,dog,1\n", "none for unit 1"),
        (HEAD + "a,x,cat,1\n", "line 2: 'x' is no number of a unit"),
        (HEAD + "a,-1,cat,1\n", "'-1' is no number of a unit"),
        (HEAD + "a,99999999999,cat,1\n", "is no number of a unit"),
        (HEAD + "a,٣,cat,1\n", "is no number of a unit"),
        (HEAD + "a,0,cat,nan\n", "line 2: similarity 'nan' is no number"),
        (HEAD + "a,0,cat\n", "similarity '' is no number"),
        (HEAD + "a,0,,1\n", "line 2: no description"),
        (HEAD + f"a,0,{'x' * 201},1\n", "more than 200 characters"),
        (HEAD + "a,0,a\x1b[2Jb,1\n", "not printable"),
        (HEAD + ",0,cat,1\n", "a layer has no name"),
        (HEAD + '"a,0,cat,1\n', "not a table in CSV"),
        (HEAD + f'a,0,"{"x" * 200_000}",1\n', "not a table in CSV"),
        ("\0\0", "not a text file"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], "cut off"),
        (b"\x1f\x8b" + b"x" * 40, "damaged gzip"),
        (gzip.compress(b"a" * (MAX_BYTES + 10), mtime=0), "unpacks to more than"),
        ("# reportgen labels of units, format 9\n" + TEXT, "another format"),
        ("# reportgen labels of units, format 1\n" + TEXT, "lack the line '# recipe"),
        ("# reportgen labels of units, format 1\n# recipe: {}\n" + TEXT, "line 2: model: "),
        ("# reportgen labels of units, format 1\n# recipe: {\n" + TEXT, "line 2: Invalid JSON"),
        (OWN.replace('"probe_images": 1000', '"probe_images": -3'), "line 2: probe_images: "),
        (OWN.replace('"temperature": 10.0', '"temperature": Infinity'), "line 2: temperature: "),
        (OWN.replace('"temperature": 10.0', '"temperature": NaN'), "line 2: temperature: "),
        (OWN.replace('"lam": 1.0', '"lam": Infinity'), "line 2: lam: "),
        (OWN.replace('"min_margin": null', '"min_margin": NaN'), "line 2: min_margin: "),
        (OWN.replace('"top_k": 100', '"top_k": 1' + "0" * 30), "line 2: top_k: "),
        (OWN.replace('"seed": 0', '"seed": 4294967296'), "line 2: seed: "),
        (OWN.replace('{"encoder": "words"}', '{"encoder": NaN}'), "line 2: encoder_identity: "),
        (OWN.replace('{"encoder": "words"}', '{"encoder": [[-Infinity]]}'), "line 2: encoder_identity: "),
        (OWN.replace('"concepts": "words.txt"', '"concepts": "\\u001b[2J"'), "line 2: concepts: holds a character"),
        (OWN.replace('"model": "net"', '"model": "n\\u0000et"'), "line 2: model: holds a character"),
        (HEAD + "a,0,cat,1_0\n", "similarity '1_0' is no number"),
        (HEAD + "a,0,cat,٣\n", "similarity '٣' is no number"),
        (HEAD + "a,0,cat,1e300\n", "larger than a float32"),
        (re.sub(r"(?m)^(a,0,.*),[^,]*$", r"\1,1e300", OWN), "high '1e300' is no number, or larger than a float32"),
        (OWN.replace(",lift,", ",left,"), "no column 'lift'"),
        (OWN.replace(",true,", ",maybe,"), "'maybe' is neither true nor false"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_the_file(tmp_path: Path, text: str | bytes, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(UsageError) as stopped:
        read_label_file(file)
    (line,) = stopped.value.lines
    assert says in line and str(file) in line and "\n" not in line and len(line) < 400


def test_a_file_of_too_many_units_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"l{i // 1000},{i % 1000},x,1\n" for i in range(200_001))
    with pytest.raises(UsageError, match="more than 200000 units"):
        read_label_file(written(tmp_path, HEAD + rows))


@pytest.mark.parametrize(
    ("weights", "units", "says"),
    [
        ("1" * 64, {"a": 6, "b": 4}, "labels of net with weights 0000"),
        ("0" * 64, {"a": 5, "b": 4}, "6 units in a, where net has 5"),
        ("0" * 64, {"c": 5}, r"names none of the layers of net \(c\), but a, b"),
    ],
)
def test_labels_of_another_network_do_not_fit(tmp_path: Path, weights: str, units: dict[str, int], says: str) -> None:
    file = read_label_file(written(tmp_path, OWN))
    with pytest.raises(UsageError, match=says):
        require_fit(file, "net", weights, units)


def test_a_layer_more_or_less_on_either_side_does_no_harm(tmp_path: Path) -> None:
    require_fit(read_label_file(written(tmp_path, OWN)), "net", "0" * 64, {"a": 6, "z": 9})
