"""One classifier of every timm family, and every torchvision classifier, through loading, the split, three maps and LIME.

    PYTHONPATH=. python tests/walk_architectures.py --out walk.jsonl [timm:NAME ...]

Weights are random: what is asked is whether a network can be explained at all, on which backend, and what is said where it cannot.
A line is written for each network as it is done; a second call goes on where the first ended. It takes some hours on two cores.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from torch import nn
from torchvision import models

from folders import looked_through
from reportgen.analyses.cams.methods import METHODS
from reportgen.analyses.lime.settings import LimeSettings
from reportgen.analyses.lime.task import ANALYSIS as LIME
from reportgen.analyses.sanity.cascade import Thinned
from reportgen.analysis.view import Subject, View
from reportgen.images.decode import read_image
from reportgen.images.frame import model_frame
from reportgen.models.classifiers import resolve
from reportgen.models.encoders import resolve_encoder
from reportgen.models.runtime import Engine, choose_runtime
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

MOST_PARAMETERS = 100_000_000  # of a timm family's model; every torchvision classifier is walked, however large
# ScoreCAM takes a pass for each channel: where that would take longer, all channels but so many are set to zero.
SCORECAM_SECONDS, SCORECAM_CHANNELS = 20.0, 64
LIME_SAMPLES = 50
PHOTOS = Path(__file__).parent.parent / "sample_images"


@dataclass
class Row:
    """What became of one network. `refused` is the one line that the product says, `crash` what must not happen."""

    name: str
    parameters: int = 0
    layer: str = ""
    kind: str = ""
    features: str = ""
    head: str = ""
    attention: int = 0
    backend: str = ""
    stages: int = 0
    scorecam: str = ""
    degenerate: str = ""
    refused: str = ""
    crash: str = ""
    seconds: float = 0.0


def families() -> Iterator[str]:
    """Of each timm family the smallest model of at most `MOST_PARAMETERS`."""
    for module in timm.list_modules():
        sizes = {}
        for name in timm.list_models(module=module):
            try:
                with torch.device("meta"):
                    model = timm.create_model(name, pretrained=False)
            except Exception:  # a model that computes with its weights as it is made
                continue
            if getattr(model, "num_classes", 0) > 0:
                sizes[name] = sum(p.numel() for p in model.parameters())
        if sizes and min(sizes.values()) < MOST_PARAMETERS:
            yield f"timm:{min(sizes, key=lambda name: sizes[name])}"


def names() -> list[str]:
    """Every network of the walk."""
    return [*families(), *(f"torchvision:{name}" for name in models.list_models(module=models))]


def random_model(name: str) -> nn.Module:
    """The network as its library makes it, every weight that begins at zero drawn anew: a head of zeros has nothing to explain."""
    torch.manual_seed(0)
    library, _, plain = name.partition(":")
    if library == "timm":
        model = timm.create_model(plain, pretrained=False)
    else:
        options: dict[str, Any] = {"init_weights": False} if plain in ("googlenet", "inception_v3") else {}
        model = models.get_model(plain, weights=None, **options)
    with torch.no_grad():
        for values in model.parameters():
            if values.ndim > 1 and not values.any():
                values.normal_(0, 0.02)
    return model


def walk(name: str, photo: np.ndarray, scratch: Path) -> Row:
    """One network through everything."""
    row, start = Row(name), time.perf_counter()
    weights = scratch / "weights.pth"
    try:
        model = random_model(name)
        row.parameters = sum(p.numel() for p in model.parameters())
        torch.save(model.state_dict(), weights)
        del model
        _explain(name, photo, weights, scratch, row)
    except UsageError as error:
        row.refused = str(error)
    except Exception as error:  # what the walk is there to find
        row.crash = f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0][:200]}"
    row.seconds = round(time.perf_counter() - start, 1)
    return row


def _explain(name: str, photo: np.ndarray, weights: Path, scratch: Path, row: Row) -> None:
    spec = resolve(name, Settings(models=(name,), weights={name: str(weights)}))
    record = choose_runtime(spec, "auto", "exact", scratch / "models")
    engine = Engine(spec, record, scratch / "models")
    frame = model_frame(photo, spec.preprocessing)
    view = View(frame, engine)
    target = int(view.forward.logits[0].argmax())
    layer = engine.layer
    row.layer, row.kind, row.attention = layer.path, layer.kind, layer.attention_layers
    row.features = " x ".join(str(n) for n in view.forward.activations.shape[1:])
    row.head = "linear" if engine.linear_head is not None else "class token" if layer.class_token else "other"
    row.backend, row.stages = record.name, len(engine.network.stages)
    flat = []
    for method in ("gradcam", "ablationcam"):
        flat += [method] if METHODS[method].explain(view, target).degenerate else []
    cam = METHODS["scorecam"].explain(_affordable(view, row), target)
    row.degenerate = ", ".join([*flat, *(["scorecam"] if cam.degenerate else [])])
    settings = LimeSettings(num_samples=LIME_SAMPLES, resamples=0)
    subject = Subject(
        view=view, target=target, seed=1, run_seed=0, settings=settings, results={}, timed=lambda _: nullcontext(),
        encoder=lambda wanted: resolve_encoder(wanted, Settings()), again=lambda *_: None,
    )  # fmt: skip
    LIME.map(subject)


def _affordable(view: View, row: Row) -> View:
    """The view, on a network with fewer channels where ScoreCAM would take too long."""
    channels = view.forward.activations.shape[1]
    view.engine.logits(2, lambda i, out: np.copyto(out, view.input))
    start = time.perf_counter()
    view.engine.logits(4, lambda i, out: np.copyto(out, view.input))
    if channels * (time.perf_counter() - start) / 4 <= SCORECAM_SECONDS:
        row.scorecam = f"{channels}"
        return view
    network = view.engine.network
    thinned = replace(network, trunk=Thinned(network.trunk, channels, SCORECAM_CHANNELS, seed=0))
    row.scorecam = f"{SCORECAM_CHANNELS} of {channels}"
    torch_record = view.engine.record.model_copy(update={"name": "torch"})
    return View(view.frame, view.engine.on(thinned, "thinned", torch_record))


def table(rows: Sequence[Row]) -> str:
    """The rows as text, and the count."""
    lines = [
        f"{r.name:46} {r.parameters / 1e6:6.1f} M  {r.features:16} {r.kind:14} {r.head:11} {r.backend:8} "
        f"{r.refused or r.crash or r.layer}"
        for r in rows
    ]
    explained = [r for r in rows if not r.refused and not r.crash]
    crashed = sum(bool(r.crash) for r in rows)
    return "\n".join([*lines, f"{len(explained)} of {len(rows)} explained, {crashed} crashed"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("names", nargs="*", help="default: all")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; what stands there is not walked again")
    arguments = parser.parse_args()
    files, _ = looked_through(PHOTOS)
    photo = read_image(files[0], 100_000_000).pixels
    done = (
        [Row(**json.loads(line)) for line in arguments.out.read_text().splitlines()] if arguments.out.exists() else []
    )
    for name in arguments.names or names():
        if any(row.name == name for row in done):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            row = walk(name, photo, Path(scratch))
        gc.collect()
        done.append(row)
        with arguments.out.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        print(table([row]).splitlines()[0], file=sys.stderr, flush=True)
    print(table(done))


if __name__ == "__main__":
    main()
