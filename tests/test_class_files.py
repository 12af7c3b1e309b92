"""Class names from the files and encodings that people have, or one line on what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reportgen.models.classifiers.class_files import read_class_file, read_class_names
from reportgen.utils.errors import UsageError

NAMES = ("cat", "größe, mittel", "owl")
TEXT = "\n".join(NAMES)

FORMS = {
    "text": TEXT,
    "trailing blank lines": f"{TEXT}\n\n  \n",
    "leading blank line and CRLF": "\r\n" + TEXT.replace("\n", "\r\n"),
    "numbered": "0 cat\n1 größe, mittel\n2 owl",
    "numbered with colons": "0: cat\n1: größe, mittel\n2: owl",
    "numbered in another order": "2 owl\n0 cat\n1 größe, mittel",
    "numbered with colons in another order": "2: owl\n0: cat\n1: größe, mittel",
    "numbered with points": "0. cat\n1. größe, mittel\n2. owl",
    "numbered with bars": "0|cat\n2|owl\n1|größe, mittel",
    "csv, header of words": 'Class ID,Class Name\n0,cat\n2,owl\n1,"größe, mittel"\n',
    "csv": '0,cat\n1,"größe, mittel"\n2,owl\n',
    "csv with a header": 'index,name\n0,cat\n1,"größe, mittel"\n2,owl\n',
    "csv in another order": 'id,class\n2,owl\n0,cat\n1,"größe, mittel"\n',
    "csv, name first": 'cat,0\n"größe, mittel",1\nowl,2\n',
    "csv, header, name first": 'Class_Name,Class_ID\ncat,0\n"größe, mittel",1\nowl,2\n',
    "csv with more columns": 'idx,wnid,name\n0,n1,cat\n1,n2,"größe, mittel"\n2,n3,owl\n',
    "csv of names": 'name\ncat\n"größe, mittel"\nowl\n',
    "csv of quoted names": '"cat"\n"größe, mittel"\n"owl"\n',
    "semicolons": "index;name\n0;cat\n1;größe, mittel\n2;owl\n",
    "tabs": "0\tcat\n1\tgröße, mittel\n2\towl\n",
    "json list": json.dumps(NAMES),
    "id2label": json.dumps({"0": "cat", "2": "owl", "1": "größe, mittel"}),
    "label2id": json.dumps({"owl": 2, "cat": 0, "größe, mittel": 1}, ensure_ascii=False),
    "config.json": json.dumps({"model_type": "vit", "id2label": dict(enumerate(NAMES)), "label2id": {"x": 0}}),
    "label2id, indices as text": json.dumps({"owl": "2", "cat": "0", "größe, mittel": "1"}),
    "wnid and name, as Keras has them": json.dumps({str(i): [f"n{i}", name] for i, name in enumerate(NAMES)}),
    "names in a table": json.dumps({"names": NAMES}),
    "names by index": json.dumps({"nc": 3, "names": dict(enumerate(NAMES))}),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", FORMS)
def test_names_are_read_in_every_form_and_encoding(form: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "classes"
    path.write_bytes(FORMS[form].encode(encoding))
    assert read_class_names(path) == NAMES
    assert read_class_file(path, 3).notes == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("tench, Tinca tinca\ngoldfish, Carassius auratus", ("tench, Tinca tinca", "goldfish, Carassius auratus")),
        ("0\n1\n2", ("0", "1", "2")),
        ("7 up\ncola", ("7 up", "cola")),
        ("3 of clubs\n4 of hearts", ("3 of clubs", "4 of hearts")),
        ('{"0": 0, "1": 1}', ("0", "1")),
        ('{"0": "1", "1": "0"}', ("1", "0")),
        ("می\u200cخواهم\n👩\u200d🔬", ("می\u200cخواهم", "👩\u200d🔬")),
        ("/a/airport_terminal 1\n/a/apartment_building/outdoor 0", ("apartment building, outdoor", "airport terminal")),
        ("name", ("name",)),
    ],
)
def test_plain_names_stay_as_they_are(text: str, names: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(text, encoding="utf-8")
    assert read_class_names(tmp_path / "x.txt") == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("crane\nowl\ncrane", ("crane (0)", "owl", "crane (2)")),
        ("crane\ncrane\ncrane (0)", ("crane (0) (0)", "crane (1)", "crane (0) (2)")),
        ('["crane", "owl", "crane"]', ("crane (0)", "owl", "crane (2)")),
    ],
)
def test_names_that_stand_twice_carry_their_index(text: str, names: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(text, encoding="utf-8")
    found = read_class_file(tmp_path / "x.txt")
    assert len(set(found.names)) == 3
    assert found.names == names or "crane (0) (0)" in names
    assert found.notes == ("class names that stand more than once carry their index (crane)",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"cat\n\nowl\n", "line 2 is blank"),
        (b"\ncat\ndog\n \nowl\n", "line 4 is blank"),
        ("größe\n".encode("latin-1"), "not text in UTF-8 or UTF-16; save it as UTF-8"),
        ("cat\nowl".encode("utf-16-le"), "save it as UTF-8"),
        (b"\xff\xfec", "not text in UTF-8 or UTF-16"),
        (b"", "0 class names"),
        (b"index,name\n0,cat\n2,owl\n", "the indices of its 2 classes are not 0 to 1, each once"),
        (b"0,cat\n0,owl\n", "the indices of its 2 classes are not 0 to 1, each once"),
        (b"0,cat\n1,\n", "class 1 has no name"),
        (b"index,name\n0,cat\n1\n", "a row has no name"),
        (b"0,cat\n1,dog\n2\n", "line 3 has no index and name"),
        (b'{"0": "cat", "2": "owl"}', "the indices of its 2 classes are not"),
        (b'{"cat": 0, "owl": 2}', "the indices of its 2 classes are not"),
        (b'{"cat": 0, "owl": 0}', "the indices of its 2 classes are not"),
        (b'{"a": {"b": 1}}', "the indices of its 1 classes are not"),
        (b'["cat", 7]', "holds text only"),
        (b'["cat", ""]', "holds text only, none of it blank"),
        (b'["cat", ', "begins like JSON and is not"),
        (b"1: cat\n2: dog\n", "the indices of its 2 classes are not 0 to 1, each once"),
        (b"1. cat\n2. dog\n", "the indices of its 2 classes are not 0 to 1, each once"),
        (
            b"index,name\n0,crane, bird\n1,dog\n",
            "row 2 has more columns than the header; put a name with commas in quotes",
        ),
        (b"1,n2,dog\n0,n1,cat\n", "its rows have 3 columns and no header"),
        (b'{"0": "cat", "0": "dog", "1": "owl"}', "'0' stands twice"),
        (b"cat\x1b[31m\nowl\n", "class 0 has a character that cannot be printed: cat\\x1b[31m"),
        ("cat\n\u202eowl".encode(), "class 1 has a character that cannot be printed: \\u202eowl"),
        ("cat\n\u200b\nowl".encode(), "class 1 has a character that cannot be printed"),
        (b"[" * 100_000, "begins like JSON and is not"),
        (b'{"9999999999999": "cat"}', "the indices of its 1 classes are not"),
    ],
)
def test_what_is_wrong_is_one_line(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(UsageError) as error:
        read_class_names(tmp_path / "x")
    text = str(error.value)
    assert said in text and text.startswith(f"{tmp_path / 'x'}: ") and "\n" not in text
