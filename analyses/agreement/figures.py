"""The pictures of the agreement chapter: both masks over the input, a few to a figure."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.analysis import wording
from reportgen.figures import overlays
from reportgen.report.blocks import ColorBar, Figure, Picture
from reportgen.report.document import ImageRecord

from ..lime.result import LimeResult
from .charts import Run
from .result import AgreementResult

PANEL_PX = 448
# At most two rows a figure, of four or five pictures: whichever leaves fewer places empty.
ROWS, ACROSS = 2, (4, 5)


def overlap_picture(run: Run, position: int, image: ImageRecord, result: AgreementResult) -> Picture:
    """Both masks over the input frame of one image."""
    mask, iou, lime = result.gradcam, result.comparison.iou, run.result("lime", position, LimeResult).mask
    gradcam = overlays.upscale(mask, PANEL_PX)
    pixels = overlays.overlap(
        overlays.upscale(run.frame(position), PANEL_PX), gradcam, overlays.upscale(lime, PANEL_PX)
    )
    # In grey print the two single colours are alike: a line says which side is Grad-CAM's.
    pixels = overlays.bordered(pixels, gradcam)
    value = "no IoU" if iou is None else f"IoU {iou:.3f}"
    alt = (
        f"Masks for {image.target.name} on {image.name}: Grad-CAM covers {wording.percent(float(mask.mean()))} of "
        "the frame, LIME "
        f"{wording.percent(float(lime.mean()))}, both {wording.percent(float((mask & lime).mean()))}; {value}."
    )
    picture = run.files.photo(f"figures/{image.slug}-overlap.jpg", pixels, alt=alt, label=f"{value}: {image.name}")
    return picture.model_copy(update={"image": image.name, "layer": "Both masks"})


def overlap_figures(pictures: Sequence[Picture]) -> list[Figure]:
    """The pictures in their order, at most two rows to a figure."""
    figures = []
    across = (
        min(ACROSS, key=lambda columns: -len(pictures) % columns)
        if len(pictures) > max(ACROSS)
        else max(1, len(pictures))
    )
    for number, start in enumerate(range(0, len(pictures), ROWS * across), start=1):
        shown = list(pictures[start : start + ROWS * across])
        end = start + len(shown)
        part = f" ({_range(start + 1, end)} of {len(pictures)})" if len(shown) < len(pictures) else ""
        figures.append(
            Figure(
                id=f"overlaps-{number}",
                caption=f"Grad-CAM's and LIME's masks over the input, by falling IoU{part}. "
                "The white line is the border of Grad-CAM's mask.",
                pictures=shown,
                columns=across,
                legend=ColorBar(entries=overlays.overlap_legend("Grad-CAM", "LIME")),
            )
        )
    return figures


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first} to {last}"
