"""The true class of each image: tables, folders and file names as people have them; what holds where they disagree, what is left over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from folders import holding
from reportgen.images.labels.read import Labelled, class_part, read_labels
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers.base import ClassList
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256

CLASSES = ClassList(
    names=("tench, Tinca tinca", "goldfish", "crane", "crane", "tiger cat", "8", "library", "kite"),
    wnids=("n01440764", "n01443537", "n02012849", "n03126707", "n02123159", "n00000008", "n03661043", "n01608432"),
)
IMAGES = ("a.png", "b.png")


class Read:
    """Labels as they were read, and what was said of them."""

    def __init__(self, found: Labelled, remarks: Remarks) -> None:
        self.found = found
        self.labels = {name: label.index for name, label in found.labels.items()}
        self.sources = {name: label.source for name, label in found.labels.items()}
        self.warnings = {warning.code: warning.text for warning in remarks.warnings}
        self.texts = [warning.text for warning in remarks.warnings]
        self.left = {left.reason: left.names for left in remarks.left_alone}


def read(
    folder: Path,
    files: Mapping[str, str | bytes],
    names: Sequence[str] = IMAGES,
    classes: ClassList = CLASSES,
    **options: bool,
) -> Read:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    remarks = Remarks()
    return Read(read_labels(holding(folder, names), classes, remarks, **options), remarks)


def table(folder: Path, content: str | bytes, names: Sequence[str] = IMAGES, **options: bool) -> Read:
    return read(folder, {"labels.csv": content}, names, **options)


# --- classes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "index"),
    [
        ("1", 1),
        ("1.0", 1),
        ("001", 1),
        ("n01443537", 1),
        ("N01443537", 1),
        ("n01443537 goldfish", 1),
        ("n01443537 240 170 260 240 n01443537 1 1 2 2", 1),
        ("goldfish", 1),
        ("Gold-Fish", 1),
        ("Tiger_Cat", 4),
        ("TigerCat", 4),
        (" TIGER  cat ", 4),
        ("004.Tiger_cat", 4),
        ("tinca TINCA", 0),
        ('"tench, Tinca tinca"', 0),
        ('"goldfish, Carassius auratus"', 1),
        ("8", 5),
        ("2", 2),
        ("n03126707", 3),
    ],
)
def test_a_class_is_an_index_a_wnid_or_a_name(written: str, index: int, tmp_path: Path) -> None:
    assert table(tmp_path, f"name,class\na.png,{written}\n").labels == {"a.png": index}


def test_a_name_with_commas_needs_no_quotes_in_the_last_column(tmp_path: Path) -> None:
    assert table(tmp_path, "name,class\na.png,tench, Tinca tinca\nb.png,goldfish\n").labels == {"a.png": 0, "b.png": 1}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "goldfsh",
            "labels.csv line 3: unknown class 'goldfsh'; did you mean 'goldfish'? 1 image counts as unlabelled (b.png).",
        ),
        ("n01443538", "unknown class 'n01443538'; did you mean 'n01443537 (goldfish)'?"),
        ("9", "unknown class '9'."),
        ("-7", "unknown class '-7'."),
        ("9" * 5000, "unknown class"),
        ("crane", "class 'crane' could be 2 or 3: give the index or WordNet id."),
        ("'goldfish; crane'", "unknown class"),
    ],
)
def test_a_class_that_the_model_does_not_have_leaves_its_image_unlabelled(
    written: str, said: str, tmp_path: Path
) -> None:
    content = f"name,class\na.png,1\nb.png,{written}\n"
    found = table(tmp_path, content)
    assert found.labels == {"a.png": 1}
    assert list(found.warnings) == ["label-unknown"]
    assert said in found.warnings["label-unknown"] and len(found.warnings["label-unknown"]) < 250
    with pytest.raises(UsageError, match=r"^labels.csv line 3: "):
        table(tmp_path, content, strict=True)


def test_a_number_that_is_one_class_index_and_anothers_name_is_ambiguous(tmp_path: Path) -> None:
    found = read(tmp_path, {"labels.csv": "name,class\na.png,2\n"}, classes=ClassList(names=("0", "2", "1")))
    assert found.labels == {}
    assert "class '2' could be 1 or 2" in found.warnings["label-unknown"]


def test_of_many_unknown_classes_a_few_are_named_and_the_others_counted(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(50)]
    content = "name,class\n" + "".join(f"{name},no class {i}\n" for i, name in enumerate(names))
    found = table(tmp_path, content, names)
    assert len(found.texts) == 6
    assert found.texts[-1] == (
        "45 further unknown classes (no class 5, no class 6, no class 7 and 42 more); 45 images count as unlabelled."
    )
    with pytest.raises(UsageError) as stopped:
        table(tmp_path, content, names, strict=True)
    assert len(stopped.value.lines) == 6


# --- dialects ------------------------------------------------------------------------------------

PLAIN = "file,class\na.png,goldfish\nb.png,4\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        "sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"),
        '"sep=|"\n' + PLAIN.replace(",", "|"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\n\n"),
        "\ufeff" + PLAIN,
        "\ufeff\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        "Image Name , LABEL\n a.png , goldfish \n b.png , 4 \n,\n",
        '"label","image"\n"goldfish","a.png"\n"4","b.png"\n',
        "a.png,goldfish\nb.png,4\n",
        "goldfish;a.png\ntiger cat;b.png\n",
        "a,goldfish\nb,tiger cat\n",
        ",image_id,target,split\n0,a,goldfish,train\n1,b,4.0,val\n",
        "Unnamed: 0,width,filename,category\n0,5,a.png,goldfish\n1,5,b.png,4\n",
        "Datei;Klasse\na.png;1,0\nb.png;4,0\n",
        "class_id,path,class_name\n9,x/a.png,goldfish\n3,x/b.png,tiger cat\n",
        "name,file\ngoldfish,a.png\ntiger cat,b.png\n",
        "image,quality,label\na.png,goldfish,good\nb.png,tiger cat,bad\n".replace("quality,label", "label,class"),
        "filename,goldfish,tiger cat,kite,difficult\na.png,1,0,0,1\nb.png,0.0,1.0,0,1\n",
        "Aufnahme,Tier\na.png,goldfish\nb.png,tiger cat\n",
        "# exported by hand\n# 2024\n" + PLAIN,
        "#" + PLAIN,
        "file,class,\na.png,goldfish,\nb.png,4,\n",
        "file,class\na.png,goldfish,\nb.png,4,further\n",
        "file,labels\na.png,['goldfish']\nb.png,[4]\n",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,9,9,goldfish,0,0,4,4\na.png,9,9,goldfish,1,1,5,5\nb.png,9,9,4,0,0,4,4\n",
        "annotator,choice,id,image\n1,goldfish,7,/data/upload/3/1f2e3d4c-a.png\n1,tiger cat,8,/data/local-files/?d=x%2Fb.png\n",
    ],
)  # fmt: skip
def test_a_table_is_read_as_programs_write_it(content: str | bytes, tmp_path: Path) -> None:
    found = table(tmp_path, content)
    assert found.labels == {"a.png": 1, "b.png": 4}
    assert set(found.sources.values()) == {"labels.csv"}
    assert (found.left, found.texts) == ({}, [])
    assert found.found.inputs == {"labels.csv": file_sha256(tmp_path / "labels.csv")}


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "cp850"])
def test_a_spreadsheet_of_the_west_is_read_in_its_own_encoding(encoding: str, tmp_path: Path) -> None:
    content = "Datei;Klasse\r\nfüße.jpg;goldfish\r\ncafé.jpg;kite\r\n".encode(encoding)
    assert table(tmp_path, content, ("füße.jpg", "café.jpg")).labels == {"füße.jpg": 1, "café.jpg": 7}


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp1251", "линь.jpg"), ("cp932", "金魚.jpg"), ("gb18030", "金鱼.jpg"), ("cp1253", "ψάρι.jpg")],
)
def test_of_encodings_that_fit_the_one_holds_in_which_images_are_named(
    encoding: str, name: str, tmp_path: Path
) -> None:
    assert table(tmp_path, f"name,class\n{name},goldfish\n".encode(encoding), (name,)).labels == {name: 1}


def test_what_cannot_be_decoded_costs_its_row_alone(tmp_path: Path) -> None:
    found = table(tmp_path, b"name,class\na.png,goldfish\nb.png,caf\xe9\n")
    assert found.labels == {"a.png": 1}
    assert "unknown class" in found.warnings["label-unknown"]


@pytest.mark.parametrize("file", ["labels.tsv", "labels.txt", "Labels.CSV", "label.csv"])
def test_the_table_may_be_called_otherwise(file: str, tmp_path: Path) -> None:
    found = read(tmp_path, {file: "image\tclass\na.png\tgoldfish\n"})
    assert found.sources == {"a.png": file}


def test_a_list_for_training_has_blanks_between_image_and_class(tmp_path: Path) -> None:
    assert read(tmp_path, {"labels.txt": "x/a.png 1\nx/b.png 4\n"}).labels == {"a.png": 1, "b.png": 4}
    assert read(tmp_path, {"labels.txt": "a.png tiger cat\nb.png kite\n"}).labels == {"a.png": 4, "b.png": 7}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("labels.json", '{"a.png": "goldfish", "b.png": 4}'),
        ("labels.json", '[{"file": "a.png", "label": "goldfish"}, {"file": "b.png", "label": 4, "more": {"x": []}}]'),
        ("labels.jsonl", '{"image": "a.png", "label": "goldfish"}\r\n\r\n{"image": "b.png", "label": "tiger cat"}\r\n'),
        (
            "metadata.jsonl",
            '{"file_name": "a.png", "label": "goldfish"}\n{"file_name": "b.png", "label": "tiger cat"}\n',
        ),
    ],
)
def test_records_in_json_are_a_table(file: str, content: str, tmp_path: Path) -> None:
    found = read(tmp_path, {file: content})
    assert (found.labels, found.sources["a.png"], found.left) == ({"a.png": 1, "b.png": 4}, file, {})


@pytest.mark.parametrize(
    "content", ["", "{", "[" * 100_000, "3", "[3]", '{"images": [], "annotations": []}', '["tench"]']
)
def test_json_that_is_no_table_is_left_to_others(content: str, tmp_path: Path) -> None:
    found = read(tmp_path, {"labels.json": content})
    assert (found.labels, found.texts, found.left) == ({}, [], {})


def test_a_spreadsheet_is_said_to_be_one(tmp_path: Path) -> None:
    assert read(tmp_path, {"labels.xlsx": b"PK"}).left == {"a spreadsheet; save its table as CSV": ["labels.xlsx"]}


# --- names of images -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.png", "a"),
        ("a.png", "A.PNG"),
        ("a.png", "./a.png"),
        ("a.png", "photos/2019/a.png"),
        ("a.png", "C:\\Users\\me\\photos\\a.png"),
        ("a.png", "/home/me/photos/a.png"),
        ("a.png", "https://example.org/x/a.png?w=300"),
        ("a.jpg", "a.png"),
        ("sub/a.png", "a.png"),
        ("sub/a.png", "sub\\a"),
        ("my photo.png", "my%20photo.png"),
        ("img.2019.01.jpg", "img.2019.01"),
        ("caf\u00e9.png", "cafe\u0301.png"),
        ("cafe\u0301.png", "CAF\u00c9"),
    ],
)
def test_a_name_means_the_one_image_that_it_can_mean(name: str, written: str, tmp_path: Path) -> None:
    assert table(tmp_path, f'name,class\n"{written}",1\n', (name, "other.png")).labels == {name: 1}


@pytest.mark.parametrize(
    ("names", "written", "labelled"),
    [
        (("a.png", "sub/a.png"), "a.png", "a.png"),
        (("a.png", "sub/a.png"), "A.png", "a.png"),
        (("a.png", "a.jpg"), "a", None),
        (("x/a.png", "y/a.png"), "a.png", None),
        (("x/a.png", "y/a.png"), "z/y/a.png", "y/a.png"),
        (("img.jpg",), "img.v2", None),
        (("train/a.png",), "val/a.png", None),
        (("goldfish/a.png", "x.png", "y.png"), "kite/a.png", None),
        (("2019/a.png",), "2020/a.png", None),
        (("photos/a.png",), "images/a.png", "photos/a.png"),
    ],
)
def test_a_name_that_may_mean_several_images_or_another_labels_none(
    names: tuple[str, ...], written: str, labelled: str | None, tmp_path: Path
) -> None:
    found = table(tmp_path, f"name,class\n{written},4\n", names)
    assert {name for name, index in found.labels.items() if index == 4} == ({labelled} if labelled else set())
    assert bool(found.texts) == (labelled is None)


def test_of_two_rows_the_one_counts_whose_name_is_nearer(tmp_path: Path) -> None:
    found = table(tmp_path, "name,class\nval/1.jpg,goldfish\n1.jpg,kite\n", ("1.jpg",))
    assert found.labels == {"1.jpg": 7}


def test_a_table_in_a_folder_names_images_of_that_folder(tmp_path: Path) -> None:
    files = {"x/labels.csv": "name,class\n1.jpg,1\n", "y/labels.csv": "name,class\n1.jpg,4\n"}
    found = read(tmp_path, files, ("x/1.jpg", "y/1.jpg"))
    assert found.labels == {"x/1.jpg": 1, "y/1.jpg": 4}
    assert set(found.found.inputs) == set(files)


# --- rows that say nothing, or too much ----------------------------------------------------------


@pytest.mark.parametrize("cell", ["", "nan", "None", "N/A", "-1", "?"])
def test_an_empty_cell_is_counted(cell: str, tmp_path: Path) -> None:
    found = table(tmp_path, f"name,class\na.png,{cell}\nb.png,1\n")
    assert found.labels == {"b.png": 1}
    assert found.texts == ["labels.csv: no class for 1 image (a.png); 1 image counts as unlabelled."]


def test_rows_of_images_that_are_not_here_are_counted(tmp_path: Path) -> None:
    content = "name,class\na.png,1\n" + "".join(f"gone{i}.png,1\n" for i in range(5)) + ",1\n"
    found = table(tmp_path, content)
    assert found.labels == {"a.png": 1}
    assert found.texts == ["labels.csv: 6 rows name no image here (gone0.png, gone1.png, gone2.png and 3 more)."]


def test_a_row_for_an_image_that_was_skipped_is_fine(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"")
    found = table(tmp_path, "name,class\nbroken.png,1\na.png,1\n")
    assert (found.labels, found.texts) == ({"a.png": 1}, [])


def test_a_row_twice_is_fine_with_one_class_and_none_with_two(tmp_path: Path) -> None:
    found = table(tmp_path, "name,class\na.png,goldfish\nA.png,n01443537\nb.png,1\na.png,1.0\nb.png,kite\n")
    assert found.labels == {"a.png": 1}
    assert found.texts == ["labels.csv: more than one class for 1 image (b.png); 1 image counts as unlabelled."]


def test_two_rows_may_tell_together_which_class_is_meant(tmp_path: Path) -> None:
    assert table(tmp_path, "name,class\na.png,crane\na.png,n03126707\n").labels == {"a.png": 3}


def test_an_image_with_a_mark_in_several_columns_has_no_class(tmp_path: Path) -> None:
    found = read(tmp_path, {"_classes.csv": "filename, goldfish, kite\na.png,1,1\nb.png,0,1\n"})
    assert found.labels == {"b.png": 7}
    assert "more than one class for 1 image (a.png)" in found.warnings["label-contradicted"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty table"),
        (b"\n\n", "an empty table"),
        (bytes(range(256)) * 4, "not a text file"),
        (b"PK\x03\x04" + bytes(100), "not a text file"),
        ('name,class\n"a.png,1\n', "line 2: not a table (unexpected end of data)"),
        (f"name,class\n{'x' * 200_000},1\n", "line 2: not a table (field larger than field limit (131072))"),
        ("just a note\nof two lines\n", "no column is called as one of images is (name, file, image, path), and none names images here"),
        ("a.png\nb.png\n", "one column alone: no table of images and classes"),
        ("name,width,height\na.png,3,4\n", "no column is called as one of classes is (class, label, target, category)"),
        ("image,age\na.png,4\n", "no column is called as one of classes is (class, label, target, category)"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_understood_is_left_alone_with_its_reason(
    content: str | bytes, reason: str, tmp_path: Path
) -> None:
    found = table(tmp_path, content)
    assert (found.labels, found.left, found.found.inputs) == ({}, {reason: ["labels.csv"]}, {})
    with pytest.raises(UsageError, match=r"^labels.csv") as stopped:
        table(tmp_path, content, strict=True)
    assert "\n" not in str(stopped.value)


# --- numbers -------------------------------------------------------------------------------------

NUMBERS = "image,target\na.png,0\nb.png,1\n"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("classes.txt", "kite\ngoldfish\n"),
        ("classes.txt", "0 kite\r\n1 goldfish\r\n"),
        ("classes.txt", "goldfish 1\nkite 0\n"),
        ("class_names.txt", "n01608432 kite\nn01443537 goldfish\n"),
        ("labels.txt", "kite\ngoldfish\n"),
        ("class_to_idx.json", '{"kite": 0, "goldfish": 1}'),
        ("idx_to_class.json", '{"0": "kite", "1": "goldfish"}'),
        ("class_indices.json", '{"0": ["n01608432", "kite"], "1": ["n01443537", "goldfish"]}'),
        ("classes.json", '["kite", "goldfish"]'),
        ("labels.json", '{"kite": 0, "goldfish": 1}'),
    ],
)
def test_numbers_are_the_folders_own_where_it_says_so(file: str, content: str, tmp_path: Path) -> None:
    found = read(tmp_path, {"labels.csv": NUMBERS, file: content})
    assert found.labels == {"a.png": 7, "b.png": 1}
    assert found.texts == [f"Numbers in labels.csv are the folder's own, as {file} says, and not the model's indices."]
    assert set(found.found.inputs) == {"labels.csv", file}


def test_a_number_of_the_folders_own_may_be_of_a_class_that_the_model_does_not_have(tmp_path: Path) -> None:
    found = read(tmp_path, {"labels.csv": NUMBERS + "c.png,2\n", "classes.txt": "axolotl\nkite\n"}, (*IMAGES, "c.png"))
    assert found.labels == {"b.png": 7}
    assert len([text for text in found.texts if "unknown class" in text]) == 2


def test_lists_that_contradict_each_other_number_nothing(tmp_path: Path) -> None:
    files = {
        "labels.csv": NUMBERS,
        "classes.txt": "kite\ngoldfish\n",
        "class_to_idx.json": '{"kite": 1, "goldfish": 0}',
    }
    assert read(tmp_path, files).labels == {}


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"a": {"b": 1}}', "3", "[1, 2]", '{"kite": true}'])
def test_a_list_that_is_none_is_no_list(content: str, tmp_path: Path) -> None:
    assert read(tmp_path, {"labels.csv": NUMBERS, "class_to_idx.json": content}).labels == {"a.png": 0, "b.png": 1}


def test_numbers_that_count_from_0_are_the_models_and_doubted(tmp_path: Path) -> None:
    found = table(tmp_path, NUMBERS)
    assert found.labels == {"a.png": 0, "b.png": 1}
    assert found.warnings["label-doubtful-numbers"].startswith(
        "labels.csv numbers its classes from 0 to 1, and the model has 8: they are taken for the model's indices (0 is tench, "
    )
    assert table(tmp_path, "image,target\na.png,7\nb.png,1\n").texts == []


def test_numbers_that_count_all_classes_from_1_are_not_the_models(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(1, 9)]
    content = "image,target\n" + "".join(f"{name},{i}\n" for i, name in enumerate(names, 1))
    found = table(tmp_path, content, names)
    assert found.labels == {}
    assert found.texts == [
        "labels.csv numbers its classes from 1 to 8, and the model from 0 to 7: none of them counts without a classes.txt."
    ]
    files = {"labels.csv": content, "classes.txt": "\n".join(f"{i} kite" for i in range(1, 9))}
    assert set(read(tmp_path, files, names).labels.values()) == {7}


# --- tables of other names -----------------------------------------------------------------------


def test_a_table_that_is_clearly_of_labels_is_read_whatever_its_name(tmp_path: Path) -> None:
    files = {"train.csv": "id,breed\na,goldfish\nb,kite\n", "sample_submission.csv": "id,breed\na,kite\n"}
    found = read(tmp_path, files)
    assert (found.labels, set(found.sources.values())) == ({"a.png": 1, "b.png": 7}, {"train.csv"})


@pytest.mark.parametrize(
    ("file", "content", "left"),
    [
        ("train.csv", NUMBERS, True),
        ("train.csv", "image,label\na.png,good\nb.png,bad\n", True),
        ("metadata.csv", "file_name,text\na.png,a goldfish\n", False),
        ("annotations.csv", "filename,class,xmin,ymin,xmax,ymax\na.png,goldfish,1,1,2,2\n", False),
        ("train.csv", "id,breed\nx,goldfish\n", True),
        ("metadata.csv", b"\xff\xfe\x00\x00garbage", False),
        ("submission.csv", "id,label\na,goldfish\n", False),
    ],
)
def test_any_other_table_labels_nothing(file: str, content: str | bytes, left: bool, tmp_path: Path) -> None:
    found = read(tmp_path, {file: content})
    assert (found.labels, found.found.inputs, bool(found.left)) == ({}, {}, left)
    assert read(tmp_path, {file: content}, strict=True).labels == {}


def test_the_lists_of_well_known_sets_are_read(tmp_path: Path) -> None:
    tiny = "val_0.JPEG\tn01443537\t0\t32\t44\t62\nval_1.JPEG\tn01608432\t52\t55\t57\t59\nval_9.JPEG\tn99999999\t4\t0\t60\t55\n"
    tiny = tiny.replace("n99999999", "n01440764")
    names = ("val/images/val_0.JPEG", "val/images/val_1.JPEG")
    found = read(tmp_path, {"val/val_annotations.txt": tiny}, names)
    assert found.labels == {names[0]: 1, names[1]: 7}
    located = "ImageId,PredictionString\nval_0,n01443537 85 1 499 272 \nval_1,n01608432 1 1 9 9 n01608432 2 2 8 8 \n"
    found = read(tmp_path / "kaggle", {"LOC_val_solution.csv": located}, ("val_0.JPEG", "val_1.JPEG"))
    assert found.labels == {"val_0.JPEG": 1, "val_1.JPEG": 7}


def test_a_text_beside_an_image_is_no_table_of_labels(tmp_path: Path) -> None:
    names = ("train_1.jpg", "0.jpg")
    assert read(tmp_path, {"train_1.txt": "0 goldfish\n", "list.txt": "0 goldfish\n"}, names).labels == {}


def test_numbers_of_a_table_of_another_name_count_with_a_list(tmp_path: Path) -> None:
    assert read(tmp_path, {"train.csv": NUMBERS, "classes.txt": "kite\ngoldfish\n"}).labels == {"a.png": 7, "b.png": 1}


# --- folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "indices"),
    [
        (("goldfish/1.jpg", "tiger_cat/1.jpg"), (1, 4)),
        (("train/goldfish/1.jpg", "val/Tiger Cat/1.jpg"), (1, 4)),
        (("data/train/n01443537/images/1.jpg", "data/train/n02123159/images/1.jpg"), (1, 4)),
        (("Images/n01443537-goldfish/1.jpg", "Images/n02123159-tiger_cat/1.jpg"), (1, 4)),
        (("images/002.goldfish/1.jpg", "images/005.Tiger_cat/1.jpg"), (1, 4)),
        (("goldfish/2019/1.jpg", "tiger cat/2020/1.jpg"), (1, 4)),
    ],
)
def test_a_folder_for_each_class(names: tuple[str, ...], indices: tuple[int, ...], tmp_path: Path) -> None:
    found = read(tmp_path, {}, names)
    assert found.labels == dict(zip(names, indices, strict=True))
    assert set(found.sources.values()) == {"folder"}
    assert list(found.found.inputs) == ["labels"]
    assert found.found.inputs != read(tmp_path, {}, names[:1]).found.inputs


@pytest.mark.parametrize(
    "names",
    [
        ("1/a.jpg", "2/a.jpg"),
        ("0/a.jpg", "1/a.jpg"),
        ("2019/a.jpg", "2020/a.jpg"),
        ("library/a.jpg", "library/b.jpg"),
        ("library/a.jpg", "100CANON/b.jpg"),
        ("goldfish/a.jpg", "b.jpg", "c.jpg"),
        ("goldfish/a.jpg", "holiday/b.jpg", "beach/c.jpg"),
        ("cats/a.jpg", "dogs/b.jpg"),
        ("a.jpg", "b.jpg"),
        (),
    ],
)
def test_folders_that_are_not_clearly_classes_label_nothing(names: tuple[str, ...], tmp_path: Path) -> None:
    found = read(tmp_path, {}, names)
    assert (found.labels, found.texts, found.found.inputs) == ({}, [], {})


def test_folders_of_numbers_are_classes_where_they_are_all_that_the_model_has(tmp_path: Path) -> None:
    classes = ClassList(tuple(f"class {letter}" for letter in "abcdefghijkl"))
    plain, padded = ([f"{i:{form}}/1.jpg" for i in range(12)] for form in ("", "03"))
    assert list(read(tmp_path, {}, plain, classes).labels.values()) == list(range(12))
    assert list(read(tmp_path, {}, padded, classes).labels.values()) == list(range(12))
    assert read(tmp_path, {}, plain[1:], classes).labels == {}
    assert read(tmp_path, {}, [*padded[:9], *plain[9:]], classes).labels == {}
    assert read(tmp_path, {}, [*plain, "12/1.jpg"], classes).labels == {}


def test_folders_of_numbers_are_classes_where_a_list_says_which(tmp_path: Path) -> None:
    found = read(tmp_path, {"classes.txt": "kite\ngoldfish\n"}, ("train/0/a.jpg", "val/1/a.jpg"))
    assert found.labels == {"train/0/a.jpg": 7, "val/1/a.jpg": 1}
    assert set(found.found.inputs) == {"classes.txt", "labels"}


def test_folders_of_which_most_are_classes_are_said_to_count_for_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, {}, ("goldfish/1.jpg", "kite/1.jpg", "holiday/1.jpg"))
    assert found.labels == {}
    assert found.texts == [
        "2 of 3 images lie in folders that are called as classes are (goldfish, kite), and not nearly all: "
        "no label is taken from folders."
    ]


def test_a_folder_that_is_nearly_a_class_is_said_with_the_class(tmp_path: Path) -> None:
    found = read(tmp_path, {}, ("goldfsh/1.jpg", "goldfsh/2.jpg", "kite/1.jpg"))
    assert found.labels == {"kite/1.jpg": 7}
    assert found.texts == [
        "The folders: unknown class 'goldfsh'; did you mean 'goldfish'? 2 images count as unlabelled (goldfsh/1.jpg, goldfsh/2.jpg)."
    ]
    with pytest.raises(UsageError, match="the folders: unknown class 'goldfsh'"):
        read(tmp_path, {}, ("goldfsh/1.jpg", "kite/1.jpg"), strict=True)


# --- file names, and what holds ------------------------------------------------------------------


def test_a_wnid_file_name_carries_its_label(tmp_path: Path) -> None:
    names = ["n01443537_goldfish.JPEG", "sub/n02012849_crane.jpg", "n99999999_nothing.jpg", "n01443537.jpg", "x.jpg"]
    found = read(tmp_path, {}, names)
    assert found.labels == {"n01443537_goldfish.JPEG": 1, "sub/n02012849_crane.jpg": 2}
    assert set(found.sources.values()) == {"file name"}
    assert read(tmp_path, {}, names, ClassList(CLASSES.names)).labels == {}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("n01443537_goldfish.JPEG", "goldfish"),
        ("sub/n02012849_crane_bird.jpg", "crane_bird"),
        ("holiday.photo.png", "holiday.photo"),
        ("n0144353_goldfish.png", "n0144353_goldfish"),
        ("n01443537_.png", "n01443537_"),
        ("photo", "photo"),
    ],
)
def test_the_class_part_of_a_file_name(name: str, part: str) -> None:
    assert class_part(name) == part


def test_a_table_holds_over_the_folder_and_that_over_the_file_name(tmp_path: Path) -> None:
    names = ("goldfish/a.png", "goldfish/n02123159_b.png", "goldfish/c.png")
    files = {"labels.csv": "name,class\na.png,kite\n", "train.csv": "file,class\na.png,tiger cat\nc.png,goldfish\n"}
    found = read(tmp_path, files, names)
    assert found.labels == dict(zip(names, (7, 1, 1), strict=True))
    assert list(found.sources.values()) == ["labels.csv", "folder", "train.csv"]
    assert found.texts == [
        "labels.csv and train.csv say different classes for 1 image (goldfish/a.png); labels.csv holds.",
        "labels.csv and the folders say different classes for 1 image (goldfish/a.png); labels.csv holds.",
        "The folders and the file names say different classes for 1 image (goldfish/n02123159_b.png); the folders hold.",
    ]


def test_an_image_of_which_the_table_says_too_much_or_too_little(tmp_path: Path) -> None:
    names = ("kite/a.png", "kite/b.png", "kite/c.png")
    found = table(tmp_path, "name,class\na.png,\nb.png,axolotl\nc.png,kite\nc.png,goldfish\n", names)
    assert found.labels == {"kite/a.png": 7}  # an empty cell says nothing; a class that is none says that it is no kite
    assert found.warnings["label-empty"].endswith("(kite/a.png); it is labelled otherwise.")


def test_the_order_in_which_files_are_listed_makes_no_difference(tmp_path: Path) -> None:
    files = {
        "labels.csv": "name,class\na.png,1\nb.png,axolotl\nb.png,kite\n",
        "labels.tsv": "name\tclass\na.png\tgoldfish\n",
        "train.csv": "name,class\na.png,kite\n",
        "classes.txt": "tench\ngoldfish\n",
    }
    first = read(tmp_path, files)
    given = holding(tmp_path, IMAGES)
    remarks = Remarks()
    object.__setattr__(given, "beside", dict(reversed(given.beside.items())))
    again = Read(read_labels(given, CLASSES, remarks), remarks)
    assert (first.labels, first.sources) == (again.labels, again.sources)
    assert sorted(first.texts) == sorted(again.texts)


# --- hostile -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written", ["/" * 100_000, "a/" * 50_000, "\\" * 5000 + "a.png", "%2" * 40_000, "http://[", "x" * 100_000]
)
def test_a_name_that_no_image_has_takes_no_time(written: str, tmp_path: Path) -> None:
    found = table(tmp_path, f"name,class\n{written},1\nb.png,1\n")
    assert found.labels["b.png"] == 1
    assert all(len(text) < 300 for text in found.texts)


def test_what_is_said_of_hostile_names_is_one_line(tmp_path: Path) -> None:
    content = 'name,class\n"a\n\x1b[2J.png",1\n"b.png","gold\nfsh"\n'
    found = read(tmp_path, {"x\ny/labels.csv": content}, ("x\ny/b.png",))
    assert len(found.texts) == 2
    assert all("\n" not in text and "\x1b" not in text for text in found.texts)
    with pytest.raises(UsageError) as stopped:
        read(tmp_path, {}, ("x\ny/b.png",), strict=True)
    assert "\n" not in str(stopped.value)


def test_images_of_one_name_in_many_folders_take_no_time(tmp_path: Path) -> None:
    names = [f"f{i}/image.png" for i in range(5_000)]
    content = "name,class\n" + "".join(f"f{i}/image.png,1\nimage.png,1\n" for i in range(5_000))
    found = table(tmp_path, content, names)
    assert len(found.labels) == 5_000
    assert "5000 rows may mean more than one image" in found.warnings["label-of-several-images"]


def test_a_table_of_too_many_cells_is_left_alone(tmp_path: Path) -> None:
    found = table(tmp_path, b"name,class\n" + b"," * 17_000_000)
    assert found.left == {"a table of more than 16000000 cells": ["labels.csv"]}


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    from PIL import Image

    folder = tmp_path / "photos"
    folder.mkdir()
    for i, name in enumerate(("a", "b", "c", "d")):
        Image.new("RGB", (8 + i, 8)).save(folder / f"{name}.png")
    (folder / "labels.csv").write_text("Datei;Klasse\na;tench\nb.PNG;1.0\nc;tenh\nx;tench\n")
    return folder


def labels_command(*arguments: str) -> Any:
    from typer.testing import CliRunner

    from reportgen.cli.main import app
    from reportgen.cli.terminal import Terminal

    terminal = Terminal()
    done = CliRunner().invoke(app, ["labels", *arguments], obj=terminal)
    return done, terminal


def test_reportgen_labels_says_what_is_understood_and_what_is_left_over(photos: Path) -> None:
    done, _ = labels_command(str(photos))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "2 of 4 images labelled, as one of the 1000 classes of efficientnet_lite0"
    assert lines[1] == "from labels.csv (images in column 'Datei', classes in column 'Klasse'): 2 images"
    assert ["tench", "0", "1"] in [line.split() for line in lines]
    assert "  2 images without a label: c.png, d.png" in lines
    assert "  labels.csv: 1 row names no image here (x)." in lines
    assert (
        "  labels.csv line 4: unknown class 'tenh'; did you mean 'tench'? 1 image counts as unlabelled (c.png)."
        in lines
    )


def test_reportgen_labels_as_json(photos: Path) -> None:
    done, terminal = labels_command(str(photos), "--json", "-q")
    assert (done.exit_code, done.stdout) == (0, "")
    found = json.loads(json.dumps(terminal._found))
    assert (found["images"], found["labelled"], found["unlabelled"]) == (4, 2, ["c.png", "d.png"])
    assert found["classes"] == [
        {"index": 0, "name": "tench", "images": 1},
        {"index": 1, "name": "goldfish", "images": 1},
    ]
    assert [one["nearest"] for one in found["unknown"]] == ["tench"]
    assert found["absent"] == ["x"]


def test_reportgen_labels_strict_and_without_images(photos: Path, tmp_path: Path) -> None:
    from reportgen.utils.errors import NothingToDo

    done, _ = labels_command(str(photos), "--strict")
    assert isinstance(done.exception, UsageError)
    assert "labels.csv line 4: unknown class 'tenh'" in str(done.exception)
    (tmp_path / "empty").mkdir()
    done, _ = labels_command(str(tmp_path / "empty"))
    assert isinstance(done.exception, NothingToDo)
