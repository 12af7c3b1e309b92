"""Concept sets: built in, from class names, from a user's file in whatever state it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.analyses.dissection.concepts import COLOURS, colour_term, concept_set
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.utils.errors import UsageError


def test_3k_holds_frequent_words_head_words_and_every_colour_once() -> None:
    words = concept_set("3k", imagenet_classes().names).words
    assert {"fish", "dog", "car", "goldfish", "coot", "terrier"} <= set(words)
    assert set(COLOURS) <= set(words)
    assert len(set(words)) == len(words) > 3000
    assert all(len(word) >= 2 and word.isalpha() for word in words)
    assert sum(colour_term(word) is not None for word in words) == 11


def test_grey_and_gray_are_one_colour_term() -> None:
    assert [colour_term(word) for word in ("gray", "Grey", "GRAY")] == ["grey"] * 3
    assert colour_term("greyhound") is None


def test_classes_are_the_class_names() -> None:
    assert concept_set("classes", ["tench", "crane", "crane"]).words == ("tench", "crane")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_in_any_encoding_gives_the_same_set(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("red panda\r\n\r\ncafé\r\n  red   panda \r\nCafé\r\nsky".encode(encoding))
    found = concept_set(str(path), [])
    assert found.words == ("red panda", "café", "sky")
    assert (found.name, found.dropped) == ("words.txt", 2)
    plain = tmp_path / "other.txt"
    plain.write_text("red panda\ncafé\nsky\n", "utf-8")
    assert concept_set(str(plain), []).sha256 == found.sha256


def test_another_list_has_another_hash(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("cat\ndog\n")
    before = concept_set(str(path), []).sha256
    path.write_text("cat\ncow\n")
    assert concept_set(str(path), []).sha256 != before


@pytest.mark.parametrize("content", [b"", b"\n \n", b"one\nOne\n"])
def test_too_few_concepts_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="needs two"):
        concept_set(str(path), [])


def test_a_missing_or_binary_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such concept file"):
        concept_set(str(tmp_path / "no.txt"), [])
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"PK\x03\x04\0\0\0\xff\n\0")
    with pytest.raises(UsageError, match="not a text file"):
        concept_set(str(binary), [])
