"""analyses.sanity: networks that lose their weights from the head down, maps that notice and maps that do not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

import toys
from made_results import cams_result
from made_runs import MadeRun, analyse_toy
from reportgen.analyses.cams.maps import gradcam
from reportgen.analyses.cams.methods import METHODS
from reportgen.analyses.cams.result import CamsResult
from reportgen.analyses.cams.settings import OF_ATTENTION, CamSettings
from reportgen.analyses.cams.task import ANALYSIS as CAMS
from reportgen.analyses.sanity import rules
from reportgen.analyses.sanity.cascade import HEAD, Thinned, cascade, reinitialise, stages_from_the_head
from reportgen.analyses.sanity.correlation import down_the_cascade, rank_correlation
from reportgen.analyses.sanity.result import SanityResult
from reportgen.analyses.sanity.section import KEPT_CHANNELS
from reportgen.analyses.sanity.settings import SanitySettings
from reportgen.analyses.sanity.task import ANALYSIS
from reportgen.analysis import baselines as controls
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject, View
from reportgen.models.classifiers import Network
from reportgen.models.classifiers.splitting.parts import OneOf
from reportgen.models.classifiers.splitting.split import split_traced
from reportgen.models.classifiers.torchvision_zoo import RESNET_STAGES
from reportgen.models.runtime import Engine
from reportgen.report.blocks import Listing, Section, Table
from reportgen.settings.group import NoSettings
from reportgen.settings.model import Settings
from toys import CountingEngine, photo_folder, photo_path, toy_network, toy_spec

OF_ACTIVATIONS = tuple(method for method in METHODS if method not in OF_ATTENTION)

RESNET_ORDER = [HEAD, "layer4", "layer3", "layer2", "layer1", "conv1"]


def resnet() -> Network:
    torch.manual_seed(0)
    return replace(split_traced(models.resnet18(num_classes=7), 64, "resnet18"), stages=RESNET_STAGES)


def weights(network: Network) -> dict[str, torch.Tensor]:
    return {
        name: values.clone() for name, values in network.model.state_dict().items() if values.dtype.is_floating_point
    }


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


# --- the cascade ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [resnet, toy_network, lambda: toy_network(linear=True)])
def test_stages_hold_every_weight_once(make: Callable[[], Network]) -> None:
    network = make()
    found = [id(p) for _, layers in stages_from_the_head(network) for m in layers for p in m.parameters(recurse=False)]
    assert len(found) == len(set(found))
    assert set(found) == {id(p) for p in network.model.parameters()}


def test_stages_go_from_the_head_to_the_input() -> None:
    network = resnet()
    assert [name for name, _ in stages_from_the_head(network)] == RESNET_ORDER
    by_name = dict(stages_from_the_head(network))
    assert by_name[HEAD] == [network.model.fc]
    assert network.model.conv1 in by_name["conv1"]
    assert network.model.layer3[0].conv1 in by_name["layer3"]


def test_a_network_with_unknown_stages_is_cut_by_its_layers() -> None:
    network = replace(resnet(), stages={})
    names = [name for name, _ in stages_from_the_head(network)]
    assert names == [HEAD, *(f"part {i} of 5" for i in (5, 4, 3, 2, 1))]
    assert dict(stages_from_the_head(network))[HEAD] == [network.model.fc]


def test_each_step_takes_one_stage_more_and_leaves_the_given_network_alone() -> None:
    network = resnet()
    before = weights(network)
    prefixes = {HEAD: "fc.", "conv1": ("conv1.", "bn1.")}
    expected: tuple[str, ...] = ()
    for step, (stage, made) in enumerate(cascade(network, (512, 2, 2), seed=3)):
        assert stage == RESNET_ORDER[step]
        new = prefixes.get(stage, f"{stage}.")
        expected += new if isinstance(new, tuple) else (new,)
        # A norm layer of a fresh network already is where training begins.
        different = changed(before, weights(made))
        assert {name for name in different if name.startswith(expected)} == different
        matrices = {name for name, values in before.items() if values.ndim > 1 and name.startswith(expected)}
        assert matrices <= different
        x = torch.rand(2, 3, 64, 64)
        torch.testing.assert_close(made.head(*made.trunk(x)), made.model(x))
    assert changed(before, weights(network)) == set()


def test_the_closed_form_of_the_head_follows_its_new_weights() -> None:
    network = toy_network(linear=True)
    _, made = next(cascade(network, (10, 8, 8), seed=1))
    assert network.linear is not None
    assert made.linear is not None
    assert not np.allclose(made.linear.weight, network.linear.weight)
    activations = torch.rand(3, 10, 8, 8)
    closed = activations.mean((2, 3)).numpy() @ made.linear.weight.T + made.linear.bias
    np.testing.assert_allclose(closed, made.head(activations).numpy(), atol=1e-5)


def test_a_cascade_depends_on_its_seed_alone() -> None:
    def last(seed: int) -> dict[str, torch.Tensor]:
        return [weights(made) for _, made in cascade(toy_network(), (10, 8, 8), seed)][-1]

    assert changed(last(1), last(1)) == set()
    assert changed(last(1), last(2)) != set()


def test_layers_are_drawn_with_variance_one_over_their_inputs_and_norms_are_set_back() -> None:
    generator = torch.Generator().manual_seed(0)
    conv, linear, norm = nn.Conv2d(16, 64, 3), nn.Linear(300, 200), nn.BatchNorm2d(8)
    with torch.no_grad():
        norm.weight.fill_(4)
        norm.running_mean.fill_(2)  # type: ignore[union-attr]
        norm.running_var.fill_(7)  # type: ignore[union-attr]
    for layer in (conv, linear, norm):
        reinitialise(layer, generator)
    assert float(conv.weight.detach().var()) == pytest.approx(1 / (16 * 9), rel=0.05)
    assert float(linear.weight.detach().var()) == pytest.approx(1 / 300, rel=0.05)
    assert not conv.bias.any()  # type: ignore[union-attr]
    x = torch.randn(5, 8, 3, 3)
    torch.testing.assert_close(norm.eval()(x), x, rtol=1e-4, atol=1e-4)


def test_a_thinned_trunk_keeps_some_channels_as_they_are() -> None:
    trunk = OneOf(nn.Conv2d(3, 40, 1))
    x = torch.randn(2, 3, 5, 5)
    (whole,), (thin,) = trunk(x), Thinned(trunk, 40, 9, seed=1)(x)
    kept = thin.abs().sum((0, 2, 3)) > 0
    assert int(kept.sum()) == 9
    assert torch.equal(thin[:, kept], whole[:, kept])
    assert Thinned(trunk, 40, 99, seed=1)(x)[0].equal(whole)


# --- correlation ---------------------------------------------------------------------------------


def test_rank_correlation_is_that_of_the_absolute_values_ranks() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(-9, 10, (6, 7)).astype(float), rng.normal(size=(6, 7))
    ranks = []
    for values in (np.abs(a).ravel(), np.abs(b).ravel()):
        ranks.append(
            [np.mean([v < value for v in values]) + np.mean([v == value for v in values]) / 2 for value in values]
        )
    assert rank_correlation(a, b) == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-12)
    assert rank_correlation(a, -(a**3)) == pytest.approx(1)


def test_a_constant_map_keeps_nothing() -> None:
    assert rank_correlation(np.zeros((4, 4)), np.random.default_rng(0).random((4, 4))) == 0


# --- methods that notice, and one that does not ---------------------------------------------------


def frame_of(seed: int) -> np.ndarray:
    """Coarse random patches: a toy network's maps of them are not smooth."""
    patches = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.kron(patches, np.ones((4, 4, 1), np.uint8))


