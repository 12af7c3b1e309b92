"""tex/: the report as LaTeX. report.tex compiles by itself; body.tex and appendix.tex go into a document of one's own.

    pdflatex report.tex   twice, for the references between its parts

Labels are `fig:ID`, `tab:ID`, `sec:ID`, `find:ID`. Charts are PDF, everything else as in the run; where a picture lies is
said by the macro \\reportgenfigures (preamble.tex).
"""

from __future__ import annotations

import re
from pathlib import Path

from reportgen.rendering.filters import moment, slug
from reportgen.rendering.latex.body import Body
from reportgen.rendering.latex.escape import heading, text
from reportgen.rendering.latex.tables import pairs
from reportgen.rendering.manuscript.parts import Manuscript
from reportgen.rendering.manuscript.pictures import is_chart, photograph
from reportgen.rendering.manuscript.walk import manuscript
from reportgen.rendering.pdf.chart import chart_pdf
from reportgen.rendering.plain import Plain
from reportgen.rendering.sources import Sources
from reportgen.report.bibtex import bibtex
from reportgen.report.document import Reference
from reportgen.utils.files import write_file

FOLDER, FIGURES = "tex", "figures"
PREAMBLE = Path(__file__).with_name("preamble.tex")
PAPER = {"A4": "a4paper", "Letter": "letterpaper"}


def write_latex(context: Plain, sources: Sources, out: Path) -> list[Path]:
    """Write the folder `out`/tex.

    Returns:
        the files written, report.tex first.

    Raises:
        ReportgenError: a picture is missing or none, or Pango, which charts need.
    """
    document = manuscript(context)
    pictures, written = _write_pictures(document, sources, out / FOLDER / FIGURES)
    body = Body(document, pictures)
    given = zip(document.works, context["report"]["references"], strict=True)
    records = [Reference.model_validate({**record, "key": work.key}) for work, record in given]
    files = {
        "report.tex": _report(document, body).encode(),
        "body.tex": body.text(document.body).encode(),
        "appendix.tex": body.text(document.appendix).encode(),
        "preamble.tex": PREAMBLE.read_bytes(),
        "bibliography.tex": _bibliography(document).encode(),
        "references.bib": bibtex(records, _bib_value),
    }
    for name, data in files.items():
        write_file(out / FOLDER / name, data)
    return [*(out / FOLDER / name for name in files), *written]


def _write_pictures(document: Manuscript, sources: Sources, folder: Path) -> tuple[dict[str, str], list[Path]]:
    """Each picture as a file that pdflatex reads: by its name in the run that of the file, and the files written."""
    names: dict[str, str] = {}
    written = []
    for picture in document.pictures:
        if is_chart(picture.file):
            data, ending = chart_pdf(sources, picture.file, picture.width, picture.height), ".pdf"
        else:
            data, ending = photograph(sources, picture.file)
        stem = plain = slug(picture.file.removeprefix("figures/").rpartition(".")[0])[:80]
        repeat = 1
        while stem + ending in names.values():
            repeat += 1
            stem = f"{plain}-{repeat}"
        names[picture.file] = stem + ending
        write_file(folder / names[picture.file], data)
        written.append(folder / names[picture.file])
    return names, written


def _report(document: Manuscript, body: Body) -> str:
    cover, words = document.cover, document.words
    authors = r" \and ".join(map(heading, cover.authors))
    byline = r" \\ ".join(filter(None, [authors, *map(heading, cover.lines)]))
    numbered = {name: heading(re.sub(r"\s*\{n\}\s*", "", words[name])) for name in ("figure", "table")}
    return "\n".join(
        [
            f"% {heading(cover.made)}",
            rf"\documentclass[11pt,{PAPER[document.paper]}]{{article}}",
            r"\pdfminorversion=7",
            *_dates(document),
            r"\usepackage[margin=2.5cm]{geometry}",
            r"\usepackage{mathpazo}",
            r"\usepackage[scaled=0.92]{helvet}",
            r"\usepackage{courier}",
            r"\input{preamble}",
            rf"\hypersetup{{pdftitle={{{heading(cover.title)}}},pdfauthor={{{heading(', '.join(cover.authors))}}},"
            rf"pdflang={{{slug(document.language)}}}}}",
            rf"\renewcommand{{\figurename}}{{{numbered['figure']}}}",
            rf"\renewcommand{{\tablename}}{{{numbered['table']}}}",
            rf"\renewcommand{{\contentsname}}{{{heading(words['contents'])}}}",
            rf"\renewcommand{{\refname}}{{{heading(words['references'])}}}",
            rf"\title{{{text(cover.title)}}}",
            rf"\author{{{byline}}}",
            rf"\date{{{heading(cover.made)}}}",
            r"\setlength{\parindent}{0pt}\setlength{\parskip}{0.5\baselineskip}",
            r"\begin{document}",
            *([body.logo(cover.logo)] if cover.logo else []),
            r"\maketitle",
            text(cover.lead),
            "",
            text(" · ".join(cover.counts)),
            "",
            text(cover.language_note),
            pairs(
                text(cover.explained.title),
                [(body.line(label), body.line(value)) for label, value in cover.explained.rows],
            ),
            r"\setcounter{tocdepth}{1}",
            r"\tableofcontents",
            r"\clearpage",
            r"\input{body}",
            r"\clearpage",
            r"\input{appendix}",
            *([r"\phantomsection\addcontentsline{toc}{section}{\refname}"] if document.works else []),
            r"\input{bibliography}",
            r"\end{document}",
            "",
        ]
    )


def _dates(document: Manuscript) -> list[str]:
    """The PDF's dates, from the report: two compilations give one."""
    made = moment(document.created)
    if made is None:
        return []
    date = made.strftime("%Y%m%d%H%M%SZ")
    return [rf"\pdfinfo{{/CreationDate (D:{date}) /ModDate (D:{date})}}", r"\pdftrailerid{}"]


def _bibliography(document: Manuscript) -> str:
    if not document.works:
        return "% no works are cited\n"
    items = (rf"\bibitem{{{work.key}}} {text(work.text)}" for work in document.works)
    width = "9" * len(str(len(document.works)))
    return "\n".join([rf"\begin{{thebibliography}}{{{width}}}", *items, r"\end{thebibliography}", ""])


def _bib_value(value: str) -> str:
    """A value as LaTeX whose braces BibTeX, which counts those behind a backslash too, finds in pairs."""
    return heading(value).replace(r"\{", r"\textbraceleft{}").replace(r"\}", r"\textbraceright{}")
