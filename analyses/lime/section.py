"""The chapter on LIME: panels, table, parameters, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reportgen.analysis import bibliography, wording
from reportgen.analysis.entries import Entries
from reportgen.analysis.heads import head_note
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.shown import particular, shown_note
from reportgen.figures import overlays
from reportgen.report.blocks import (
    Block,
    ColorBar,
    Column,
    Facts,
    Figure,
    Heading,
    Listing,
    Picture,
    Section,
    Table,
    Text,
)
from reportgen.report.document import ImageRecord, Warning_

from .findings import depends_on_parameters
from .measured import Measured
from .params import FILE, explain_arguments, explain_params, pickled
from .result import LimeResult
from .rules import STABLE_JACCARD
from .settings import LimeSettings
from .stability_table import stability_table

Run = RunView[LimeSettings]

PANEL_PX = 448
# Under this share of explained variance the surrogate's weights describe little of the model.
LOW_R2 = 0.5


def reduce_lime(run: Run) -> Contribution:
    """Write masks, panels and explain_params.pkl, and make the section."""
    measured: list[Measured] = []
    warnings: list[Warning_] = []
    figures: dict[int, Figure] = {}
    shown = frozenset(run.shown.images)
    scale = run.files.photo("figures/lime-share-scale.jpg", overlays.color_bar(), alt="").file
    for position, image in enumerate(run.images):
        filed = run.has_files(position)
        result = (run.result if filed else run.values)("lime", position, LimeResult)
        file = run.files.mask(f"masks/{image.slug}/lime.png", result.mask) if filed else None
        measured.append(_measured(result, file))
        if image.name in shown:
            figures[position] = _panels(run, position, image, result, scale)
        warnings += _warnings(image, result)
    observed = [measured[position] for position in run.observations]
    spread = [entry.jaccard_seeds for entry in observed if entry.jaccard_seeds is not None]
    varied = run.settings.varied
    names, seeds = [image.name for image in run.images], [entry.seed for entry in measured]
    run.files.raw(FILE, pickled(explain_params(names, seeds, run.settings)))
    blocks: list[Block] = [
        Listing(role="observation", items=_observations(run, observed)),
        Heading(text="Explanations"),
        *shown_note(run, run.files.place("masks/")),
        *_particular(figures, measured),
        Heading(text="Measurements"),
        _table(run, measured),
        *stability_table(run, measured),
        Listing(role="limit", items=_limits(run)),
        *_approach(run),
    ]
    return Contribution(
        Section(id="lime", title="LIME", blocks=blocks),
        per_image=Entries(entry.entry() for entry in measured),
        findings=[depends_on_parameters(observed, run.statistics.iou, varied)],
        gates={"lime_stability": float(np.mean(spread)) if spread else None},
        warnings=warnings,
        references=(
            *("ribeiro2016", "vedaldi2008", "jaccard1912", *bibliography.PAIRED),
            *(("efron1979",) if varied == "resamples" else ()),
        ),
        terms=("superpixel", "surrogate", "R²", "mask", "seed", "Jaccard index", "sign-flip test", "Holm's correction"),
    )


def _particular(figures: Mapping[int, Figure], measured: Sequence[Measured]) -> list[Figure]:
    """The figures in their order; those of the images that the surrogate fits worst, middling and best say so."""
    chosen = particular({i: measured[i].surrogate.r2 for i in figures}, "R²")
    return [
        figure.model_copy(update={"particular": f"{chosen[i]} ({measured[i].surrogate.r2:.2f}):"})
        if chosen.get(i)
        else figure
        for i, figure in figures.items()
    ]


def _measured(result: LimeResult, mask: str | None) -> Measured:
    """What was measured of one image; `mask` is its file."""
    spread = result.jaccard_seeds
    return Measured(
        mask=mask,
        area=result.area,
        stable=None if spread is None else spread >= STABLE_JACCARD,
        n_segments=result.n_segments,
        n_selected=result.n_selected,
        seed=result.seed,
        surrogate=result.surrogate,
        forward_passes=result.forward_passes,
        varied=result.varied,
        jaccard_seeds=spread,
        r2_seeds=result.r2_seeds,
        jaccard_half_samples=result.jaccard_half_samples,
        jaccard_half_features=result.jaccard_half_features,
    )


def _panels(run: Run, position: int, image: ImageRecord, result: LimeResult, scale: str) -> Figure:
    frame = overlays.upscale(run.frame(position), PANEL_PX)
    mask, weights = result.mask, result.weight_map
    strongest = max((abs(weight) for _, weight in result.surrogate.weights), default=0.0)
    against = sum(weight < 0 for _, weight in result.surrogate.weights)
    where = f"{wording.percent(float(mask.mean()))} of the frame, centred at the {wording.place(mask.astype(float))}"
    pictures = [
        image.picture.model_copy(update={"label": "Input"}),
        run.files.photo(
            f"figures/{image.slug}-lime.jpg",
            overlays.outline(frame, overlays.upscale(mask, PANEL_PX)),
            alt=(f"LIME's mask for {image.target.name} on {image.name}: {result.n_selected} superpixels, {where}."),
            label="LIME mask",
        ),
        run.files.photo(
            f"figures/{image.slug}-lime-weights.jpg",
            overlays.signed_overlay(frame, overlays.upscale(weights, PANEL_PX)),
            alt=f"Signed superpixel weights on {image.name}: {result.n_selected} speak for "
            f"{image.target.name}, "
            f"{against} against it; the strongest is {strongest:.3f}.",
            label="Superpixel weights",
        ).model_copy(update={"layer": "LIME weights"}),
    ]
    return Figure(
        id=f"lime-{image.slug}",
        title=image.name,
        caption=f"Superpixels that raise the probability of {image.target.name}: {result.n_selected} of "
        f"{result.n_segments}; strongest weight {strongest:.3f}; R² {result.surrogate.r2:.2f}.",
        pictures=[*pictures, *_stability_picture(run, image, result, frame)],
        columns=3 + (result.n_compared > 1),
        legend=_legend(result, scale),
        image=image.name,
    )


def _stability_picture(run: Run, image: ImageRecord, result: LimeResult, frame: np.ndarray) -> list[Picture]:
    masks = result.compared
    if len(masks) < 2:
        return []
    over = _over(result)
    share = masks.mean(axis=0, dtype=np.float32)
    always, ever = float((share == 1).mean()), float((share > 0).mean())
    picture = run.files.photo(
        f"figures/{image.slug}-lime-stability.jpg",
        overlays.heat_overlay(frame, np.clip(overlays.upscale(share, PANEL_PX), 0, 1)),
        alt=f"How often each pixel of {image.name} lies in LIME's mask over {over}: always on "
        f"{wording.percent(always)} of the frame, at least once on {wording.percent(ever)}.",
        label=f"In the mask, share of {over}",
    )
    return [picture.model_copy(update={"layer": f"LIME mask over {result.varied}"})]


def _over(result: LimeResult) -> str:
    """`10 resamples`: over what the masks of an image are compared."""
    return f"{result.n_compared} {result.varied}"


def _legend(result: LimeResult, scale: str) -> ColorBar:
    """The signs of the weights, and where there are several masks the scale of their share."""
    entries = overlays.signed_legend()
    if result.n_compared < 2:
        return ColorBar(entries=entries)
    return ColorBar(file=scale, low="0", high=_over(result), entries=entries)


def _approach(run: Run) -> list[Block]:
    s = run.settings
    hidden = "its own mean colour" if s.hide_color is None else f"the grey level {s.hide_color}"
    arguments = explain_arguments(s, 0)
    shown = {
        **arguments,
        "random_seed": "from the run's seed and the image's hash",
        "segmentation_fn": _segmentation(run),
    }
    shown["model_regressor"] = "ridge regression, alpha 1"
    shown["labels"] = "not used: top_labels selects the class"
    return [
        Heading(text="Approach"),
        Text(
            text=f"The input frame is cut into superpixels. In each of {s.num_samples} samples every superpixel "
            "is shown or hidden "
            f"with probability one half (the first sample shows all); a hidden one takes {hidden}. "
            "The model's probability of the target class is regressed on which superpixels were shown, samples "
            "closer to the whole "
            f"image counting more. The mask holds the superpixels with positive weight, at most {s.num_features}."
            + (" Pixels are normalised exactly as for the class activation maps." if "cams" in run.analyses else "")
        ),
        *head_note(run.head_kind, run.classes),
        Facts(
            title="Parameters, as written to explain_params.pkl",
            items=[(key, str(value)) for key, value in shown.items()],
        ),
    ]


def _segmentation(run: Run) -> str:
    s = run.settings
    return (
        f"quickshift, kernel_size {s.quickshift_kernel_size:g}, max_dist {s.quickshift_max_dist:g}, ratio "
        f"{s.quickshift_ratio:g}"
    )


def _table(run: Run, measured: Sequence[Measured]) -> Table:
    columns = [
        Column(key="image", label="Image"),
        Column(key="target", label="Target class"),
        Column(key="probability", label="Probability", decimals=3),
        Column(key="n_segments", label="Superpixels", decimals=0),
        Column(key="n_selected", label="In the mask", decimals=0),
        Column(key="area", label="LIME area", unit="% of frame", decimals=1, percent=True, headline=True),
        Column(key="r2", label="R²", decimals=3, headline=True),
        Column(key="forward_passes", label="Forward passes", decimals=0),
    ]
    rows = [
        [
            image.name,
            image.target.name,
            entry.surrogate.probability,
            entry.n_segments,
            entry.n_selected,
            entry.area,
            entry.surrogate.r2,
            entry.forward_passes,
        ]
        for image, entry in zip(run.images, measured, strict=True)
    ]
    return run.files.table(
        Table(
            id="lime",
            caption="LIME on each image. R² is the share of the variance of the class probability, over the "
            "weighted samples, that the "
            "surrogate explains.",
            columns=columns,
            rows=rows,
            row_images=[image.name for image in run.images],
        )
    )


def _observations(run: Run, measured: Sequence[Measured]) -> list[str]:
    """Of the images that count as one observation each."""
    r2 = np.array([entry.surrogate.r2 for entry in measured])
    areas = np.array([entry.area for entry in measured])
    selected = [entry.n_selected for entry in measured]
    low = [run.images[i].name for i, value in zip(run.observations, r2, strict=True) if value < LOW_R2]
    items = [
        f"Over {wording.count(len(measured), 'image')} the surrogate's R² has median {np.median(r2):.2f}, from "
        f"{r2.min():.2f} to {r2.max():.2f}.",
        f"The masks hold {min(selected)} to {max(selected)} superpixels and cover "
        f"{wording.percent(float(areas.min()))} to "
        f"{wording.percent(float(areas.max()))} of the frame (median {wording.percent(float(np.median(areas)))}).",
    ]
    known = [entry.stable for entry in measured if entry.stable is not None]
    number, varied = run.settings.compared, run.settings.varied
    if known:
        items.append(
            f"Over {number} {varied} the mask is stable on {sum(known)} of {wording.count(len(known), 'image')}."
        )
    if low:
        items.append(
            f"R² is under {LOW_R2:g} on {len(low)} of {len(measured)}: {wording.listed(low)}. There the linear "
            "surrogate explains less "
            "than half of what the model does when superpixels are hidden."
        )
    return items


def _limits(run: Run) -> list[str]:
    s = run.settings
    drawn = f"The weights shown come from one random draw of {s.num_samples} samples"
    number, varied = run.settings.compared, run.settings.varied
    if not number:
        seeds = "; another seed gives other weights."
    elif varied == "seeds":
        seeds = f"; the spread over {number} seeds stands in the table."
    else:
        seeds = (
            f"; how far another draw would move the mask is estimated from {number} resamples of these. Draws under other seeds "
            "(lime.repeats) measure it."
        )
    return [
        drawn + seeds,
        "Hidden superpixels make images that the model was never trained on; the weights describe the model there "
        "as well as on the photograph.",
    ]


def _warnings(image: ImageRecord, result: LimeResult) -> list[Warning_]:
    found = []
    if result.surrogate.top_class != image.target.index:
        text = (
            "LIME's own path through the model gives another top class than the explained one; its two top "
            "classes are nearly tied."
        )
        found.append(
            Warning_(code="lime-other-class", name="LIME's path gives another class", text=text, image=image.name)
        )
    if result.surrogate.r2 < LOW_R2:
        # One sentence for all such images, so that it stands once in the report, above their names; R² is in the table.
        text = (
            f"LIME's surrogate explains less than {wording.percent(LOW_R2)} of the variance (R² under {LOW_R2:g}): "
            "read its weights with care."
        )
        found.append(Warning_(code="low-r2", name="LIME's surrogate fits badly", text=text, image=image.name))
    if result.n_selected == 0:
        found.append(
            Warning_(
                code="empty-mask",
                name="LIME's mask is empty",
                text="LIME found no superpixel with positive weight: its mask is empty.",
                image=image.name,
            )
        )
    return found
