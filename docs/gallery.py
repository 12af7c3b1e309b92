"""`python docs/gallery.py RUN`: pictures of the pages of a finished run, docs/gallery.md that shows them, and README's picture.

RUN is a run of sample_images (`reportgen run sample_images -o RUN`). The pages are rendered anew, so that they show
the templates as they are; which ones are shown follows from the PDF's bookmarks. Needs the `test` extra.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pypdfium2 as pdfium
from PIL import Image

from reportgen.rendering.render import render
from reportgen.report.open import read_report

DOCS = Path(__file__).resolve().parent
WIDTH = 620  # pixels of one page
QUALITY = 85  # of WebP: small type stays sharp, photographs stay photographs
SPREADS = 2  # pages of one chapter
# README's picture: the cover, and the pages on which these headings stand.
FRONT, FRONT_HEADINGS, GAP = "page.webp", ("The images", "IoU"), 14


def main() -> None:
    """Render, choose pages, write pictures and the page that shows them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=DOCS, help="folder for gallery.md and gallery/")
    arguments = parser.parse_args()
    report = read_report(arguments.run)
    pictures = arguments.out / "gallery"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.webp"):
        old.unlink()
    parts = [
        "# Gallery\n",
        f"Pages of the report of sample_images, made by reportgen (`{' '.join(report.provenance.command)}`) and pictured by "
        "`python docs/gallery.py RUN`.",
    ]
    for template in ("writeup", "brief", "poster"):
        parts.append(f"\n## {template}")
        with tempfile.TemporaryDirectory() as folder:
            (path,) = render(report, arguments.run, Path(folder), template=template, formats=("pdf",))
            with pdfium.PdfDocument(path) as pdf:
                if template == "writeup":
                    front(pdf).save(arguments.out / FRONT, quality=QUALITY, method=6)
                for title, pages in chosen(pdf):
                    files = [picture(pdf, page, pictures / f"{template}-{page + 1:02d}.webp") for page in pages]
                    shown = " ".join(f'<img src="gallery/{file}" width="45%" alt="{title}">' for file in files)
                    parts.append(f"\n{title}\n\n{shown}")
    (arguments.out / "gallery.md").write_text("\n".join(parts) + "\n", "utf-8")


def chosen(pdf: pdfium.PdfDocument) -> Iterator[tuple[str, list[int]]]:
    """The cover, and the first pages of each chapter; a page that was shown is not shown again."""
    yield "Cover", [0]
    starts = [
        (bookmark.get_title(), bookmark.get_dest().get_index()) for bookmark in pdf.get_toc() if bookmark.level <= 1
    ]
    starts = [(title, page) for title, page in starts if page > 0]
    seen = {0}
    ends = [*(page for _, page in starts[1:]), len(pdf)]
    for (title, page), after in zip(starts, ends, strict=False):  # a poster has no chapter behind its first page
        pages = [number for number in range(page, max(page + 1, after))[:SPREADS] if number not in seen]
        seen.update(pages)
        if pages:
            yield title, pages


def front(pdf: pdfium.PdfDocument) -> Image.Image:
    """Three pages beside each other on grey."""
    places = {bookmark.get_title(): bookmark.get_dest().get_index() for bookmark in pdf.get_toc()}
    leaves = [pixels(pdf, page) for page in (0, *(places[heading] for heading in FRONT_HEADINGS))]
    size = (sum(leaf.width for leaf in leaves) + GAP * (len(leaves) + 1), leaves[0].height + 2 * GAP)
    sheet = Image.new("RGB", size, "#dee2e6")
    for number, leaf in enumerate(leaves):
        sheet.paste(leaf, (GAP + number * (leaf.width + GAP), GAP))
    return sheet


def picture(pdf: pdfium.PdfDocument, page: int, target: Path) -> str:
    """Write one page as a small picture; returns its name."""
    pixels(pdf, page).save(target, quality=QUALITY, method=6)
    return target.name


def pixels(pdf: pdfium.PdfDocument, page: int) -> Image.Image:
    """One page, as wide as a picture is."""
    leaf = pdf[page]
    image = leaf.render(scale=2 * WIDTH / leaf.get_width()).to_pil().convert("RGB")
    return image.resize((WIDTH, round(WIDTH * image.height / image.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