def ends_of_the_cascade(method: Callable[[View], np.ndarray]) -> list[float]:
    """The correlation with everything drawn anew, for the frames of a toy network."""
    network = toy_network(linear=True)
    engine = CountingEngine(toy_spec(network))
    ends = []
    for seed in range(7):
        frame = frame_of(seed)
        steps = [
            {"map": method(View(frame, engine.on(made, f"{seed} without {stage}")))}
            for stage, made in cascade(network, (10, 8, 8), seed=0)
        ]
        ends.append(down_the_cascade({"map": method(View(frame, engine))}, steps)["map"][-1])
    return ends


def test_an_edge_detector_does_not_pass() -> None:
    """It draws the outlines of the object, and they are the same whatever the network has learned."""
    ends = ends_of_the_cascade(lambda view: controls.sobel_edges(view.frame))
    assert ends == pytest.approx([1.0] * 7)
    assert not rules.passes(ends, between_images=0.6)


def test_grad_cam_passes() -> None:
    ends = ends_of_the_cascade(lambda view: gradcam(view, 2).map)
    assert rules.passes(ends, between_images=None)


def test_the_limit_is_never_below_what_two_images_have_in_common() -> None:
    assert rules.passes([0.6], between_images=0.7)
    assert not rules.passes([0.6], between_images=0.3)
    assert not rules.passes([0.6], between_images=None)
    assert not rules.passes([0.1, 0.9, 0.95], None)
    assert rules.passes([0.1, 0.2, 0.95], None)


