"""Does a run still hold what it held? A folder, a bundle, or the PDF alone, checked against its own manifest.

    a folder or zip   every file against manifest.json, and the PDF's own copy of the manifest against that
    a PDF alone       the report that it carries against the manifest that it carries; then the report is rendered again,
                      and its pages must say what the given ones say
    images            the files that were explained, against the hashes in report.json

A manifest is no signature: whoever changes a file and the manifest and the PDF alike is not found out. Compare the
manifest's own hash, which is shown, with one that you trust; or ask for a signature by a key that you trust (`sharing/signing/`).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.rendering.sources import inside
from reportgen.report.archive import open_zip
from reportgen.report.document import Report
from reportgen.report.every_image import EveryImage
from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.report.manifest import LOCK, MANIFEST, SIGNATURE, Entry, is_rendered, parse_manifest
from reportgen.report.open import read_report, unpack_report
from reportgen.report.pdf_data import attachments, differing_pages, open_pdf
from reportgen.report.report_json import REPORT, parse_report
from reportgen.sharing.signing.keys import PublicKey
from reportgen.sharing.signing.signer import NOT_ASKED, NOT_PROVEN, NOT_SIGNED, Signer, signer_of
from reportgen.sharing.signing.ssh_signature import MOST_BYTES
from reportgen.utils.errors import CheckFailed, ReportgenError, UsageError
from reportgen.utils.hashing import file_sha256
from reportgen.utils.untrusted_files import read_at_most
from reportgen.utils.versions import DRAWING, own_version, versions

if TYPE_CHECKING:
    from reportgen.images.files import InputFile
    from reportgen.images.sources.given import Images

PDF = "report.pdf"
# Written beside the manifest, and not listed in it.
UNLISTED = frozenset({MANIFEST, SIGNATURE, "timings.json", ".unfinished"})


@dataclass
class Verification:
    """What was found.

    Attributes:
        matched: how many files are as the manifest says.
        changed, missing, extra: what is not, a line each.
        strict: whether a file that no manifest lists is a fault (a bundle holds none).
        notes: what else a reader should know.
        manifest: the bytes that everything was held against; signature: those beside it, None where there are none.
        signer: who signed, or why that cannot be said; None where it was not asked.
    """

    matched: int = 0
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    strict: bool = False
    manifest: bytes = b""
    signature: bytes | None = None
    signer: Signer | None = None

    @property
    def ok(self) -> bool:
        unsigned = self.signer is not None and self.signer.key is None
        return not (self.changed or self.missing or (self.strict and self.extra) or unsigned)

    @property
    def summary(self) -> str:
        """`3 changed, 1 missing`."""
        counts = {"changed": self.changed, "missing": self.missing, "not in the manifest": self.extra}
        faults = [f"{len(found)} {word}" for word, found in counts.items() if found]
        return ", ".join([*faults, *([self.signer.line] if self.signer is not None and self.signer.fault else [])])


def verify(
    source: Path,
    images: Images | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
    trusted: Sequence[PublicKey] | None = None,
) -> Verification:
    """Check a run folder, a bundle or a PDF, and the images that it is about where they are given.

    Args:
        trusted: keys, by one of which it must be signed; None: whoever made it.

    Raises:
        UsageError: there is no such file, or it is none of these.
        CheckFailed: it is not finished, or so damaged, or so made, that nothing in it can be checked.
    """
    if source.is_dir():
        found = verify_folder(source, limits)
        if found.ok:  # as the manifest has it, it must be a report; one that was changed need not be, and is named
            read_report(source, limits)
    elif source.suffix.lower() == ".pdf":
        found = _verify_pdf(source, limits)
    else:
        found = _verify_zip(source, limits)
    if images is not None:
        compare_images(read_report(source, limits), images, found)
    _ask_who(found, trusted)
    return found


def _ask_who(found: Verification, trusted: Sequence[PublicKey] | None) -> None:
    """Note who signed, and what that does not show; or, where it was not asked, what remains open."""
    if trusted is None:
        found.notes.append(NOT_SIGNED if found.signature is None else NOT_ASKED)
        return
    found.signer = signer_of(found.manifest, found.signature, trusted)
    if found.signer.key is not None:
        found.notes.append(NOT_PROVEN)


def verify_folder(run: Path, limits: ReadLimits = DEFAULT_LIMITS) -> Verification:
    """Check the files of a run folder against its manifest.

    Raises:
        CheckFailed: the folder has no manifest.
    """
    if not (run / MANIFEST).is_file():
        raise CheckFailed(f"{run}: has no {MANIFEST}, so it is no finished run; give the command that made it again")
    data = (run / MANIFEST).read_bytes()
    there = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file() or path.is_symlink()}
    there.discard(LOCK)  # a run that was killed at its very end left it
    manifest = _manifest(data, run)
    found = _against(manifest, there, lambda name: _hash_inside(run, name), data)
    found.signature = _signature_beside(run) if SIGNATURE in there else None
    if PDF in there and not found.changed:
        _compare_manifests(found, attachments(run / PDF, limits), manifest)
    return found


def compare_images(report: Report, images: Images, found: Verification, *, allow_download: bool = False) -> None:
    """Note in `found` which of the images given are not those that the report explains.

    Raises:
        UsageError: they cannot be read.
    """
    from reportgen.images.find import find_images

    there = {file.name: file for file in find_images(images, allow_download=allow_download).files}
    skipped = {file.name for file in report.skipped}
    with EveryImage(report) as every:
        names, hashes = every.names, every.hashes
    for name, sha256 in zip(names, hashes, strict=True):
        if name not in there:
            found.missing.append(f"image {name}")
        elif _hash_of(there[name]) != sha256:
            found.changed.append(f"image {name}")
        else:
            found.matched += 1
    known = {*names, *skipped}
    found.extra += [f"image {name}" for name in there if name not in known]


def _hash_of(file: InputFile) -> str | None:
    from reportgen.images.files import UnreadableFile

    try:
        return file.sha256()
    except UnreadableFile:
        return None


def _verify_zip(source: Path, limits: ReadLimits) -> Verification:
    with open_zip(source, limits) as archive:
        data = archive.read(MANIFEST)
        manifest = _manifest(data, source)
        found = _against(manifest, archive.names, archive.sha256, data)
        found.strict = True
        found.signature = archive.read(SIGNATURE, MOST_BYTES) if SIGNATURE in archive.names else None
        if PDF in archive.names and not found.changed:
            with tempfile.TemporaryDirectory(prefix="reportgen-") as folder:
                (Path(folder) / PDF).write_bytes(archive.read(PDF))
                _compare_manifests(found, attachments(Path(folder) / PDF, limits), manifest)
        if found.ok and not archive.as_written():
            found.notes.append("the zip was packed again, or by another version of zlib: its files are as listed")
        parse_report(archive.read(REPORT), str(source), limits)
        return found


def _verify_pdf(source: Path, limits: ReadLimits) -> Verification:
    carried = attachments(source, limits)
    for name in (REPORT, MANIFEST):
        if name not in carried:
            raise CheckFailed(
                f"{source}: carries no {name}; it was not made by reportgen, or was saved by something else"
            )
    manifest = _manifest(carried[MANIFEST], source)
    found = Verification(notes=[_fingerprint(carried[MANIFEST])], manifest=carried[MANIFEST])
    if hashlib.sha256(carried[REPORT]).hexdigest() == manifest.get(REPORT, ("", 0))[0]:
        found.matched += 1
    else:
        found.changed.append(f"{REPORT} (the data that the PDF carries)")
    report = parse_report(carried[REPORT], str(source), limits)
    if not found.changed:
        _compare_pages(source, found, limits)
    carried_too = _verify_records(source, report, manifest, found, limits)
    listed = len([name for name in manifest if name not in (REPORT, *carried_too)])
    found.notes.append(f"{listed} further files are listed by hash; give the run folder or its zip to check them all")
    return found


def _verify_records(
    source: Path, report: Report, manifest: Mapping[str, Entry], found: Verification, limits: ReadLimits
) -> list[str]:
    """Compare the file of records with the manifest, where the PDF carries it; returns its name where it does."""
    if report.records is None:
        return []
    file = report.records.file
    with open_pdf(source, limits) as pdf:
        if file not in pdf.names:
            return []
        sha256 = hashlib.sha256(pdf.read(file)).hexdigest()
    if sha256 == manifest.get(file, ("", 0))[0]:
        found.matched += 1
    else:
        found.changed.append(f"{file} (that the PDF carries)")
    return [file]


def _compare_pages(source: Path, found: Verification, limits: ReadLimits) -> None:
    """Render the PDF again from what it carries: equal bytes, or at least the same words and photographs on each page."""
    from reportgen.rendering.render import render
    from reportgen.rendering.templates import shipped_names

    with tempfile.TemporaryDirectory(prefix="reportgen-") as scratch:
        run, again = Path(scratch) / "run", Path(scratch) / "again"
        try:
            report = unpack_report(source, run, limits)
        except UsageError as error:
            found.changed.append(f"a picture ({str(error).removeprefix(f'{source}: ')})")
            return
        template, archive = str(report.settings.get("template", "writeup")), bool(report.settings.get("archive"))
        if template not in shipped_names():  # an untrusted report chooses no folder of this machine
            found.notes.append(f"its pages were not checked: they were made from the template {template[:80]!r}")
            return
        try:
            (made,) = render(report, run, again, template, ("pdf",), archive=archive)
        except ReportgenError as error:
            found.notes.append(f"its pages were not checked ({error})")
            return
        if made.read_bytes() == source.read_bytes():
            found.matched += 1
            found.notes.append("its pages are those that its data give, byte for byte")
            return
        differing = differing_pages(source, made, limits)
    others = _other_versions(report)
    if not differing:
        found.notes.append("its pages say and show what its data give; another machine drew them")
        found.matched += 1
    elif others:
        found.notes.append(f"its pages were not checked: they were made with {others}")
    else:
        found.changed += [f"page {page} (not what the data that the PDF carries give)" for page in differing]


def _other_versions(report: Report) -> str:
    """What of the software that draws pages is another version here than in the report; empty where nothing is."""
    from reportgen.rendering.templates import template_sha256

    made = report.provenance
    here = {"reportgen": own_version(), **versions(DRAWING)}
    then = {"reportgen": made.reportgen, **made.packages}
    others = [
        f"{name} {then.get(name)} (here {version})" for name, version in here.items() if then.get(name) != version
    ]
    if made.template is None or made.template.sha256 != template_sha256(
        str(report.settings.get("template", "writeup"))
    ):
        others.append("another state of the template")
    return ", ".join(others)


def _against(
    manifest: Mapping[str, Entry], there: Iterable[str], sha256: Callable[[str], str | None], data: bytes
) -> Verification:
    found, present = Verification(notes=[_fingerprint(data)], manifest=data), set(there)
    for name, (expected, _) in sorted(manifest.items()):
        if name not in present:
            found.missing.append(name)
        elif sha256(name) == expected:
            found.matched += 1
        else:
            found.changed.append(name)
    found.extra = sorted(present - set(manifest) - UNLISTED)
    return found


def _compare_manifests(found: Verification, carried: Mapping[str, bytes], manifest: Mapping[str, Entry]) -> None:
    """The PDF has its own manifest: a file that was changed together with manifest.json shows here."""
    own = parse_manifest(carried.get(MANIFEST, b""))
    if own is None:
        found.notes.append(f"{PDF} carries no manifest to compare with")
        return
    for name, entry in sorted(own.items()):
        if is_rendered(name):
            continue
        if name not in manifest:
            found.missing.append(f"{name} ({PDF} lists it, {MANIFEST} does not)")
        elif manifest[name] != entry:
            found.changed.append(f"{name} ({PDF} carries another hash of it)")


def _manifest(data: bytes, source: Path) -> dict[str, Entry]:
    manifest = parse_manifest(data)
    if manifest is None:
        raise CheckFailed(f"{source}: its {MANIFEST} is not a manifest of schema version 1")
    if REPORT not in manifest:
        raise CheckFailed(f"{source}: its {MANIFEST} lists no {REPORT}, as that of every finished run does")
    return manifest


def _hash_inside(run: Path, name: str) -> str | None:
    path = inside(run, name)
    return None if path is None else file_sha256(path)


def _signature_beside(run: Path) -> bytes:
    try:
        return read_at_most(run / SIGNATURE, MOST_BYTES)
    except UsageError as error:
        raise CheckFailed(str(error)) from None


def _fingerprint(manifest: bytes) -> str:
    return f"SHA-256 of the manifest: {hashlib.sha256(manifest).hexdigest()}"
