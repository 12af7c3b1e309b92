"""The chapter on agreement: overlaps as pictures, IoU beside chance and ceiling, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from reportgen.analysis import bibliography, wording
from reportgen.analysis.entries import Entries
from reportgen.analysis.masks import packed, paired_sample
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.shown import particular, shown_note
from reportgen.report.blocks import (
    Block,
    Cell,
    Column,
    Facts,
    Heading,
    Listing,
    Picture,
    Section,
    Table,
    Text,
)
from reportgen.report.document import Warning_
from reportgen.utils.json_types import JSON

from ..lime.result import LimeResult
from .charts import Rows, Run, complexity_scatter, iou_bars, threshold_curves
from .figures import overlap_figures, overlap_picture
from .findings import agreement_findings
from .other_images import Agreed, Compared, against_others
from .result import AgreementResult

TERMS_USED = (
    *("IoU", "mask", "chance level", "ceiling", "superpixel", "rank correlation", "other-image IoU"),
    *("sign-flip test", "Hodges-Lehmann shift", "Holm's correction", "smallest effect of interest"),
)
RULES_IN_WORDS = {
    "otsu": "Otsu's threshold on the map",
    "area:lime": "the map's strongest pixels, as many as LIME's mask holds",
    "max": "pixels of at least {share} of the map's maximum",
    "area": "the map's strongest pixels, {share} of the frame",
}


def reduce_agreement(run: Run) -> Contribution:
    """Write Grad-CAM's masks, the overlap pictures and the charts, and make the section."""
    comparisons, files, pictures = [], [], {}
    shown = frozenset(run.shown.images)
    sample, masks = set(paired_sample(run.observations, run.seed)), {}
    for position, image in enumerate(run.images):
        filed = run.has_files(position)
        result = (run.result if filed or position in sample else run.values)("agreement", position, AgreementResult)
        comparisons.append(result.comparison)
        files.append(run.files.mask(f"masks/{image.slug}/gradcam.png", result.gradcam) if filed else None)
        if position in sample:
            masks[position] = (packed(result.gradcam), packed(run.result("lime", position, LimeResult).mask))
        if image.name in shown:
            pictures[position] = overlap_picture(run, position, image, result)
    agreed = against_others(comparisons, masks, run.observations, run.seed)
    warnings = [
        Warning_(
            code="no-iou",
            name="No IoU: both masks are empty",
            text="Both masks are empty: there is no IoU to report.",
            image=image.name,
        )
        for image, comparison in zip(run.images, comparisons, strict=True)
        if comparison.iou is None
    ]
    otsu = run.settings.threshold == "otsu"
    return Contribution(
        Section(id="agreement", title="Agreement of Grad-CAM and LIME", blocks=_blocks(run, agreed, pictures)),
        per_image=Entries(entry(compared, file) for compared, file in zip(agreed.images, files, strict=True)),
        findings=agreement_findings(agreed, run.statistics),
        gates={
            "iou_above_chance": _mean([compared.masks.above_chance for compared in agreed.observed]),
            "iou_above_other_images": _mean([compared.above_others for compared in agreed.observed]),
        },
        warnings=warnings,
        references=[
            *(["otsu1979"] if otsu else []),
            *("bonett2000", "jaccard1912", "schuirmann1987", "spearman1904"),
            *bibliography.PAIRED,
        ],
        terms=(*TERMS_USED, *(["Otsu's threshold"] if otsu else [])),
    )


def entry(compared: Compared, mask: str | None) -> dict[str, JSON]:
    """The entry of one image in report.json; `mask` is the file of Grad-CAM's, if it was written."""
    numbers = {**asdict(compared.masks), "iou_other": compared.iou_other}
    return numbers if mask is None else {**numbers, "gradcam_mask": mask}


def _blocks(run: Run, agreed: Agreed, pictures: Mapping[int, Picture]) -> list[Block]:
    """The chapter; `pictures` are those of the images that have figures, by position."""
    images = agreed.images
    order = sorted(range(len(images)), key=lambda i: (-_or_below(images[i].masks.iou), run.images[i].name))
    rows = [(run.images[i], images[i]) for i in order]
    counted = set(run.observations)
    observed = [(run.images[i], images[i]) for i in order if i in counted]
    shown = _particular(pictures, agreed)
    return [
        Listing(role="observation", items=_observations(observed, agreed)),
        Heading(text="IoU"),
        *shown_note(run, run.files.place("masks/")),
        *overlap_figures([shown[i] for i in order if i in shown]),
        *iou_bars(run, rows),
        _table(run, rows, observed),
        *threshold_curves(run, observed),
        Heading(text="Complexity and regions"),
        *complexity_scatter(run, observed),
        _complexity_table(run, rows),
        _regions_table(run, rows),
        Listing(role="limit", items=_limits(run, len(observed))),
        *_approach(run),
    ]


