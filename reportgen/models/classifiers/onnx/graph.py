"""An ONNX file as a graph that OpenVINO runs: one input (1, 3, side, side), logits (1, classes), and where it can be cut the feature map.

OpenVINO reads ONNX itself, so that neither torch nor another runtime is needed. Nothing of the file runs but its arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reportgen.models.classifiers.base import Activation, Graph, LinearHead, both_sides
from reportgen.models.classifiers.onnx.end import (
    SIGMOID,
    SOFTMAX,
    LinearEnd,
    before,
    ending,
    is_within_unit,
    linear_end,
)
from reportgen.models.quiet import import_openvino
from reportgen.utils.errors import UsageError

if TYPE_CHECKING:
    from openvino import Model, Node, Output

DEFAULT_SIDE = 224  # where the file fixes none
LARGEST_SIDE = 4096
TOLERANCE = 1e-4
LEAST_PROBABILITY = 1e-30
LEAST_ODDS = 1e-7  # the step of single precision below 1
PROBES = 2


@dataclass(frozen=True)
class Described:
    """What is known of a graph that can be run.

    Attributes:
        side: of its input, pixels.
        classes: of its head; two where there is one output.
        activation, binary: see `ClassifierSpec`.
        cut: whether its feature map can be had.
        notes: what was taken, left out or assumed, in words for the report.
        grey: its input has one channel: it is given grey images.
    """

    side: int
    classes: int
    activation: Activation
    binary: bool
    cut: bool
    notes: tuple[str, ...]
    grey: bool = False


def read_graph(path: Path, side: int | None = None, names: int | None = None) -> tuple[Graph, Described]:
    """Read an ONNX file, bring its input and output to one form, and cut it in front of its pooling where that can be done.

    Args:
        side: of the input, as the settings have it; None: the file's own, or 224.
        names: how many class names the settings give; decides between several outputs.

    Raises:
        UsageError: OpenVINO cannot read it, its input or outputs are not those of an image classifier, or these are the same, or no
            numbers, on two random images.
    """
    with _one_line(path, "OpenVINO cannot read it"):
        model = _loaded(path)
    model, side, grey, notes = _with_image_input(model, side, path)
    output, more = _class_scores(model, names, path)
    notes += more
    activation: Activation | None = None
    kinds: tuple[tuple[Activation, tuple[str, ...]], ...] = (("softmax", SOFTMAX), ("sigmoid", SIGMOID))
    for name, operators in kinds:
        node = ending(output, operators)
        if node is not None:
            if name == "softmax":
                _require_several(node, path)
            notes.append(f"the {name} at its end is left out")
            output, activation = node.input_value(0), name
            break
    with _one_line(path, "OpenVINO cannot run it"):
        graph, described = _built(path, model, output, side, activation, notes)
        return graph, replace(described, grey=grey)


def _loaded(path: Path) -> Model:
    import_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.passes import ConstantFolding, Manager

    # Not `read_model`, which would hand a file that is no ONNX to every other reader that OpenVINO has.
    frontend = FrontEndManager().load_by_framework("onnx")
    model = frontend.convert(frontend.load(str(path)))
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(model)
    return model


def _with_image_input(model: Model, side: int | None, path: Path) -> tuple[Model, int, bool, list[str]]:
    """The model with one float32 input (1, 3, side, side), the side, and whether it looks at grey images."""
    openvino = import_openvino()
    from openvino.preprocess import PrePostProcessor

    if len(model.inputs) != 1:
        names = ", ".join(_name(found) for found in model.inputs[:4])
        raise UsageError(
            f"{path}: has {len(model.inputs)} inputs ({names}), a classifier of images one; export it with the image alone"
        )
    kind, shape = model.input(0).get_element_type(), model.input(0).get_partial_shape()
    if not kind.is_real():
        raise UsageError(
            f"{path}: takes {kind.to_dtype()} pixels; export it with float32 input, before any scaling of its own"
        )
    if shape.rank.is_dynamic or len(shape) != 4:
        raise UsageError(f"{path}: takes {shape}, not images (N, 3, H, W) or (N, H, W, 3)")
    at = next((i for i in (1, 3) if shape[i].is_static and shape[i].get_length() in (1, 3)), 1)
    if shape[at].is_static and shape[at].get_length() not in (1, 3):
        raise UsageError(f"{path}: takes images {shape}, whose channels are neither the three of RGB nor one of grey")
    channels = shape[at].get_length() if shape[at].is_static else 3
    fixed = [shape[i].get_length() for i in (1, 2, 3) if i != at and shape[i].is_static]
    side, notes = _side(fixed, side, path)
    with _one_line(path, f"cannot take one image of {side} x {side} pixels"):
        model.reshape([1, channels, side, side] if at == 1 else [1, side, side, channels])
        steps = PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.f32).set_layout(openvino.Layout("NCHW"))
        steps.input().model().set_layout(openvino.Layout("NCHW" if at == 1 else "NHWC"))
        built = steps.build()
        return (_of_grey(built, side) if channels == 1 else built), side, channels == 1, notes


def _of_grey(model: Model, side: int) -> Model:
    """A model of one channel as one of three equal ones, of which it reads the first."""
    openvino = import_openvino()
    import openvino.opset13 as ops

    image = ops.parameter([1, 3, side, side], np.float32, name="image")
    first = ops.gather(image, np.array([0]), np.array(1)).output(0)
    for reader in model.input(0).get_node().output(0).get_target_inputs():
        reader.replace_source_output(first)
    return openvino.Model([result.input_value(0) for result in model.get_results()], [image], "classifier")


def _require_several(softmax: Node, path: Path) -> None:
    """Require that a softmax is over more than one number, of which it is always 1."""
    shape = softmax.input_value(0).get_partial_shape()
    if shape.is_static and list(shape.to_shape())[softmax.get_attributes()["axis"]] == 1:
        raise UsageError(
            f"{path}: its softmax is over a single number, which always makes 1; export it with the softmax over the classes, or with a "
            "sigmoid where it has one output"
        )


def _side(fixed: list[int], asked: int | None, path: Path) -> tuple[int, list[str]]:
    if len(set(fixed)) > 1:
        raise UsageError(f"{path}: takes frames of {fixed[0]} x {fixed[1]} pixels; only square ones are made")
    if fixed and asked not in (None, fixed[0]):
        raise UsageError(f"{path}: takes {fixed[0]} pixels a side, and the settings say preprocessing size = {asked}")
    if fixed and not 1 <= fixed[0] <= LARGEST_SIDE:
        raise UsageError(f"{path}: takes {fixed[0]} pixels a side; at most {LARGEST_SIDE} are made")
    if fixed:
        return fixed[0], []
    side = asked or DEFAULT_SIDE
    return side, [f"it fixes no input size: {side} pixels a side, {'as the settings say' if asked else 'assumed'}"]


def _class_scores(model: Model, names: int | None, path: Path) -> tuple[Output, list[str]]:
    """The output that holds a score for each class."""
    found = [output for output in (result.input_value(0) for result in model.get_results()) if _scores(output)]
    ranked = [output for output in found if ending(before(output, SOFTMAX + SIGMOID) or output, ("TopK",))]
    found = [output for output in found if output not in ranked]
    if ranked and not found:
        raise UsageError(
            f"{path}: gives out its highest scores in their order, which does not say whose they are; export it without the TopK at its end"
        )
    if len(found) > 1 and names is not None:
        found = [output for output in found if _scores(output) == names] or found
    # Logits and their softmax, both given out, are one answer.
    if len({(before(output, SOFTMAX + SIGMOID) or output).get_node().get_friendly_name() for output in found}) == 1:
        found = found[:1]
    shown = ", ".join(f"{_name(output)} {output.get_partial_shape()}" for output in model.outputs[:4])
    if not found:
        raise UsageError(f"{path}: no output is (1, classes), as a classifier's is; it has {shown}")
    if len(found) > 1:
        raise UsageError(f"{path}: several outputs could be the classes ({shown}); export it with one")
    return found[0], [f"of its {len(model.outputs)} outputs {_name(found[0])} was taken"] if len(
        model.outputs
    ) > 1 else []


def _scores(output: Output) -> int:
    """How many classes an output (1, classes) or (1, classes, 1, 1) has scores of; 0 for one of another form."""
    shape = output.get_partial_shape()
    if shape.is_dynamic or not output.get_element_type().is_real():
        return 0
    lengths = list(shape.to_shape())
    return lengths[1] if len(lengths) in (2, 4) and lengths[0] == 1 and lengths[2:] in ([], [1, 1]) else 0


def _built(
    path: Path, model: Model, scores: Output, side: int, left_out: Activation | None, notes: list[str]
) -> tuple[Graph, Described]:
    """The graph whose outputs are logits and, where its end is what it looks like, the feature map.

    Args:
        left_out: what the file itself makes of `scores`; None: nothing, they are its own output.
    """
    openvino = import_openvino()
    import openvino.opset13 as ops

    outputs = int(np.prod(scores.get_partial_shape().to_shape()))
    end, binary = linear_end(scores, outputs), outputs == 1
    logits = ops.reshape(_float32(scores), np.array([1, outputs]), False).output(0)
    activation: Activation = "sigmoid" if binary else left_out or "softmax"
    unit = left_out is None and is_within_unit(scores)
    if binary:
        logits = _log_odds(logits, notes) if unit else logits
        logits = ops.concat([ops.negative(logits), logits], 1).output(0)
    head = None if end is None else both_sides(end.head) if binary else end.head
    whole = openvino.Model(
        [logits] if end is None else [logits, _channels_first(end)], model.get_parameters(), "classifier"
    )
    values = _on_probes(whole, side, path)
    _require_sound(values[0], path)
    if head is not None and not _is_mean_and_linear(values, head):
        head = None
    taken = [logits]
    if head is not None:
        taken = [output.get_node().input_value(0) for output in whole.outputs]
    elif unit and not binary and not _are_probabilities(values[0]):
        taken, activation = [_log_odds(logits, notes)], "sigmoid"
    elif activation == "softmax" and _are_probabilities(values[0]):
        # Its softmax is written in other operations; the logarithm of a softmax is as good as the logits in front of it.
        taken = [ops.log(ops.maximum(logits, np.float32(LEAST_PROBABILITY))).output(0)]
        notes.append("it gives out probabilities, and their logarithms are taken for logits")
    graph = Graph(openvino.Model(taken, model.get_parameters(), "classifier"), head)
    classes = 2 if binary else outputs
    return graph, Described(side, classes, activation, binary, head is not None, tuple(notes))


def _require_sound(logits: np.ndarray, path: Path) -> None:
    """Require that the answers to the probes are numbers, and not the same.

    Raises:
        UsageError: they are none, or the same.
    """
    if not np.isfinite(logits).all():
        raise UsageError(f"{path}: its logits are not finite on a random image; are its weights whole?")
    if (logits == logits[0]).all():
        what = "all zeros" if not logits.any() else "constant: the logits are the same on two different images"
        raise UsageError(f"{path}: its head is {what}; there is nothing to explain, export it with trained weights")


def _log_odds(probabilities: Output, notes: list[str]) -> Output:
    """What a sigmoid makes these of, which is written in other operations."""
    import openvino.opset13 as ops

    notes.append("it gives out a probability for each class, and their log-odds are taken for logits")
    against = ops.subtract(np.float32(1), probabilities)
    # Each kept from 0 by itself: in half precision 1 - 1e-7 is 1.
    yes, no = (ops.log(ops.maximum(p, np.float32(LEAST_ODDS))) for p in (probabilities, against))
    return ops.subtract(yes, no).output(0)


def _float32(output: Output) -> Output:
    import openvino.opset13 as ops

    return ops.convert(output, "f32").output(0)


def _channels_first(end: LinearEnd) -> Output:
    import openvino.opset13 as ops

    features = _float32(end.features)
    return ops.transpose(features, np.array([0, 3, 1, 2])).output(0) if end.channels_last else features


def _on_probes(model: Model, side: int, path: Path) -> list[np.ndarray]:
    """What every output says of the probes, in exact precision: (probes, ...) arrays.

    Raises:
        UsageError: of one image it says another thing when asked again.
    """
    request = (
        import_openvino().Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    )
    probes = np.random.default_rng(0).standard_normal((PROBES, 1, 3, side, side), dtype=np.float32)
    answers = []
    for probe in probes:
        request.infer([probe])
        answers.append([request.get_output_tensor(i).data.copy() for i in range(len(model.outputs))])
    request.infer([probes[0]])
    again, first = request.get_output_tensor(0).data, answers[0][0]
    largest = np.abs(first).max()
    if np.isfinite(largest) and not np.abs(again - first).max() <= TOLERANCE * largest:
        raise UsageError(
            f"{path}: answers the same image differently each time; export it in evaluation mode (model.eval())"
        )
    return [np.concatenate(of_output) for of_output in zip(*answers, strict=True)]


def _is_mean_and_linear(values: list[np.ndarray], head: LinearHead) -> bool:
    logits, activations = values
    closed = activations.mean((2, 3)) @ head.weight.T + head.bias
    return bool(np.abs(closed - logits).max() <= TOLERANCE * np.abs(logits).max())


def _are_probabilities(scores: np.ndarray) -> bool:
    return bool(scores.min() >= 0 and np.abs(scores.sum(1) - 1).max() < TOLERANCE)


def _name(output: Output) -> str:
    names = sorted(output.get_names())
    return "".join(c for c in (names[0] if names else "unnamed") if c.isprintable())[:60]


@contextmanager
def _one_line(path: Path, what: str) -> Iterator[None]:
    """Of what OpenVINO raises the line that says why; the lines before it name places in its own sources."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # it raises RuntimeError for nearly everything
        lines = [line.strip(" -\n") for line in str(error).splitlines() if line.strip()]
        said = [
            line
            for line in lines
            if not re.match(
                r"Exception from |Check '|While validating|FrontEnd API|Summary:|Conversion is failed", line
            )
        ]
        if isinstance(error, MemoryError) or re.search(r"bad_alloc|Failed to allocate", str(error)):
            said = ["it takes more memory than there is"]
        reason = "".join(c for c in (said or lines or [type(error).__name__])[-1] if c.isprintable())[:200]
        raise UsageError(f"{path}: {what} ({reason})") from None
