"""A finished run as one zip for a reader: the run's files, its settings, and a README; equal runs give equal bytes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from reportgen.pipeline.gates import JUNIT, junit_xml
from reportgen.rendering.render import render_all
from reportgen.rendering.templates import find_template
from reportgen.report.archive import write_zip
from reportgen.report.document import Report
from reportgen.report.manifest import (
    MAIN_FILES,
    MANIFEST,
    SIGNATURE,
    TEX,
    Entry,
    entry_of,
    file_entry,
    is_rendered,
    manifest_json,
    read_manifest,
)
from reportgen.report.open import read_report
from reportgen.report.pdf_data import page_count
from reportgen.report.pictures import named_pictures
from reportgen.report.report_json import REPORT, report_json
from reportgen.sharing import anonymous as anonymity
from reportgen.sharing.picture_metadata import without_metadata
from reportgen.sharing.signing.ssh_signature import NAMESPACE
from reportgen.sharing.verify import PDF, verify_folder
from reportgen.utils.errors import CheckFailed, UsageError

README, SETTINGS = "README.txt", "settings.json"
# What lies beside what the report's own list of files describes.
BESIDE = {
    "report.pdf": "the report; it carries its own data and can be checked and rendered again without this zip",
    "report.html": "the report as one page that needs nothing else",
    "report.docx": "the report as a document of Word",
    "report.md": "the report as Markdown, with the pictures of figures/",
    TEX: "the report as LaTeX: report.tex compiles, body.tex goes into a document of one's own",
    SETTINGS: "the settings that were in force",
    JUNIT: "the gates as JUnit XML",
    MANIFEST: "SHA-256 and size of every file here",
    SIGNATURE: "the signature of manifest.json, and so of every file here",
}
# How the signature is checked, with and without reportgen.
SIGNED = (
    "Who made it? It is signed; KEY is the signer's public key, had from them and not from here",
    "",
    "    reportgen verify THIS.zip --by KEY",
    f"    ssh-keygen -Y verify -f KEYS -I NAME -n {NAMESPACE} -s {SIGNATURE} < {MANIFEST}",
    "",
    "The second needs no reportgen; KEYS holds a line: NAME ssh-ed25519 AAAA... It checks manifest.json alone: hold the files",
    "against that with sha256sum, or any tool.",
    "",
)


def bundle(
    run: Path,
    target: Path,
    *,
    anonymous: bool = False,
    max_pages: int | None = None,
    template: str | None = None,
    allowed: Sequence[str] = (),
    sign: Callable[[bytes], bytes] | None = None,
) -> list[str]:
    """Write the zip; returns the names of its files.

    Args:
        run: a finished run folder.
        anonymous: leave out who made it, and where; the pages are made again.
        max_pages: most pages that report.pdf may have.
        template: for the pages made again; by default the run's own, where it is a shipped one.
        allowed: names of this machine or its user that may stand, for they are also words; and texts that look like
            paths and are none.
        sign: gives the signature of the manifest's bytes, which is packed beside it.

    Raises:
        UsageError: not a run folder; no PDF whose pages could be counted; the template has to be named; anonymous and signed.
        CheckFailed: the run is unfinished or was changed, has too many pages, or names somebody.
        ReportgenError: the zip cannot be written.
    """
    if anonymous and sign is not None:
        raise UsageError("an anonymous bundle cannot be signed: by the key in its signature one finds who made it")
    report = read_report(run)
    found = verify_folder(run)
    if not found.ok:
        first = [*found.changed, *found.missing][0]
        raise CheckFailed(f"{run}: is not as it was made ({found.summary}, the first is {first}); make it again")
    manifest = read_manifest(run) or {}
    with _staged(run, report, manifest, template, allowed) if anonymous else _as_it_is(run, report, manifest) as staged:
        folder, names, report = staged
        if max_pages is not None:
            _require_few_pages(run, folder, names, max_pages)
        readme = _readme(report, names, signed=sign is not None)
        added = {README: readme.encode(), SETTINGS: _json(report.settings)}
        entries = {name: file_entry(folder / name) for name in names}
        entries |= {name: entry_of(data) for name, data in added.items()}
        added[MANIFEST] = manifest_json(entries)
        if sign is not None:
            added[SIGNATURE] = sign(added[MANIFEST])
        everything = sorted({*names, *added})
        write_zip(target, ((name, added[name] if name in added else folder / name) for name in everything))
    return everything


@contextmanager
def _as_it_is(run: Path, report: Report, manifest: Mapping[str, Entry]) -> Iterator[tuple[Path, list[str], Report]]:
    yield run, sorted(manifest), report


@contextmanager
def _staged(
    run: Path, report: Report, manifest: Mapping[str, Entry], template: str | None, allowed: Sequence[str]
) -> Iterator[tuple[Path, list[str], Report]]:
    """The run made again in a folder of its own, without what names somebody, and searched."""
    chosen = _template(report, template)
    cleaned = anonymity.without_authors(report)
    pictures = set(named_pictures(cleaned))
    logo = report.document.logo.file if report.document.logo else None
    with tempfile.TemporaryDirectory(prefix="reportgen-") as scratch:
        stage, entries = Path(scratch), dict[str, Entry]()
        if report.records is not None:
            cleaned = anonymity.with_records_without_authors(report, cleaned, stage)
            entries[report.records.file] = file_entry(stage / report.records.file)
        for name in sorted(set(manifest) - {REPORT, JUNIT, *entries}):
            if not is_rendered(name) and (name != logo or name in pictures):
                data = without_metadata(name, (run / name).read_bytes())
                entries[name] = _put(stage, name, data)
        entries[REPORT] = _put(stage, REPORT, report_json(cleaned))
        if JUNIT in manifest:
            entries[JUNIT] = _put(stage, JUNIT, junit_xml(cleaned.gates))
        formats = [name for name, file in MAIN_FILES.items() if file in manifest]
        archive = bool(report.settings.get("archive"))
        # The page is searched whatever the formats: in it stands, as text, what a PDF draws.
        made = render_all(cleaned, stage, stage, chosen, [*formats, "html"], archive=archive, manifest=entries)
        rendered = {path.relative_to(stage).as_posix() for name in formats for path in made[name]}
        names = sorted({*entries, *rendered})
        _search(stage, sorted({*names, "report.html"}), report, chosen, allowed)
        yield stage, names, cleaned


def _template(report: Report, given: str | None) -> str:
    chosen = given or str(report.settings.get("template", "writeup"))
    try:
        find_template(chosen)
    except UsageError:
        if given is not None:
            raise
        raise UsageError(
            f"the pages are made again and need the template {chosen!r}: name its folder with --template"
        ) from None
    return chosen


def _search(stage: Path, files: Sequence[str], report: Report, template: str, allowed: Sequence[str]) -> None:
    own = find_template(template).file
    names = list(
        dict.fromkeys([*anonymity.names_to_find(report), *own.authors, *filter(None, (own.affiliation, own.course))])
    )
    words = [word for word in anonymity.words_to_find() if word not in allowed]
    places = [str(path) for path in {Path.home(), Path.cwd(), stage} if len(path.parts) > 2]
    found = list(anonymity.named_in_notes(report, allowed))
    found += [
        line
        for file in files
        for data in anonymity.contents(stage / file)
        for line in anonymity.leaks(file, data, names, words, places, allowed)
    ]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise CheckFailed(
            f"not anonymous: {found[0]}{more}; rename the file or change the text and make the run again, "
            "or let a word of this machine, or what is no path, stand with --allow WORD"
        )


def _require_few_pages(run: Path, folder: Path, names: Sequence[str], most: int) -> None:
    if PDF not in names:
        raise UsageError(f"{run}: has no {PDF} whose pages could be counted; leave out --max-pages, or render it")
    pages = page_count(folder / PDF)
    if pages > most:
        raise CheckFailed(f"{run / PDF}: has {pages} pages, and {most} are allowed (--max-pages)")


def _readme(report: Report, names: Sequence[str], *, signed: bool) -> str:
    """What a reader needs to know, from the report's own data."""
    made = report.provenance
    own = {SETTINGS, MANIFEST, *([SIGNATURE] if signed else [])}
    tops = sorted({f"{top}{slash}" for top, slash, _ in (name.partition("/") for name in names)} | own)
    texts = {**{note.path: note.text for note in report.files}, **BESIDE}
    models = ", ".join(model.name for model in made.models)
    return "\n".join(
        [
            report.title,
            "",
            f"{report.counts.images} images explained for {models}; made {made.created} by reportgen {made.reportgen}.",
            "",
            "What is in here",
            "",
            *(f"    {name:<20} {texts.get(name, '')}".rstrip() for name in tops),
            "",
            "Check it, make its pages again, repeat it",
            "",
            "    reportgen verify THIS.zip              is every file as it was made?",
            "    reportgen verify report.pdf            the same for the PDF alone",
            "    reportgen render report.pdf -o again   the pages again, from the PDF's own data",
            "    reportgen run --from report.json IMAGES -o again",
            "",
            *(SIGNED if signed else ()),
        ]
    )


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _put(folder: Path, name: str, data: bytes) -> Entry:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return entry_of(data)
