"""What a PDF carries beside its pages, so that the whole report can be made again from the PDF alone.

`report.json`    exactly the bytes of `reportgen.reports.report_json`
`images.parquet` every image of a run of many, up to `MOST_RECORDS`; a larger file lies in the run folder alone
`manifest.json`  SHA-256 and size of every file of the run but its renderings, timings.json and itself
pictures         under their paths in the run folder, but for the JPEGs that the pages show: the PDF holds those bytes
                 already, as they are, and the manifest's hashes tell which is which

`reportgen.pdf_data` reads all of it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from reportgen.rendering.filters import moment
from reportgen.rendering.sources import Sources, inside, mime_type
from reportgen.report.columns import IMAGES_FILE
from reportgen.report.document import Records, Report
from reportgen.report.manifest import MANIFEST, Entry, entry_of, is_rendered, manifest_json, read_manifest
from reportgen.report.report_json import REPORT, report_json

if TYPE_CHECKING:
    import pydyf

DESCRIPTIONS = {
    REPORT: "The report as data",
    MANIFEST: "SHA-256 and size of every file of the run",
    IMAGES_FILE: "Every image of the run, a row each",
}
MEDIA = {REPORT: "application/json", MANIFEST: "application/json", IMAGES_FILE: "application/vnd.apache.parquet"}
# Of about 1500 images. A PDF is to be sent and read.
MOST_RECORDS = 8 << 20


def data_files(report: Report, sources: Sources, manifest: Mapping[str, Entry] | None) -> dict[str, bytes]:
    """report.json, manifest.json and, where it is small enough, images.parquet, as the PDF carries them.

    Args:
        manifest: the files of the run; None: what the run folder's own manifest lists, or, where it has none,
            report.json and the pictures.

    Raises:
        ReportgenError: a picture is missing.
    """
    data = report_json(report)
    if manifest is None:
        manifest = read_manifest(sources.run) or {REPORT: entry_of(data)}
    files = {name: entry for name, entry in manifest.items() if not is_rendered(name)}
    for name in sorted(sources.pictures - set(files)):
        files[name] = entry_of(sources.picture(name).read_bytes())
    records = {} if report.records is None else _records(sources, report.records)
    return {REPORT: data, MANIFEST: manifest_json(files), **records}


def _records(sources: Sources, records: Records) -> dict[str, bytes]:
    """The file of records, where it is small enough; also nothing where it is not here: the pages need none of it."""
    path = inside(sources.run, records.file) if records.bytes <= MOST_RECORDS else None
    data = b"" if path is None or path.stat().st_size != records.bytes else path.read_bytes()
    return {records.file: data} if hashlib.sha256(data).hexdigest() == records.sha256 else {}


def attaching(sources: Sources, created: str) -> Callable[[Any, Any], None]:
    """A finisher for WeasyPrint's `write_pdf` that attaches the data, and the pictures that the pages do not hold.

    Args:
        created: ISO 8601, the date of every attachment; no date where it is no time.
    """

    def finish(_document: Any, pdf: pydyf.PDF) -> None:
        held = _jpeg_hashes(pdf)
        attached = dict(sources.data)
        for name in sources.pictures:
            content = sources.picture(name).read_bytes()
            if hashlib.sha256(content).hexdigest() not in held:
                attached[name] = content
        _attach(pdf, attached, created, sources)

    return finish


def _jpeg_hashes(pdf: pydyf.PDF) -> set[str]:
    """SHA-256 of every JPEG that stands in the PDF as it is."""
    import pydyf

    return {
        hashlib.sha256(b"".join(part if isinstance(part, bytes) else part.data for part in item.stream)).hexdigest()
        for item in pdf.objects
        if isinstance(item, pydyf.Stream) and item.extra.get("Filter") == "/DCTDecode"
    }


def _attach(pdf: pydyf.PDF, files: Mapping[str, bytes], created: str, sources: Sources) -> None:
    import pydyf

    date = moment(created)
    dates = {} if date is None else dict.fromkeys(("CreationDate", "ModDate"), pydyf.String(f"D:{date:%Y%m%d%H%M%S}Z"))
    names, references = pydyf.Array(), pydyf.Array()
    # A name tree is sorted by the bytes of its keys.
    for name, content in sorted(files.items(), key=lambda item: pydyf.String(item[0]).data):
        media = MEDIA.get(name) or mime_type(sources.picture(name))
        params = {"CheckSum": f"<{hashlib.md5(content, usedforsecurity=False).hexdigest()}>", "Size": len(content)}
        stream = pydyf.Stream(
            [content],
            {
                "Type": "/EmbeddedFile",
                "Subtype": f"/{media.replace('/', '#2f').replace('+', '#2b')}",
                "Params": pydyf.Dictionary({**params, **dates}),
            },
            compress=media != "image/jpeg" and name != IMAGES_FILE,
        )
        pdf.add_object(stream)
        entry = pydyf.Dictionary(
            {
                "Type": "/Filespec",
                "F": pydyf.String(name),
                "UF": pydyf.String(name),
                "EF": pydyf.Dictionary({"F": stream.reference, "UF": stream.reference}),
                "Desc": pydyf.String(DESCRIPTIONS.get(name, "A picture of the report")),
                "AFRelationship": "/Source" if name == REPORT else "/Supplement",
            }
        )
        pdf.add_object(entry)
        names.extend([pydyf.String(name), entry.reference])
        references.append(entry.reference)
    tree = pydyf.Dictionary({"Names": names})
    pdf.add_object(tree)
    pdf.catalog.setdefault("Names", pydyf.Dictionary())["EmbeddedFiles"] = tree.reference
    pdf.catalog["AF"] = references
