"""The chapter on LIME: panels, table, parameters, and what was measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.shown import shown_note
from reportgen.analysis.verdicts import STABLE_JACCARD
from reportgen.figures import overlays
from reportgen.report.document import (
    Block,
    ColorBar,
    Column,
    Facts,
    Figure,
    Heading,
    ImageRecord,
    Listing,
    Picture,
    Section,
    Table,
    Text,
    Warning_,
)
from reportgen.storage.store import Result

from .findings import depends_on_parameters
from .params import FILE, explain_arguments, explain_params, pickled
from .surrogate import Surrogate, weight_map

PANEL_PX = 448
# Under this share of explained variance the surrogate's weights describe little of the model.
LOW_R2 = 0.5


def reduce_lime(run: RunView) -> Contribution:
    """Write masks, panels and explain_params.pkl, and make the section."""
    figures, entries, warnings = [], [], []
    scale = run.files.photo("figures/lime-share-scale.jpg", overlays.color_bar(), alt="").file
    for position, image in enumerate(run.images):
        result = run.result("lime", position, Result)
        entries.append(_entry(run, image, result))
        if image.name in run.shown.images:
            figures.append(_panels(run, position, image, result, scale))
        warnings += _warnings(image, result)
    spread = [entry["jaccard_seeds"] for entry in entries if entry["jaccard_seeds"] is not None]
    names = [image.name for image in run.images]
    seeds = [entry["seed"] for entry in entries]
    run.files.raw(FILE, pickled(explain_params(names, seeds, run.settings)))
    blocks: list[Block] = [
        *_approach(run),
        Heading(text="Explanations"),
        *shown_note(run.shown, "masks/"),
        *figures,
        Heading(text="Measurements"),
        _table(run, entries),
        *_stability_table(run, entries),
        Listing(role="observation", items=_observations(run, entries)),
        Listing(role="limit", items=_limits(run)),
    ]
    return Contribution(
        Section(id="lime", title="LIME", blocks=blocks),
        per_image=entries,
        findings=[depends_on_parameters(entries)],
        gates={"lime_stability": float(np.mean(spread)) if spread else None},
        warnings=warnings,
        references=("ribeiro2016", "vedaldi2008", "jaccard1912"),
        terms=("superpixel", "surrogate", "R²", "mask", "seed", "Jaccard index"),
    )


def _entry(run: RunView, image: ImageRecord, result: Result) -> dict[str, Any]:
    keys = (
        "n_segments",
        "n_selected",
        "r2",
        "forward_passes",
        "seed",
        "probability",
        "surrogate_probability",
        "weights",
        "jaccard_seeds",
        "r2_seeds",
        "jaccard_half_samples",
        "jaccard_half_features",
    )
    mask, spread = result.arrays["mask"], result.values["jaccard_seeds"]
    return {
        "mask": run.files.mask(f"masks/{image.slug}/lime.png", mask),
        "area": float(mask.mean()),
        "stable": None if spread is None else spread >= STABLE_JACCARD,
        **{key: result.values[key] for key in keys},
    }


def _panels(run: RunView, position: int, image: ImageRecord, result: Result, scale: str) -> Figure:
    frame = overlays.upscale(run.frame(position), PANEL_PX)
    mask, segments = result.arrays["mask"], result.arrays["segments"]
    weights = weight_map(segments, _surrogate(result))
    strongest = max((abs(weight) for _, weight in result.values["weights"]), default=0.0)
    against = sum(weight < 0 for _, weight in result.values["weights"])
    where = f"{wording.percent(float(mask.mean()))} of the frame, centred at the {wording.place(mask.astype(float))}"
    pictures = [
        image.picture.model_copy(update={"label": "Input"}),
        run.files.photo(
            f"figures/{image.slug}-lime.jpg",
            overlays.outline(frame, overlays.upscale(mask, PANEL_PX)),
            alt=(
                f"LIME's mask for {image.target.name} on {image.name}: {result.values['n_selected']} superpixels, "
                f"{where}."
            ),
            label="LIME mask",
        ),
        run.files.photo(
            f"figures/{image.slug}-lime-weights.jpg",
            overlays.signed_overlay(frame, overlays.upscale(weights, PANEL_PX)),
            alt=f"Signed superpixel weights on {image.name}: {result.values['n_selected']} speak for "
            f"{image.target.name}, "
            f"{against} against it; the strongest is {strongest:.3f}.",
            label="Superpixel weights",
        ).model_copy(update={"layer": "LIME weights"}),
    ]
    return Figure(
        id=f"lime-{image.slug}",
        title=image.name,
        caption=f"Superpixels that raise the probability of {image.target.name}: {result.values['n_selected']} of "
        f"{result.values['n_segments']}; strongest weight {strongest:.3f}; R² {result.values['r2']:.2f}.",
        pictures=[*pictures, *_stability_picture(run, image, result, frame)],
        columns=3 + (len(result.arrays["masks"]) > 1),
        legend=_legend(len(result.arrays["masks"]), scale),
        image=image.name,
    )


def _stability_picture(run: RunView, image: ImageRecord, result: Result, frame: np.ndarray) -> list[Picture]:
    masks = result.arrays["masks"]
    if len(masks) < 2:
        return []
    share = masks.mean(axis=0, dtype=np.float32)
    always, ever = float((share == 1).mean()), float((share > 0).mean())
    picture = run.files.photo(
        f"figures/{image.slug}-lime-stability.jpg",
        overlays.heat_overlay(frame, np.clip(overlays.upscale(share, PANEL_PX), 0, 1)),
        alt=f"How often each pixel of {image.name} lies in LIME's mask over {len(masks)} seeds: always on "
        f"{wording.percent(always)} of the frame, at least once on {wording.percent(ever)}.",
        label=f"In the mask, share of {len(masks)} seeds",
    )
    return [picture.model_copy(update={"layer": "LIME mask over seeds"})]


def _legend(masks: int, scale: str) -> ColorBar:
    """The signs of the weights, and where there are several masks the scale of their share."""
    entries = overlays.signed_legend()
    if masks < 2:
        return ColorBar(entries=entries)
    return ColorBar(file=scale, low="0", high=f"{masks} seeds", entries=entries)


def _surrogate(result: Result) -> Surrogate:
    v = result.values
    return Surrogate(
        weights=tuple((superpixel, weight) for superpixel, weight in v["weights"]),
        intercept=v["intercept"],
        prediction=v["surrogate_probability"],
        r2=v["r2"],
        probability=v["probability"],
        top_class=v["top_class"],
        forward_passes=v["forward_passes"],
    )


def _approach(run: RunView) -> list[Block]:
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
            f"image counting more. The mask holds the superpixels with positive weight, at most {s.num_features}. "
            f"Pixels are normalised exactly as for the class activation maps."
        ),
        Facts(
            title="Parameters, as written to explain_params.pkl",
            items=[(key, str(value)) for key, value in shown.items()],
        ),
    ]


def _segmentation(run: RunView) -> str:
    s = run.settings
    return (
        f"quickshift, kernel_size {s.quickshift_kernel_size:g}, max_dist {s.quickshift_max_dist:g}, ratio "
        f"{s.quickshift_ratio:g}"
    )


def _table(run: RunView, entries: list[dict[str, Any]]) -> Table:
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
    rows = [[i.name, i.target.name, *(e[c.key] for c in columns[2:])] for i, e in zip(run.images, entries, strict=True)]
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


def _stability_table(run: RunView, entries: list[dict[str, Any]]) -> list[Table]:
    if run.settings.repeats < 2:
        return []
    rows: list[list[Any]] = []
    for image, entry in zip(run.images, entries, strict=True):
        r2 = entry["r2_seeds"]
        stable = "no masks" if entry["stable"] is None else "stable" if entry["stable"] else "unstable"
        measured = (entry["jaccard_seeds"], entry["jaccard_half_samples"], entry["jaccard_half_features"])
        rows.append([image.name, *measured, min(r2), max(r2), stable])
    table = Table(
        id="lime-stability",
        caption=f"How LIME's masks hold over {run.settings.repeats} seeds (mean Jaccard index of all pairs), and against the mask "
        "from half the samples and from half the features. A mask is called stable from a mean of "
        f"{STABLE_JACCARD:g}.",
        columns=[
            Column(key="image", label="Image"),
            Column(key="jaccard_seeds", label="Jaccard, seeds", decimals=3, headline=True),
            Column(key="jaccard_half_samples", label="Jaccard, half the samples", decimals=3),
            Column(key="jaccard_half_features", label="Jaccard, half the features", decimals=3),
            Column(key="r2_low", label="R², lowest", decimals=3),
            Column(key="r2_high", label="R², highest", decimals=3),
            Column(key="stable", label="Verdict"),
        ],
        rows=rows,
        row_images=[image.name for image in run.images],
    )
    return [run.files.table(table)]


def _observations(run: RunView, entries: list[dict[str, Any]]) -> list[str]:
    r2 = np.array([entry["r2"] for entry in entries])
    areas = np.array([entry["area"] for entry in entries])
    selected = [entry["n_selected"] for entry in entries]
    low = [image.name for image, value in zip(run.images, r2, strict=True) if value < LOW_R2]
    items = [
        f"Over {wording.count(len(entries), 'image')} the surrogate's R² has median {np.median(r2):.2f}, from "
        f"{r2.min():.2f} to {r2.max():.2f}.",
        f"The masks hold {min(selected)} to {max(selected)} superpixels and cover "
        f"{wording.percent(float(areas.min()))} to "
        f"{wording.percent(float(areas.max()))} of the frame (median {wording.percent(float(np.median(areas)))}).",
    ]
    known = [entry["stable"] for entry in entries if entry["stable"] is not None]
    if known:
        items.append(
            f"Over {run.settings.repeats} seeds the mask is stable on {sum(known)} of {wording.count(len(known), 'image')}."
        )
    if low:
        items.append(
            f"R² is under {LOW_R2:g} on {len(low)} of {len(entries)}: {wording.listed(low)}. There the linear "
            "surrogate explains less "
            "than half of what the model does when superpixels are hidden."
        )
    return items


def _limits(run: RunView) -> list[str]:
    s = run.settings
    drawn = f"The weights shown come from one random draw of {s.num_samples} samples"
    seeds = (
        f"; the spread over {s.repeats} seeds stands in the table."
        if s.repeats > 1
        else "; another seed gives other weights."
    )
    return [
        drawn + seeds,
        "Hidden superpixels make images that the model was never trained on; the weights describe the model there "
        "as well as on the photograph.",
    ]


def _warnings(image: ImageRecord, result: Result) -> list[Warning_]:
    found = []
    if result.values["top_class"] != image.target.index:
        text = (
            "LIME's own path through the model gives another top class than the explained one; its two top "
            "classes are nearly tied."
        )
        found.append(Warning_(code="lime-other-class", text=text, image=image.name))
    if result.values["r2"] < LOW_R2:
        # One sentence for all such images, so that it stands once in the report, above their names; R² is in the table.
        text = (
            f"LIME's surrogate explains less than {wording.percent(LOW_R2)} of the variance (R² under {LOW_R2:g}): "
            "read its weights with care."
        )
        found.append(Warning_(code="low-r2", text=text, image=image.name))
    if result.values["n_selected"] == 0:
        found.append(
            Warning_(
                code="empty-mask",
                text="LIME found no superpixel with positive weight: its mask is empty.",
                image=image.name,
            )
        )
    return found
