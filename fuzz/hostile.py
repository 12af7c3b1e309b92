"""Seeds that are refused, one for a guard that readers have: where it goes, `tests/test_fuzz_corpus.py` fails."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping

from fuzz.harness import joined
from pictures import blocks, encode, raw_png
from reportgen.sharing.signing.ssh_signature import BEGIN, END

_DEEP = b"[" * 5000 + b"]" * 5000


def hostile(name: str, seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    """What goes beside the other seeds of a target."""
    return {f"hostile-{kind}": data for kind, data in HOSTILE[name](seeds).items()}


def _images(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    return {"more-pixels": raw_png(4096, 2048, 1, 0, (b"\0" * 513) * 2048), "cut": seeds["rgb.jp2"][:200]}


def _pickle(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    return {"empty-stack": b"\x80\x02a.", "key-without-hash": b"\x80\x02}]Ns.", "call": b"\x80\x02cos\nsystem\n)R."}


def _report(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    whole = json.loads(seeds["bare"])
    late = {**whole, "provenance": {**whole["provenance"], "created": "9999-12-31T23:59:59-23:00"}}
    half = seeds["bare"].replace(b'"title":"', b'"title":"\\ud800', 1)
    return {"half-a-character": half, "late": json.dumps(late).encode(), "deep": b'{"settings":' + _DEEP + b"}"}


def _annotations(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    entities = b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><annotation><filename>&c;</filename></annotation>'
    deep = b'{"images": [], "annotations": ' + _DEEP + b"}"
    return {
        "deep": joined({"a.json": deep}),
        "entities": joined({"a.xml": entities}),
        "yaml": joined({"data.yaml": b"names: [" * 999}),
    }


def _labels(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        "deep": joined({"labels.csv": b"a.png,0\n", "classes.json": _DEEP}),
        "nul": joined({"labels.csv": b'image,label\n"a.png\0,cat'}),
    }


def _archives(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for inside in ("../../a.png", "/etc/b.png", "photos/c.png"):
            archive.writestr(zipfile.ZipInfo(inside), encode(blocks(8, 8)))
    damaged = bytearray(seeds["zip-deflated"])
    damaged[60:80] = bytes(20)
    return {"names": buffer.getvalue(), "damaged": bytes(damaged), "cut": seeds["tar-gz"][:-40]}


def _pdfs(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    return {"cut": seeds["report"][:3000], "none": b"%PDF-1.7\n%%EOF\n"}


def _checkpoints(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    table = b'{"a": 1, "b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'
    # A byte of the pickle in the archive, which then has another checksum.
    flipped = seeds["zip-2"].replace(b"epoch", b"epocH", 1)
    return {"table": struct.pack("<Q", len(table)) + table, "cut": seeds["legacy-2"][:-30], "flipped": flipped}


def _results(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    return {"kinds": seeds["kept"].replace(b'"<f4"', b'"nix"'), "no-arrays": seeds["none"].replace(b'"of"', b'"off"')}


def _signatures(seeds: Mapping[str, bytes]) -> dict[str, bytes]:
    line = seeds["line"].split()[1]
    return {
        "no-base64": f"{BEGIN}\n***\n{END}\n".encode(),
        "short": f"{BEGIN}\nU1NIU0lH\n{END}\n".encode(),
        "late": b'valid-before="99991231235959" ssh-ed25519 ' + line,
        "key": b"ssh-ed25519 AAA",
    }


HOSTILE: dict[str, Callable[[Mapping[str, bytes]], dict[str, bytes]]] = {
    "images": _images, "inert_pickle": _pickle, "parameters": _pickle, "reports": _report, "pages": _report,
    "annotations": _annotations, "labels": _labels, "archives": _archives, "pdfs": _pdfs, "checkpoints": _checkpoints,
    "results": _results, "signatures": _signatures,
}  # fmt: skip
