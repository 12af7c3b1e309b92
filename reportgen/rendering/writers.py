"""Format -> the function that writes it. Both take a context, the files that may be read, and the target."""

from __future__ import annotations

from reportgen.rendering.html import write_html
from reportgen.rendering.pdf.writer import write_pdf

WRITERS = {"html": write_html, "pdf": write_pdf}
