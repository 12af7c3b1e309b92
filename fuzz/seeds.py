"""Write the seeds in fuzz/corpus anew, from what the tests make; what was found (`found-...`) stays.

PYTHONPATH=.:tests python -m fuzz.seeds
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pypdf
import tifffile
import torch
from PIL import Image

import made_pickles
import raw_files
from changed_reports import kinds
from fuzz.harness import joined
from fuzz.hostile import hostile
from fuzz.targets import CORPUS
from fuzz.targets.results import KEY, Kept, Part
from pictures import blocks, encode
from reportgen.report.manifest import manifest_json
from reportgen.report.report_json import REPORT
from reportgen.sharing.signing.ssh_signature import KIND, sign
from reportgen.storage.entry import pack
from truth_folders import painted

Seeds = Mapping[str, bytes]


def images() -> Seeds:
    small, grey = blocks(16, 16), blocks(16, 16).convert("L")
    jpeg = encode(small, "JPEG")
    tiff = io.BytesIO()
    tifffile.imwrite(tiff, np.asarray(grey, np.uint16) * 257, compression="zlib")
    layers = io.BytesIO()
    tifffile.imwrite(layers, np.zeros((4, 16, 16), np.float32), photometric="minisblack", tile=(16, 16))
    return {
        "rgb.png": encode(small),
        "palette.png": encode(small.quantize(8)),
        "rgb.jpg": jpeg,
        "cmyk.jpg": encode(small.convert("CMYK"), "JPEG"),
        "frames.gif": encode(small, "GIF", save_all=True, append_images=[blocks(16, 16).rotate(90)]),
        "rgb.webp": encode(small, "WEBP"),
        "rgb.bmp": encode(small, "BMP"),
        "rgb.jp2": encode(small, "JPEG2000"),
        "rgb.tga": encode(small, "TGA"),
        "icon.ico": encode(small, "ICO"),
        "grey.pgm": encode(grey, "PPM"),
        "rgb.tif": encode(small, "TIFF", compression="tiff_lzw"),
        "grey16.tif": tiff.getvalue(),
        "tiles.tif": layers.getvalue(),
        "raw.nef": raw_files.raw([raw_files.thumbnail(8, 8), raw_files.sensor(16, 16), raw_files.preview(jpeg)]),
    }


def inert_pickle() -> Seeds:
    value = {"a": [1, 2.5, None, True, (1, "x", b"y")], "b": OrderedDict(c=2**70), "d": {1, 2}}
    plain = {"a": [1, 2.5, None, True], "b": {"c": ("x", 2**40)}}
    made = {f"mixed-{p}": pickle.dumps(value, p) for p in (2, 3, 4, 5)}
    return {**made, **{f"plain-{p}": pickle.dumps(plain, p) for p in (0, 1, 2, 4)}}


def parameters() -> Seeds:
    entry = {
        "labels": (1,), "hide_color": None, "top_labels": 5, "num_features": 100, "num_samples": 100, "batch_size": 10,
        "segmentation_fn": None, "distance_metric": "cosine", "model_regressor": None, "random_seed": 1,
    }  # fmt: skip
    algorithm = made_pickles.algorithm(made_pickles.filled([made_pickles.text("n_segments") + b"K\x32"]))
    return {
        **{f"plain-{p}": pickle.dumps({"a": entry, "b": entry}, p) for p in (0, 2, 4)},
        "algorithm": made_pickles.entries([made_pickles.entry(segmentation_fn=algorithm)]),
        "shared": made_pickles.kept(made_pickles.entry()) + made_pickles.entries([made_pickles.get(0)] * 3),
        "itself": b"]r\0\0\0\0(" + made_pickles.get(0) * 3 + b"e.",
    }


def reports() -> Seeds:
    with tempfile.TemporaryDirectory() as folder:
        return {run.parent.name: _smaller(json.loads((run / REPORT).read_bytes())) for run in kinds(Path(folder))}


def _smaller(report: Any) -> bytes:
    """Of each kind of block what shows the form."""
    for section in report["sections"]:
        kept: dict[str, int] = {}
        blocks_ = [
            b
            for b in section["blocks"]
            if (kept.update({b["type"]: kept.get(b["type"], 0) + 1}) or kept[b["type"]] < 3)
        ]
        for block in blocks_:
            if block["type"] == "table":
                block["rows"], block["row_images"] = block["rows"][:2], block["row_images"][:2]
        section["blocks"] = blocks_
    places = {block["id"] for section in report["sections"] for block in section["blocks"] if "id" in block}
    for finding in report["findings"]:
        finding["evidence"] = [one for one in finding["evidence"] if one["source"] in places][:2]
    return json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()


def annotations() -> Seeds:
    image = {"id": 1, "file_name": "a.png", "width": 120, "height": 80}
    one = {"id": 1, "image_id": 1, "category_id": 3, "iscrowd": 0}
    corners = [30.0, 20.0, 70.0, 20.0, 70.0, 60.0]
    of = {"images": [image], "categories": [{"id": 3, "name": "cat"}]}
    runs = {"size": [80, 120], "counts": [100, 50, 9450]}
    boxed = {
        **of,
        "annotations": [{**one, "bbox": [30, 20, 40, 40], "segmentation": [corners]}, {**one, "segmentation": runs}],
    }
    labelme = {
        "shapes": [{"label": "cat", "points": [[30, 20], [70, 60]], "shape_type": "rectangle"},
                   {"label": "cat", "points": [[30, 20], [70, 20], [70, 60]], "shape_type": "polygon"}],
        "imagePath": "a.png", "imageHeight": 80, "imageWidth": 120,
    }  # fmt: skip
    via = {
        "a.png1": {
            "filename": "a.png",
            "size": 1,
            "regions": [
                {"shape_attributes": {"name": "rect", "x": 3, "y": 2, "width": 4, "height": 4}, "region_attributes": {}}
            ],
            "file_attributes": {},
        }
    }
    voc = (
        "<annotation><filename>a.png</filename><size><width>120</width><height>80</height></size><object><name>cat</name>"
        "<bndbox><xmin>30</xmin><ymin>20</ymin><xmax>70</xmax><ymax>60</ymax></bndbox></object></annotation>"
    )
    cvat = (
        '<annotations><image id="0" name="a.png" width="120" height="80"><box label="cat" xtl="3" ytl="2" xbr="7" ybr="6"/>'
        '<polygon label="cat" points="3,2;7,2;7,6"/><mask label="cat" rle="3, 5, 8" left="1" top="1" width="4" height="4"/>'
        "</image></annotations>"
    )
    mask = encode(Image.fromarray(painted((30, 20, 70, 60)).astype(np.uint8) * 255))
    packed = {**of, "annotations": [{**one, "segmentation": {"size": [80, 120], "counts": "`0a0R2"}}]}
    found = [{**one, "score": 0.5, "bbox": [3, 2, 4, 4]}]
    lines = {"file_name": "a.png", "objects": {"bbox": [[3, 2, 4, 4]], "categories": [0]}}
    files: Mapping[str, Mapping[str, object]] = {
        "coco": {"instances.json": boxed},
        "coco-packed": {"a.json": packed},
        "coco-results": {"a.json": {**of, "annotations": []}, "r.json": found},
        "voc": {"a.xml": voc},
        "cvat": {"annotations.xml": cvat},
        "yolo": {"a.txt": "0 0.5 0.5 0.3 0.4\n1 0.1 0.1 0.5 0.1 0.5 0.5\n", "data.yaml": "names: [cat, dog]\n"},
        "labelme": {"a.json": labelme},
        "via": {"via.json": via},
        "boxes": {"boxes.csv": "image,x0,y0,x1,y1\na.png,30,20,70,60\nb.png,1,1,9,9\n"},
        "lines": {"metadata.jsonl": lines},
        "mask": {"a.mask.png": mask},
        "utf16": {"a.xml": ('<?xml version="1.0" encoding="utf-16"?>' + voc).encode("utf-16")},
    }
    return {name: joined({file: _bytes(value) for file, value in of_one.items()}) for name, of_one in files.items()}


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def labels() -> Seeds:
    return {
        "names": joined({"labels.csv": b"image,label\na.png,cat\nb.png,goldfish\n"}),
        "numbers": joined({"labels.csv": b"a.png;0\nb.png;1\n", "classes.txt": b"cat\nkite\n"}),
        "tabs": joined({"train.tsv": b"filename\tclass\na.png\tcat\nc.png\tdog\n"}),
        "marks": joined({"labels.csv": b"\xef\xbb\xbfimage,cat,kite\na.png,1,0\nb.png,0,1\n"}),
        "quoted": joined({"labels.csv": b'image,label\n"a.png","tench, Tinca tinca"\n"b\n.png",1\n'}),
        "utf16": joined({"labels.csv": "image,label\na.png,cat\n".encode("utf-16")}),
        "index": joined({"labels.csv": b"a.png,1\n", "class_to_idx.json": b'{"cat": 0, "kite": 1}'}),
        "imagenet": joined({"LOC_val_solution.csv": b"ImageId,PredictionString\na,n01443530 1 2 3 4\n"}),
        "numbered": joined({"classes.txt": b"0: cat\n1: kite\n", "labels.txt": b"a.png 0\nb.png 1\n"}),
    }


def archives() -> Seeds:
    picture = encode(blocks(8, 8))
    files = {"photos/a.png": picture, "photos/b.png": picture, "photos/labels.csv": b"image,label\na.png,cat\n"}
    made = {}
    for name, how in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED), ("other", zipfile.ZIP_LZMA)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", how) as archive:
            for inside, data in files.items():
                archive.writestr(zipfile.ZipInfo(inside), data, how)
        made[f"zip-{name}"] = buffer.getvalue()
    forms = (("ustar", tarfile.USTAR_FORMAT), ("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT))
    for name, form in forms:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
            for inside, data in {**files, "photos/" + "x" * 120 + "\xe9.png": picture}.items():
                if form == tarfile.USTAR_FORMAT and len(inside) > 99:
                    continue
                entry = tarfile.TarInfo(inside)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            link = tarfile.TarInfo("photos/d.png")
            link.type, link.linkname = tarfile.LNKTYPE, "photos/a.png"
            tar.addfile(link)
        made[f"tar-{name}"] = buffer.getvalue().rstrip(b"\0") + bytes(1024)
    tar_bytes = made["tar-ustar"]
    packed = {
        "tar-gz": gzip.compress(tar_bytes, mtime=0),
        "tar-bz2": bz2.compress(tar_bytes),
        "tar-xz": lzma.compress(tar_bytes),
    }
    return {**made, **packed}


def pdfs() -> Seeds:
    report = reports()["bare"]
    made = {}
    for name, attached in (
        ("report", {REPORT: report, "manifest.json": manifest_json({REPORT: ("0" * 64, 1)})}),
        ("none", {}),
    ):
        writer = pypdf.PdfWriter()
        page = writer.add_blank_page(100, 100)
        for file, data in attached.items():
            writer.add_attachment(file, data)
        jpeg = pypdf.generic.StreamObject()
        jpeg.set_data(encode(blocks(8, 8), "JPEG"))
        names = pypdf.generic.NameObject
        jpeg.update(
            {
                names("/Type"): names("/XObject"),
                names("/Subtype"): names("/Image"),
                names("/Filter"): names("/DCTDecode"),
            }
        )
        shown = pypdf.generic.DictionaryObject({names("/I"): writer._add_object(jpeg)})
        page[names("/Resources")] = pypdf.generic.DictionaryObject({names("/XObject"): shown})
        buffer = io.BytesIO()
        writer.write(buffer)
        made[name] = buffer.getvalue()
    return made


def checkpoints() -> Seeds:
    from safetensors.torch import save

    torch.manual_seed(0)
    state = {"fc.weight": torch.randn(3, 4), "fc.bias": torch.zeros(3), "n": torch.tensor(2)}
    made = {"safetensors": save(state)}
    more = {"model": state, "epoch": 3, "half": torch.randn(4, 6).half().T, "wide": torch.ones(1, 3).expand(5, 3)}
    for name, legacy in (("zip", False), ("legacy", True)):
        for protocol in (2, 4):
            buffer = io.BytesIO()
            torch.save(more, buffer, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
            made[f"{name}-{protocol}"] = buffer.getvalue()
    return made


def results() -> Seeds:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    kept = pack(KEY, Kept(0.5, None, ("a", "b"), {"x": Part(((1, 0.5),), array)}, array > 2))
    assert kept.arrays is not None
    return {
        "kept": joined({"values": kept.values[1], "arrays": kept.arrays[1]}),
        "none": joined({"values": kept.values[1]}),
        "values": kept.values[1],
    }


def signatures() -> Seeds:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))  # nobody's
    public = key.public_key()
    blob = struct.pack(">I", len(KIND)) + KIND + struct.pack(">I", 32) + public.public_bytes_raw()
    line = KIND + b" " + base64.b64encode(blob)
    return {
        "signature": sign(b"a message", key),
        "line": line + b" ann\n",
        "signers": b'ann namespaces="reportgen,x",valid-after="20200101Z",valid-before="209901010000" '
        + line
        + b"\n# none\n",
        "authority": b"cert-authority " + line + b'\ncommand="a \\" b" ' + line + b" bob\n",
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    }


MAKERS: dict[str, Callable[[], Seeds]] = {
    "images": images, "inert_pickle": inert_pickle, "parameters": parameters, "reports": reports, "pages": reports,
    "annotations": annotations, "labels": labels, "archives": archives, "pdfs": pdfs, "checkpoints": checkpoints,
    "results": results, "signatures": signatures,
}  # fmt: skip


def main() -> None:
    for name, make in MAKERS.items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if not old.name.startswith("found-"):
                old.unlink()
        seeds = make()
        for seed, data in {**seeds, **hostile(name, seeds)}.items():
            (folder / seed).write_bytes(data)
        sizes = [path.stat().st_size for path in folder.iterdir()]
        print(f"{name}: {len(sizes)} files, {sum(sizes)} bytes")


if __name__ == "__main__":
    main()