def _particular(pictures: Mapping[int, Picture], agreed: Agreed) -> dict[int, Picture]:
    """The pictures; those of the lowest, the median and the highest IoU say so."""
    chosen = particular({i: agreed.images[i].masks.iou for i in pictures}, "")
    return {i: picture.model_copy(update={"particular": chosen.get(i, "").strip()}) for i, picture in pictures.items()}


def _or_below(iou: float | None) -> float:
    return -1.0 if iou is None else iou


def _approach(run: Run) -> list[Block]:
    rule = run.settings.threshold
    name, _, share = rule.partition(":")
    words = RULES_IN_WORDS.get(rule) or RULES_IN_WORDS[name].format(share=wording.percent(float(share)))
    return [
        Heading(text="Approach"),
        Text(
            text="Both explanations of an image are turned into binary masks in the model's input frame, for the same target class: "
            f"Grad-CAM's mask is {words}, LIME's the one of the section before. The intersection over union (IoU) of two masks depends "
            "much on their areas, and photographs have their subject near the middle. So each IoU stands beside what knows nothing of "
            "the image: the masks of other images, a centred Gaussian, and the areas alone. That the two agree is decided by permuting "
            "which image a mask is of."
        ),
        Facts(
            title="Definitions",
            items=[
                ("Grad-CAM mask", f"{rule}: {words}"),
                ("IoU", "|A ∩ B| / |A ∪ B|; none where both masks are empty"),
                (
                    "Other images",
                    "mean over all other images j of IoU(Grad-CAM of i, LIME of j) and IoU(Grad-CAM of j, LIME of i), in one frame",
                ),
                ("Centred Gaussian", "cut to as many pixels as Grad-CAM's mask has; it has seen nothing"),
                (
                    "Chance by area",
                    "ab / (a + b − ab) for masks that cover shares a and b and may lie anywhere in the frame",
                ),
                ("Ceiling", "min(a, b) / max(a, b)"),
            ],
        ),
    ]


def _regions_table(run: Run, rows: Rows) -> Table:
    columns = [
        Column(key="image", label="Image"),
        Column(key="gradcam_components", label="Grad-CAM parts", decimals=0),
        Column(key="lime_components", label="LIME parts", decimals=0),
        Column(key="gradcam_edge_gradient", label="Gradient, Grad-CAM border", decimals=3),
        Column(key="lime_edge_gradient", label="Gradient, LIME border", decimals=3),
        Column(key="shifted_edge_gradient", label="Gradient, LIME mask shifted", decimals=3),
    ]
    cells = [
        [
            image.name,
            entry.masks.components.gradcam,
            entry.masks.components.lime,
            entry.masks.edge_gradient.gradcam,
            entry.masks.edge_gradient.lime,
            entry.masks.edge_gradient.shifted_lime,
        ]
        for image, entry in rows
    ]
    return run.files.table(
        Table(
            id="agreement-regions",
            caption="Connected parts of each mask, and the image's mean gradient along its border (1 is a full step from black to "
            "white). Shifted: the same mask at random places, the level that its shape alone would give.",
            detail=True,
            columns=columns,
            rows=cells,
            row_images=[image.name for image, _ in rows],
        )
    )


def _complexity_table(run: Run, rows: Rows) -> Table:
    columns = [
        Column(key="image", label="Image"),
        Column(key="iou", label="IoU", decimals=3),
        Column(key="iou_above_other_images", label="IoU above other images", decimals=3),
        Column(key="superpixels", label="Superpixels", decimals=0),
        Column(key="edge_density", label="Edge density", unit="% of frame", decimals=1, percent=True),
        Column(key="entropy", label="Grey-level entropy", unit="bits", decimals=2),
    ]
    cells: list[list[Cell]] = [
        [
            image.name,
            entry.masks.iou,
            entry.above_others,
            entry.masks.complexity.superpixels,
            entry.masks.complexity.edge_density,
            entry.masks.complexity.entropy,
        ]
        for image, entry in rows
    ]
    return run.files.table(
        Table(
            id="agreement-complexity",
            caption="How complex each image is, computed from the frame's own pixels (figures store them as JPEG), beside its IoU.",
            detail=True,
            columns=columns,
            rows=cells,
            row_images=[image.name for image, _ in rows],
        )
    )


