"""A stranger's JSON, XML and YAML as data: bounded in depth, without entities; or the reason why there is none."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers import expat

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.texts import text_in, text_of

_DEEPEST = 100  # XML elements within one another; annotations have five
_DECLARED = re.compile(rb"""encoding=["']([A-Za-z0-9._-]{1,40})["']""")
_MOST_YAML = 256 * 2**10  # bytes: the names of 10 000 classes; PyYAML reads slowly


def json_in(file: InputFile, words: tuple[tuple[str, ...], ...]) -> object:
    """The data of a JSON file.

    Args:
        words: the file is only parsed, which takes ten times its bytes, where it holds all words of one of these groups.

    Raises:
        UnreadableFile: no text, no valid JSON, or without these words.
    """
    text = text_in(file)
    if not text.strip():
        raise UnreadableFile("an empty file")
    if not any(all(f'"{word}"' in text for word in group) for group in words):
        raise UnreadableFile("JSON that marks no object in a form that is read")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableFile(f"not valid JSON (line {error.lineno}: {error.msg})") from None
    except RecursionError:
        raise UnreadableFile("JSON that is nested too deep to read") from None
    except ValueError:  # an integer of more digits than Python reads
        raise UnreadableFile("JSON with a number that is too long to read") from None


def xml_in(file: InputFile) -> Element:
    """The root of an XML file, in the encoding that it declares, or else in the one that it is in.

    Raises:
        UnreadableFile: no valid XML, or it declares a document type or entities.
    """
    data = file.read()
    if not data.strip():
        raise UnreadableFile("an empty file")
    try:
        return _parsed(data, None)
    except (ParseError, expat.ExpatError, LookupError, ValueError):
        pass
    # An encoding of several bytes a character, which expat does not read, or a declaration that is not true.
    text = _as_declared(data) or text_in(file)
    try:
        return _parsed(text.encode("utf-8", "replace"), "utf-8")
    except expat.ExpatError as error:
        raise UnreadableFile(f"not valid XML (line {error.lineno}: {expat.ErrorString(error.code)})") from None
    except (ParseError, LookupError, ValueError):
        raise UnreadableFile("not valid XML") from None


def _as_declared(data: bytes) -> str | None:
    declared = _DECLARED.search(data[:200])
    try:
        return data.decode(declared[1].decode()) if declared else None
    except (LookupError, ValueError):
        return None


def _parsed(data: bytes, encoding: str | None) -> Element:
    """Raises: UnreadableFile, and what expat and a builder of trees raise of what is no XML."""
    builder = TreeBuilder()
    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise UnreadableFile("XML that is nested too deep to read")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise UnreadableFile("XML that declares a document type or entities, which no annotation needs")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.Parse(data, True)
    return builder.close()


def yaml_in(file: InputFile) -> object:
    """The data of a YAML file; every scalar is text.

    Raises:
        UnreadableFile: too large, or no valid YAML.
    """
    import yaml

    try:
        return yaml.load(
            text_of(file.read(_MOST_YAML)), Loader=yaml.BaseLoader
        )  # BaseLoader makes text, lists and mappings alone
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise UnreadableFile("not valid YAML") from None


def folder_of(name: str) -> str:
    """The folder that a file of the input lies in, `` for the first."""
    parent = str(PurePosixPath(name).parent)
    return "" if parent == "." else parent