# --- the analysis --------------------------------------------------------------------------------


def subject(view: View, cams: CamSettings | None = None, sanity: SanitySettings | None = None) -> Subject[Any]:
    """The sanity check of class 2, as the pipeline asks for it: the maps of the trained network are there."""
    trained = CAMS.map(toys.subject(view, 2, cams or CamSettings(), seed=7))
    return toys.subject(view, 2, sanity or SanitySettings(), seed=7, results={"cams": trained})


def test_map_explains_each_step_with_the_cams_analysis_itself() -> None:
    network = toy_network()
    made = subject(View(frame_of(0), CountingEngine(toy_spec(network))))
    found = ANALYSIS.map(made)
    stages = [name for name, _ in stages_from_the_head(network)]
    assert list(found.stages) == stages
    assert {method: len(correlation) for method, correlation in found.correlation.items()} == {
        "gradcam": len(stages),
        "ablationcam": len(stages),
        "scorecam": 1,
    }
    again = [
        CAMS.map(toys.subject(View(frame_of(0), made.view.engine.on(step, stage)), 2, CamSettings()))
        for stage, step in cascade(network, (10, 8, 8), 0)
    ]
    trained = made.required("cams", CamsResult).maps
    for method in ("gradcam", "ablationcam"):
        expected = [rank_correlation(trained[method].map, result.maps[method].map) for result in again]
        assert found.correlation[method] == pytest.approx(expected, abs=1e-6)
    # The toy has fewer channels than are kept: its ScoreCAM is the whole one.
    whole = rank_correlation(trained["scorecam"].map, again[-1].maps["scorecam"].map)
    assert found.correlation["scorecam"] == pytest.approx([whole], abs=1e-6)


def test_every_method_but_scorecam_is_repeated_after_each_stage() -> None:
    network = toy_network(linear=True)
    view = View(frame_of(0), CountingEngine(toy_spec(network)))
    found = ANALYSIS.map(subject(view, CamSettings(methods=OF_ACTIVATIONS)))  # type: ignore[arg-type]
    stages = len(stages_from_the_head(network))
    assert {method: len(correlation) for method, correlation in found.correlation.items()} == {
        method: 1 if method == "scorecam" else stages for method in OF_ACTIVATIONS
    }
    # What knows no class does not notice that the head is gone.
    assert [found.correlation[method][0] for method in ("eigencam", "kpcacam", "fem")] == pytest.approx([1, 1, 1])


def test_parts_are_left_out_on_request() -> None:
    view = View(frame_of(0), CountingEngine(toy_spec(toy_network())))
    assert set(ANALYSIS.map(subject(view, sanity=SanitySettings(scorecam=False))).correlation) == {
        "gradcam",
        "ablationcam",
    }
    only = ANALYSIS.map(subject(view, CamSettings(methods=("scorecam",))))
    assert set(only.correlation) == {"scorecam"}