def _table(run: Run, rows: Rows, observed: Rows) -> Table:
    columns = [
        Column(key="image", label="Image"),
        Column(key="iou", label="IoU", decimals=3, headline=True),
        Column(key="iou_other", label="IoU, other images", decimals=3, headline=True),
        Column(key="iou_gaussian", label="Gaussian", decimals=3),
        Column(key="chance", label="Chance by area", decimals=3),
        Column(key="ceiling", label="Ceiling", decimals=3),
        Column(key="cam_area", label="Grad-CAM area", unit="% of frame", decimals=1, percent=True),
        Column(key="lime_area", label="LIME area", unit="% of frame", decimals=1, percent=True),
        Column(key="iou_area_matched", label="IoU at equal area", decimals=3),
    ]
    cells: list[list[Cell]] = [[image.name, *_measured(compared)] for image, compared in rows]
    means = [_mean(column) for column in zip(*(_measured(compared) for _, compared in observed), strict=True)]
    return run.files.table(
        Table(
            id="agreement",
            caption="IoU between Grad-CAM's and LIME's masks, sorted, with what the frame and the areas alone explain: the mean IoU with "
            "the masks of other images, the IoU of LIME's mask with a centred Gaussian of Grad-CAM's area, and chance and ceiling by area.",
            columns=columns,
            rows=cells,
            summary=[["Mean", *means]],
            row_images=[image.name for image, _ in rows],
        )
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _measured(compared: Compared) -> tuple[float | None, ...]:
    """The numbers of one image, in the order of the table's columns."""
    e = compared.masks
    return (
        *(e.iou, compared.iou_other, e.iou_gaussian, e.chance, e.ceiling),
        *(e.cam_area, e.lime_area, e.iou_area_matched),
    )


def _observations(rows: Rows, agreed: Agreed) -> list[str]:
    known = [(image, compared) for image, compared in rows if compared.masks.iou is not None]
    iou = np.array([compared.masks.iou for _, compared in known], float)
    if not known or agreed.pairing is None:
        return ["No image has an IoU: both masks are empty everywhere."]
    chance = np.array([compared.masks.chance for _, compared in known], float)
    gaussian = [compared.masks.iou_gaussian for _, compared in known]
    found = agreed.pairing
    other = "" if found.other is None else f"Masks of two different images reach {found.other:.3f}, "
    start = "a" if other else "A"
    items = [
        f"The mean IoU over {wording.count(len(known), 'image')} is {iou.mean():.3f} (from {iou.min():.3f} to {iou.max():.3f}). {other}"
        f"{start} centred Gaussian of Grad-CAM's area {_mean(gaussian):.3f} with LIME's masks, and masks of the same areas anywhere "
        f"in the frame "
        f"{chance.mean():.3f}."
    ]
    above = [(image.name, by) for image, compared in known if (by := compared.above_others) is not None]
    if above:
        items.append(
            f"The IoU lies above that of other images on {sum(by > 0 for _, by in above)} of {len(above)}, by "
            f"{wording.signed(float(np.mean([by for _, by in above])), 3)} on average."
        )
        below = [name for name, by in above if by <= 0]
        if below:
            items.append(f"No better than the masks of other images: {wording.listed(below)}.")
    if len(known) > 2 and np.ptp(iou) > 0 and np.ptp(chance) > 0:
        items.append(
            f"Across images IoU and its chance level by area correlate with r = {wording.signed(float(np.corrcoef(iou, chance)[0, 1]))} "
            f"(n = {len(known)})."
        )
    return items


def _limits(run: Run, n: int) -> list[str]:
    lime = run.values("lime", 0, LimeResult)
    repeats = len(lime.packed) if lime.varied == "seeds" else 1
    draws = f"{repeats} LIME draws" if repeats > 1 else "one LIME draw"
    return [
        "Agreement is no proof of correctness: two explanations can agree on the wrong region.",
        f"With {wording.count(n, 'image')} and {draws} each, small differences between images may be noise of the draw.",
    ]
