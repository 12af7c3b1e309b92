"""Format -> the function that writes it.

`WRITERS` make one file from a template: they take a context, the files that may be read, and the target. `MANUSCRIPTS` follow no
template: they take a folder in place of the target, and return the files that they wrote, the one to open first.
"""

from __future__ import annotations

from reportgen.rendering.html import write_html
from reportgen.rendering.latex.writer import write_latex
from reportgen.rendering.markdown.writer import write_markdown
from reportgen.rendering.office.writer import write_docx
from reportgen.rendering.pdf.writer import write_pdf

WRITERS = {"html": write_html, "pdf": write_pdf}
MANUSCRIPTS = {"docx": write_docx, "md": write_markdown, "tex": write_latex}
# Their charts are drawn by what draws the PDF.
DRAWN = frozenset({"pdf", "docx", "tex"})