def test_a_method_that_could_not_be_computed_is_not_checked() -> None:
    view = View(frame_of(0), CountingEngine(toy_spec(toy_network())))
    made = subject(view, CamSettings(methods=("gradcam", "layercam")))
    trained = made.required("cams", CamsResult)
    failed = replace(trained.maps["layercam"], degenerate=True, failure="RuntimeError: no")
    results = {"cams": replace(trained, maps={**trained.maps, "layercam": failed})}
    assert set(ANALYSIS.map(replace(made, results=results)).correlation) == {"gradcam"}

    def fails_on_the_way(name: str, view: View, changes: Mapping[str, object]) -> CamsResult:
        return results["cams"]

    assert set(ANALYSIS.map(replace(made, again=fails_on_the_way)).correlation) == {"gradcam"}


def test_a_real_network_on_openvino(lite0: Engine, view: View) -> None:
    """EfficientNet-Lite0: six steps; ScoreCAM on the converted random network takes a tenth of its channels' passes."""
    target = int(view.forward.logits.argmax())
    trained = CAMS.map(toys.subject(view, target, CamSettings(methods=("gradcam",)), seed=7))
    trained = replace(trained, maps={**trained.maps, "scorecam": trained.maps["gradcam"]})
    found = ANALYSIS.map(toys.subject(view, target, SanitySettings(), seed=7, results={"cams": trained}))
    assert list(found.stages) == [HEAD, "conv_head", "blocks.6", "blocks.5", "blocks.4", "blocks.3"]
    assert all(-1 <= rho < 0.999 for correlation in found.correlation.values() for rho in correlation)
    assert 50 < found.forward_passes <= 6 + KEPT_CHANNELS + 2


# --- the chapter ---------------------------------------------------------------------------------


def chapter(folder: Path, ends: dict[str, list[float]], maps: list[np.ndarray] | None = None) -> Contribution:
    count = len(next(iter(ends.values())))
    maps = maps or [np.random.default_rng(i).random((16, 16)) for i in range(count)]
    found = [
        SanityResult(
            stages=("head", "layer1"),
            correlation={method: (0.8, end[i]) for method, end in ends.items()},
            constant=dict.fromkeys(ends, 0),
            forward_passes=2,
        )
        for i in range(count)
    ]
    cams = [cams_result(dict.fromkeys(ends, saliency)) for saliency in maps]
    # One image more, which is not in the sample.
    return ANALYSIS.reduce(MadeRun(folder, {"sanity": [None, *found], "cams": [cams[0], *cams]}, SanitySettings()))


def passes(contribution: Contribution) -> dict[str, str]:
    [table] = [block for block in contribution.section.blocks if isinstance(block, Table)]  # type: ignore[union-attr]
    return {str(row[0]): str(row[-1]) for row in table.rows}


def test_a_method_that_keeps_its_map_is_flagged(tmp_path: Path) -> None:
    found = chapter(tmp_path, {"gradcam": [0.1, 0.2, 0.0], "ablationcam": [0.9, 0.95, 0.8]})
    assert passes(found) == {"Grad-CAM": "yes", "AblationCAM": "no"}
    [warning] = found.warnings
    assert warning.code == "fails-sanity-check"
    assert warning.text.startswith("AblationCAM ")
    assert "0.90" in warning.text
    assert found.per_image[0] == {}
    assert (tmp_path / "figures" / "sanity-cascade.svg").is_file()


def test_maps_that_are_alike_on_every_image_are_given_that_much(tmp_path: Path) -> None:
    bell = controls.centred_gaussian(16, 16)
    alike = [bell + 0.01 * np.random.default_rng(i).random((16, 16)) for i in range(3)]
    assert passes(chapter(tmp_path, {"gradcam": [0.7, 0.6, 0.8]}, alike)) == {"Grad-CAM": "yes"}
    assert passes(chapter(tmp_path, {"gradcam": [0.7, 0.6, 0.8]})) == {"Grad-CAM": "no"}


