"""`python -m benchmarks`: the four explanations as shipped and through reportgen, image by image, in one run."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from benchmarks import ours, peers, shipped
from benchmarks.process import end_to_end
from reportgen.images.decode import read_image
from reportgen.images.find import find_images
from reportgen.images.frame import model_frame
from reportgen.models.classifiers import resolve
from reportgen.settings.model import Settings
from reportgen.storage.store import cache_folder
from reportgen.utils.hashing import seed_from

CAM_METHODS = ("gradcam", "ablationcam", "scorecam")
METHODS = (*CAM_METHODS, "lime")
SAMPLES = Path(__file__).parent.parent / "sample_images"


def main() -> None:
    arguments = _arguments()
    settings = Settings(
        **({"models": (arguments.model,)} if arguments.model else {}),
        lime={"resamples": 0},  # what the library does; how far it holds is reportgen's own evidence
        cams={"attention": False},  # the maps of attention are no part of the four
        weights=dict(w.split("=", 1) for w in arguments.weights),
    )
    console = Console(stderr=True)
    files = find_images(arguments.images).files[: arguments.limit]
    with tempfile.TemporaryDirectory() as scratch:
        weights = _random_weights(settings.models[0], Path(scratch)) if arguments.random_weights else {}
        settings = settings.model_copy(update={"weights": {**settings.weights, **weights}})
        results = _measure(files, settings, console)
    if not arguments.no_process:
        console.print("reportgen as a process")
        results["process"] = end_to_end(arguments.images, arguments.model)
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1))
    _print(results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--images", type=Path, default=SAMPLES, help="a folder of images")
    parser.add_argument("--limit", type=int, default=None, help="the first N images only")
    parser.add_argument("--model", default=None, help="a classifier; default: reportgen's own")
    parser.add_argument("--weights", action="append", default=[], metavar="MODEL=PATH", help="a local weights file")
    parser.add_argument(
        "--random-weights", action="store_true", help="a torchvision or timm model on random weights: speed only"
    )
    parser.add_argument("--no-process", action="store_true", help="leave out reportgen as a process")
    parser.add_argument("--out", type=Path, default=None, help="write results.json here")
    return parser.parse_args()


def _random_weights(model: str, scratch: Path) -> dict[str, str]:
    path = scratch / "random.pth"
    torch.manual_seed(0)
    if model.startswith("timm:"):
        import timm

        made = timm.create_model(model.removeprefix("timm:"), pretrained=False)
    else:
        from torchvision import models

        made = models.get_model(model.removeprefix("torchvision:"), weights=None)
    with torch.no_grad():
        for values in made.parameters():
            if values.ndim > 1 and not values.any():  # a head of zeros has nothing to explain
                values.normal_(0, 0.02)
    torch.save(made.state_dict(), path)
    return {model: str(path)}


def _measure(files: list[Any], settings: Settings, console: Console) -> dict[str, Any]:
    spec = resolve(settings.models[0], settings)
    cache = cache_folder() / "models"
    engines = {precision: ours.engine(spec, precision, cache) for precision in ("exact", "fast")}
    # As a user would load it: the product freezes its parameters, and grad-cam needs them to take gradients.
    model = shipped.Whole(spec.load(), spec.preprocessing.size).eval().requires_grad_(True)
    seconds: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    passes: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    agreement: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    floors: dict[str, float] = {}
    seen: list[tuple[np.ndarray, int, int]] = []
    for file in files:
        console.print(file.name, markup=False)
        image = read_image(file, settings.max_pixels)
        frame = model_frame(image.pixels, spec.preprocessing)
        x, seed = spec.preprocessing.normalise(frame), seed_from(settings.seed, image.sha256)
        exact = engines["exact"]
        assert exact is not None
        target = int(exact.forward(x[None]).logits[0].argmax())
        seen.append((frame, target, seed))
        maps, lime_mask = _as_shipped(
            model, frame, x, spec, target, seed, settings, seconds["shipped"], passes["shipped"]
        )
        for name, made in engines.items():
            if made is None:
                continue
            floors[name] = min(floors.get(name, np.inf), ours.milliseconds_a_pass(made, frame))
            _ours(made, frame, target, seed, settings, maps, lime_mask, seconds[name], passes[name], agreement[name])
        segments = ours.lime(exact, frame, target, seed, settings).segments
        for name, value in peers.seconds(model, x, target, segments, settings.lime).items():
            seconds["peers"][name].append(value)
    for name, made in engines.items():
        if made is not None:
            seconds[name]["together"].append(ours.together(made, seen, settings))
    return {
        "machine": _machine(),
        "model": spec.name,
        "images": len(files),
        "ms_a_pass": floors,
        "methods": {name: _summary(name, seconds, passes, agreement, floors) for name in (*METHODS, "all", "together")},
        "peers_median_s": {name: statistics.median(values) for name, values in seconds["peers"].items()},
    }


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _as_shipped(
    model: shipped.Whole,
    frame: Any,
    x: Any,
    spec: Any,
    target: int,
    seed: int,
    settings: Settings,
    seconds: Any,
    passes: Any,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    maps = {}
    total = 0.0
    for method in METHODS:
        model.passes = 0
        if method == "lime":
            took, result = _timed(lambda: shipped.lime(model, frame, spec.preprocessing, target, seed, settings.lime))
        else:
            took, result = _timed(lambda method=method: shipped.cam(method, model, x, target))
            maps[method] = result
        seconds[method].append(took)
        passes[method].append(model.passes)
        total += took
    seconds["all"].append(total)
    return maps, result.mask


def _ours(
    made: Any,
    frame: Any,
    target: int,
    seed: int,
    settings: Settings,
    maps: Any,
    lime_mask: Any,
    seconds: Any,
    passes: Any,
    agreement: Any,
) -> None:
    for method in CAM_METHODS:
        took, (saliency, count) = _timed(lambda method=method: ours.cam(method, made, frame, target))
        seconds[method].append(took)
        passes[method].append(count)
        difference = np.abs(saliency - maps[method])
        rank = spearmanr(saliency.ravel(), maps[method].ravel()).statistic
        agreement[method].append(
            {"max": float(difference.max()), "mean": float(difference.mean()), "rank": float(rank)}
        )
    took, result = _timed(lambda: ours.lime(made, frame, target, seed, settings))
    seconds["lime"].append(took)
    passes["lime"].append(result.forward_passes)
    mask = result.mask
    union = (mask | lime_mask).sum()
    agreement["lime"].append({"iou": float((mask & lime_mask).sum() / union) if union else 1.0})
    took, _ = _timed(lambda: ours.all_four(made, frame, target, seed, settings))
    seconds["all"].append(took)


def _summary(method: str, seconds: Any, passes: Any, agreement: Any, floors: dict[str, float]) -> dict[str, Any]:
    # Several images under way at once are compared with the mean of the library's images, one after another.
    shipped_s = seconds["shipped"]
    theirs = statistics.mean(shipped_s["all"]) if method == "together" else statistics.median(shipped_s[method])
    row: dict[str, Any] = {"shipped_s": theirs, "shipped_passes": _median(passes["shipped"][method])}
    for name in floors:
        own = statistics.median(seconds[name][method])
        row[name] = {"s": own, "ratio": theirs / own}
        if counts := passes[name][method]:
            needed = statistics.median(counts)
            floor = needed * floors[name] / 1000
            row[name] |= {"passes": needed, "floor_s": floor, "efficiency": floor / own}
        if found := agreement[name][method]:
            worst = {"max": max, "mean": max, "rank": min, "iou": min}
            row[name]["worst_agreement"] = {key: worst[key](f[key] for f in found) for key in found[0]}
    return row


def _median(values: list[int]) -> float | None:
    return statistics.median(values) if values else None


def _machine() -> dict[str, Any]:
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor()
    )
    packages = ("torch", "openvino", "grad-cam", "lime", "timm", "numpy")
    return {
        "cpu": model,
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "packages": {package: version(package) for package in packages},
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def _print(results: dict[str, Any]) -> None:
    console = Console(width=140)
    machine = results["machine"]
    console.print(
        f"{results['model']}, {results['images']} images, {machine['threads']} threads, {machine['cpu']}", markup=False
    )
    for precision, floor in results["ms_a_pass"].items():
        table = Table(
            "method",
            "as shipped s",
            "passes",
            "reportgen s",
            "passes",
            "ratio",
            "floor s",
            "efficiency",
            "worst agreement",
        )
        for method, row in results["methods"].items():
            own = row[precision]
            worst = ", ".join(f"{key} {value:.2g}" for key, value in own.get("worst_agreement", {}).items())
            shown = (row["shipped_passes"], own.get("passes"), own.get("floor_s"), own.get("efficiency"))
            shipped_passes, passes, floor_s, efficiency = ("" if v is None else f"{v:.3g}" for v in shown)
            table.add_row(
                method, f"{row['shipped_s']:.3f}", shipped_passes, f"{own['s']:.3f}", passes,
                f"{own['ratio']:.1f}", floor_s, efficiency, worst,
            )  # fmt: skip
        console.print(f"\n{precision}: the engine's best is {floor:.2f} ms a pass; medians over images")
        console.print(table)
    if "fast" not in results["ms_a_pass"]:
        console.print("fast: not measured, this CPU has no bf16")
    for name, value in results["peers_median_s"].items():
        console.print(f"{name}: {value:.2f} s an image (median)")
    for name, cost in results.get("process", {}).items():
        if name != "stages_cold_s":
            console.print(f"{name}: {cost['wall_s']:.2f} s wall, {cost['cpu_s']:.2f} s CPU, {cost['peak_mib']:.0f} MiB")
    stages = sorted(results.get("process", {}).get("stages_cold_s", {}).items(), key=lambda item: -item[1])
    if stages:
        console.print("cold run, seconds a stage: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in stages))
