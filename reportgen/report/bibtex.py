"""Works as a BibTeX file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reportgen.report.document import Reference

REFERENCES_FILE = "references.bib"
_KINDS = {"article": "journal", "inproceedings": "booktitle", "incollection": "booktitle"}


def bibtex(works: Sequence[Reference], spell: Callable[[str], str] = str) -> bytes:
    """The works as a BibTeX file, UTF-8, an entry each in the order given.

    Args:
        spell: how a value is written, where it may hold what LaTeX would read; keys are written as they are.
    """
    return "\n".join(_entry(work, spell) for work in works).encode()


def _entry(work: Reference, spell: Callable[[str], str]) -> str:
    fields = {
        "author": " and ".join(map(spell, work.authors)),
        "title": f"{{{spell(work.title)}}}",  # kept as it is written: names of methods have capitals
        _KINDS[work.kind]: spell(work.venue),
        "year": str(work.year),
        "volume": spell(work.volume),
        "number": spell(work.number),
        "pages": spell(work.pages).replace("–", "--"),
        "doi": spell(work.doi),
        **({"eprint": spell(work.arxiv), "archiveprefix": "arXiv"} if work.arxiv else {}),
    }
    lines = [f"  {key} = {{{value}}}" for key, value in fields.items() if value]
    return f"@{work.kind}{{{work.key},\n" + ",\n".join(lines) + "\n}\n"