def test_a_copy_is_no_further_image(tmp_path: Path) -> None:
    maps = [np.random.default_rng(i).random((16, 16)) for i in (0, 1, 1, 1, 1)]
    found = [
        SanityResult(("head", "layer1"), {"gradcam": (0.8, end)}, {"gradcam": 0}, 2)
        for end in (0.1, 0.6, 0.6, 0.6, 0.6)
    ]
    run = MadeRun(
        tmp_path, {"sanity": found, "cams": [cams_result({"gradcam": saliency}) for saliency in maps]}, SanitySettings()
    )
    run.observations = [0, 1]
    contribution = ANALYSIS.reduce(run)
    [table] = [block for block in contribution.section.blocks if isinstance(block, Table)]  # type: ignore[union-attr]
    row = dict(zip((column.key for column in table.columns), table.rows[0], strict=True))
    # The median of 0.1 and 0.6; the maps of two different images, where those of two copies correlate by 1.
    assert row["layer1"] == pytest.approx(0.35)
    assert row["between_images"] == pytest.approx(rank_correlation(maps[0], maps[1]))
    assert row["passes"] == "yes"
    assert len(contribution.per_image) == 5 and all(contribution.per_image)
    # Where near-equal images are folded, the one that stands for the others may not have been drawn.
    run.observations = []
    assert [block for block in ANALYSIS.reduce(run).section.blocks if isinstance(block, Table)]  # type: ignore[union-attr]


def test_one_image_and_none(tmp_path: Path) -> None:
    assert passes(chapter(tmp_path / "one", {"gradcam": [0.1]})) == {"Grad-CAM": "yes"}
    bare = ANALYSIS.reduce(MadeRun(tmp_path / "none", {"sanity": [None]}, SanitySettings()))
    assert bare.section is not None and "not made" in bare.section.model_dump_json()
    assert list(bare.warnings) == []


def test_many_methods_stand_in_rows_and_share_sentences(tmp_path: Path) -> None:
    methods = ("gradcam", "gradcam++", "layercam", "eigencam", "fem")
    found = chapter(tmp_path, {m: [0.9 if m == "eigencam" else 0.1] * 3 for m in methods})
    assert passes(found)["Eigen-CAM"] == "no"
    observations, _ = (block for block in found.section.blocks if isinstance(block, Listing))  # type: ignore[union-attr]
    assert len(observations.items) == 3
    assert observations.items[0].startswith("Grad-CAM (0.10), Grad-CAM++ (0.10), LayerCAM (0.10) and FEM (0.10) pass: ")
    assert observations.items[1].startswith("Eigen-CAM (0.90) does not pass: ")


# --- the sample ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    seen: bool


class Sampled(Analysis[NoSettings, Seen]):
    """Says which images it was mapped on: as many as the sanity check."""

    name, title, version, order = "sampled", "Sampled", "1", 1

    def sample(self, settings: Settings) -> int:
        return settings.group("sanity", SanitySettings).images

    def map(self, subject: Subject[NoSettings]) -> Seen:
        return Seen(True)

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        seen = [{"seen": run.sampled("sampled", i)} for i in range(len(run.images))]
        return Contribution(Section(id="sampled", title="Sampled", blocks=[]), per_image=seen)


def test_the_sample_is_the_images_whose_hash_comes_first(tmp_path: Path) -> None:
    names = ("astronaut", "camera", "chelsea", "coffee", "rocket")
    photos = photo_folder(tmp_path / "photos", *names)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    hashes = {photo_path(name).name: hashlib.sha256(photo_path(name).read_bytes()).hexdigest() for name in names}
    first = set(sorted(hashes, key=lambda name: hashes[name])[:2])
    broken = hashlib.sha256((photos / "broken.jpg").read_bytes()).hexdigest()
    assert broken > sorted(hashes.values())[1]  # or it would stand in the sample
    report, _ = analyse_toy(photos, tmp_path / "out", tmp_path / "cache", [Sampled()], sanity={"images": 2})
    assert {image.name for image in report.images if image.model_extra["sampled"]["seen"]} == first  # type: ignore[index]
    everything, said = analyse_toy(photos, tmp_path / "out", tmp_path / "cache", [Sampled()], sanity={"images": 99})
    assert all(image.model_extra["sampled"]["seen"] for image in everything.images)  # type: ignore[index]
    assert any("3 computed" in line for line in said)  # the two of before came from the store
