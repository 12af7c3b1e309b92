"""reportgen.models.runtime: both backends give the network's logits; which one runs is decided by comparison, never silently."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reportgen.models.classifiers import ClassifierSpec, Network
from reportgen.models.runtime import SHOWN, Blend, Engine, Machine, choose_runtime, openvino_backend
from reportgen.models.runtime.openvino_backend import ConversionFailed, OpenVinoBackend, find_or_convert
from reportgen.models.runtime.torch_backend import TorchBackend
from reportgen.report.provenance import RuntimeRecord
from reportgen.utils.errors import UsageError
from reportgen.utils.softmax import softmax
from toys import PooledHead, imported, network, python, toy_network, toy_spec

BACKENDS = ("torch", "openvino")


@pytest.fixture(scope="module")
def models_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def spec(*, linear: bool = False) -> ClassifierSpec:
    return toy_spec(toy_network(linear=linear), name=f"toy {linear}")


@pytest.fixture(scope="module", params=BACKENDS)
def toy(request: pytest.FixtureRequest, models_cache: Path) -> Engine:
    """The toy network on each backend."""
    made = spec()
    return Engine(made, choose_runtime(made, request.param, "exact", models_cache), models_cache)


def inputs(count: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 3, 32, 32), dtype=np.float32)


def copying(batch: np.ndarray) -> Callable[[int, np.ndarray], None]:
    return lambda i, out: np.copyto(out, batch[i])


def expected(made: ClassifierSpec, batch: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return made.load().model(torch.from_numpy(batch)).numpy()


# --- forward passes ------------------------------------------------------------------------------


def test_openvino_reproduces_torchs_logits_on_real_weights(view: Any, lite0_torch: Engine) -> None:
    ours, theirs = view.forward, lite0_torch.forward(view.input[None])
    assert ours.logits.shape == (1, 1000)
    assert ours.activations.shape == (1, 1280, 7, 7)
    assert np.abs(ours.logits - theirs.logits).max() < 1e-4 * np.abs(theirs.logits).max()
    assert np.abs(ours.activations - theirs.activations).max() < 1e-3
    plain = lite0_torch.network.model(torch.from_numpy(view.input)[None]).detach().numpy()
    np.testing.assert_allclose(theirs.logits, plain, atol=1e-4)


def test_forward_gives_each_images_logits_and_activations(toy: Engine) -> None:
    batch = inputs(3)
    found = toy.forward(batch)
    np.testing.assert_allclose(found.logits, expected(toy.spec, batch), atol=1e-4)
    with torch.no_grad():
        np.testing.assert_allclose(found.activations, toy.network.trunk(torch.from_numpy(batch))[0].numpy(), atol=1e-4)
    assert found.logits.dtype == found.activations.dtype == np.float32


# 16 is torch's batch on a CPU; 3 is OpenVINO's ring on two cores.
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 15, 16, 17, 35])
def test_logits_are_those_of_each_input_in_order(toy: Engine, count: int) -> None:
    batch = inputs(count)
    found = toy.logits(count, copying(batch))
    assert found.shape == (count, 5)
    assert found.dtype == np.float32
    if count:
        np.testing.assert_allclose(found, expected(toy.spec, batch), atol=1e-4)


def test_every_input_is_filled_once_and_in_order(toy: Engine) -> None:
    filled: list[int] = []

    def fill(i: int, out: np.ndarray) -> None:
        filled.append(i)
        assert out.shape == (3, 32, 32)
        assert out.dtype == np.float32
        out[:] = i

    toy.logits(20, fill)
    assert filled == list(range(20))


@pytest.mark.parametrize("at", [0, 1, 5, 18])
def test_a_fill_that_fails_leaves_the_engine_ready(toy: Engine, at: int) -> None:
    batch = inputs(20)

    def failing(i: int, out: np.ndarray) -> None:
        if i == at:
            raise KeyError("the caller's own error")
        out[:] = batch[i]

    with pytest.raises(KeyError, match="the caller's own error"):
        toy.logits(20, failing)
    np.testing.assert_allclose(toy.logits(20, copying(batch)), expected(toy.spec, batch), atol=1e-4)
    np.testing.assert_allclose(toy.forward(batch[:1]).logits, expected(toy.spec, batch[:1]), atol=1e-4)


def test_a_result_is_the_callers_own(toy: Engine) -> None:
    """A backend reuses its memory: what it gave away must not change at the next pass."""
    batch = inputs(2)
    first = toy.forward(batch[:1])
    kept = first.logits.copy(), first.activations.copy()
    logits = toy.logits(1, copying(batch))
    kept_logits = logits.copy()
    toy.forward(batch[1:])
    toy.logits(1, copying(batch[1:]))
    assert np.array_equal(first.logits, kept[0])
    assert np.array_equal(first.activations, kept[1])
    assert np.array_equal(logits, kept_logits)


def test_probabilities_are_the_softmax_of_the_logits(toy: Engine) -> None:
    batch = inputs(3)
    exact = torch.softmax(torch.from_numpy(expected(toy.spec, batch)).double(), 1).numpy()
    np.testing.assert_allclose(toy.probabilities(3, copying(batch)), exact, atol=1e-5)


def test_softmax_survives_large_logits() -> None:
    found = softmax(np.array([[1e4, 0, -1e4], [3, 3, 3]], np.float32))
    np.testing.assert_allclose(found, [[1, 0, 0], [1 / 3] * 3], atol=1e-7)
    assert found.dtype == np.float32
    assert softmax(np.array([1.0, 2.0])).dtype == np.float64


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("runtime", BACKENDS)
def test_the_linear_head_is_the_same_on_both_backends(runtime: Any, linear: bool, models_cache: Path) -> None:
    made = spec(linear=linear)
    found = Engine(made, choose_runtime(made, runtime, "exact", models_cache), models_cache).linear_head
    if not linear:
        assert found is None
        return
    assert found is not None
    layer = made.load().head.linear
    assert np.array_equal(found.weight, layer.weight.numpy())
    assert np.array_equal(found.bias, layer.bias.numpy())


def test_the_head_alone_gives_logits_and_their_gradient(toy: Engine) -> None:
    batch = inputs(3)
    found = toy.forward(batch)
    np.testing.assert_allclose(toy.head_logits(found.activations), found.logits, atol=1e-4)
    activations, target, step = found.activations[0].astype(np.float64), 2, 1e-3
    gradient = toy.head_gradient(toy.forward(batch[:1]), target)
    assert gradient.shape == activations.shape
    head = toy.network.head.double()
    try:
        for at in [(0, 0, 0), (5, 3, 7), (9, 7, 1)]:
            moved = np.stack([activations, activations])
            moved[(0, *at)] += step
            moved[(1, *at)] -= step
            up, down = head(torch.from_numpy(moved))[:, target].numpy()
            assert gradient[at] == pytest.approx((up - down) / (2 * step), abs=1e-5)
    finally:
        head.float()


# --- the choice of a backend ---------------------------------------------------------------------


def test_auto_takes_openvino_where_it_reproduces_torch(models_cache: Path) -> None:
    record = choose_runtime(spec(), "auto", "exact", models_cache)
    assert (record.name, record.precision, record.device) == ("openvino", "exact", "cpu")
    assert "relative error" in record.note


def test_torch_is_taken_when_asked_for(tmp_path: Path) -> None:
    record = choose_runtime(spec(), "torch", "exact", tmp_path)
    assert (record.name, record.precision, record.device, record.note) == ("torch", "exact", "cpu", "")
    assert list(tmp_path.iterdir()) == [], "nothing to convert"


class Unconvertible(PooledHead):
    """OpenVINO has no singular value decomposition."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + torch.linalg.svdvals(x.mean(1)).sum(1, keepdim=True)


class Noisy(PooledHead):
    """Random: no two runtimes give the same logits."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + torch.rand(1)


def with_head(head: nn.Module, name: str) -> ClassifierSpec:
    torch.manual_seed(0)
    made = network(nn.Sequential(nn.Conv2d(3, 4, 3, 4), nn.ReLU()), head)
    return toy_spec(replace(made, linear=None), name=name)


def test_auto_falls_back_and_says_why_when_the_model_cannot_be_converted(tmp_path: Path) -> None:
    record = choose_runtime(with_head(Unconvertible(4, 5), "unconvertible"), "auto", "exact", tmp_path)
    assert (record.name, record.device) == ("torch", "cpu")
    assert "OpenVINO could not convert the model" in record.note
    assert "\n" not in record.note
    assert list(tmp_path.iterdir()) == [], "a failed conversion leaves nothing behind"


def test_auto_falls_back_when_what_was_converted_has_no_shape(tmp_path: Path) -> None:
    """transformers' EfficientNet pools by more than its map has, which torch cuts off and OpenVINO refuses."""
    head = nn.Sequential(nn.AvgPool2d(16, ceil_mode=True), nn.Flatten(), nn.Linear(4, 5))
    record = choose_runtime(with_head(head, "pooled"), "auto", "exact", tmp_path)
    assert record.name == "torch"
    assert "OpenVINO could not convert the model" in record.note
    assert "\n" not in record.note


def test_openvino_by_name_on_such_a_model_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"OpenVINO cannot convert unconvertible .*use --runtime torch") as error:
        choose_runtime(with_head(Unconvertible(4, 5), "unconvertible"), "openvino", "exact", tmp_path)
    assert "\n" not in str(error.value)


def test_auto_falls_back_and_says_why_when_the_logits_differ(tmp_path: Path) -> None:
    noisy = with_head(Noisy(4, 5), "noisy")
    record = choose_runtime(noisy, "auto", "exact", tmp_path)
    assert record.name == "torch"
    assert "OpenVINO was refused: its logits differ" in record.note
    assert choose_runtime(noisy, "openvino", "exact", tmp_path).name == "openvino", (
        "asked for by name: taken, and the error noted"
    )


@pytest.mark.parametrize(("error", "name"), [(0.99e-4, "openvino"), (1.01e-4, "torch"), (float("nan"), "torch")])
def test_auto_wants_a_relative_error_below_1e_4(error: float, name: str, tmp_path: Path) -> None:
    kept = find_or_convert(spec(), tmp_path, toy_network).xml.with_name("meta.json")
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "relative_error": error}))
    assert choose_runtime(spec(), "auto", "exact", tmp_path).name == name


def test_auto_falls_back_where_openvino_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ImportError("libopenvino.so: cannot open shared object file")

    monkeypatch.setattr(openvino_backend, "import_openvino", broken)
    record = choose_runtime(spec(), "auto", "exact", tmp_path)
    assert record.name == "torch"
    assert "libopenvino.so" in record.note


def test_cuda_comes_first_where_there_is_one() -> None:
    for precision in ("exact", "fast"):
        record = choose_runtime(spec(), "auto", precision, Path(), Machine(cuda=True))  # type: ignore[arg-type]
        assert (record.name, record.precision, record.device) == ("torch", precision, "cuda")


def test_fast_without_bf16_says_that_exact_was_used(models_cache: Path) -> None:
    for runtime in ("auto", "torch"):
        record = choose_runtime(spec(), runtime, "fast", models_cache, Machine(bf16=False))  # type: ignore[arg-type]
        assert record.precision == "exact"
        assert "fast was asked for, but there is no bf16 here: exact was used" in record.note
    bf16 = Machine(bf16=True)
    assert choose_runtime(spec(), "auto", "fast", models_cache, bf16).precision == "fast"
    assert choose_runtime(spec(), "torch", "fast", models_cache, bf16).precision == "exact", (
        "bf16 in torch is CUDA's only"
    )


def test_fast_stays_near_exact(models_cache: Path) -> None:
    """Where the CPU has no bf16 OpenVINO computes in fp32 either way."""
    made = spec()
    record = choose_runtime(made, "openvino", "exact", models_cache)
    fast = Engine(made, record.model_copy(update={"precision": "fast"}), models_cache)
    batch = inputs(4)
    np.testing.assert_allclose(fast.logits(4, copying(batch)), expected(made, batch), rtol=0.1, atol=0.1)


@pytest.mark.parametrize("fits", [1, 3, 15])
def test_a_batch_that_does_not_fit_the_device_is_halved(fits: int) -> None:
    class OnASmallDevice(nn.Module):
        """The toy's trunk, for no more than `fits` images at once."""

        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.fits = made.load().trunk, fits

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            if len(x) > self.fits:
                raise torch.cuda.OutOfMemoryError("a small device")
            return self.trunk(x)

    made = spec()
    trunk = OnASmallDevice()
    backend = TorchBackend(replace(made.load(), trunk=trunk), 32, "cpu", "exact")
    batch = inputs(35)
    np.testing.assert_allclose(backend.logits(35, copying(batch)), expected(made, batch), atol=1e-4)
    trunk.fits = 0
    with pytest.raises(torch.cuda.OutOfMemoryError):
        backend.logits(1, copying(batch))


@pytest.mark.parametrize("count", [1, 3, 4, 6, 13])
def test_several_images_a_request_give_each_its_own_logits(count: int, models_cache: Path) -> None:
    made = spec()
    batch, four_at_once = inputs(count), OpenVinoBackend(find_or_convert(made, models_cache, made.load), "exact", 4)
    for _ in range(2):  # the second time over what the first left in the buffers
        np.testing.assert_allclose(four_at_once.logits(count, copying(batch)), expected(made, batch), atol=1e-4)
    np.testing.assert_allclose(four_at_once.forward(batch).logits, expected(made, batch), atol=1e-4)


def test_a_graph_for_one_image_runs_one_image_a_request(models_cache: Path) -> None:
    class ForOne(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.reshape(int(x.shape[0]), 5)  # traced on one image, that is 1 for good

    found = toy_network()
    one = replace(found, head=torch.nn.Sequential(found.head, ForOne()))
    made = toy_spec(one, name="for one image")
    batch = inputs(6)
    logits = OpenVinoBackend(find_or_convert(made, models_cache, made.load), "exact", 4).logits(6, copying(batch))
    np.testing.assert_allclose(logits, expected(spec(), batch), atol=1e-4)


def test_what_is_wrong_with_a_network_is_said_before_work_and_looked_at_once(tmp_path: Path) -> None:
    loads = []

    def broken() -> Network:
        loads.append(1)
        raise UsageError("toy: these are not its weights")

    def sound() -> Network:
        loads.append(1)
        return toy_network()

    record = RuntimeRecord(name="torch", precision="exact", device="cpu")
    for _ in range(2):
        with pytest.raises(UsageError, match="not its weights"):
            Engine(replace(spec(), load=broken), record, tmp_path / "models").require_loadable()
    assert len(loads) == 2, "what did not load is no mark that it does"
    for _ in range(2):
        Engine(replace(spec(), load=sound), record, tmp_path / "models").require_loadable()
    assert len(loads) == 3
    other = replace(spec(), load=sound, weights_sha256="1" * 64)
    Engine(other, record, tmp_path / "models").require_loadable()
    assert len(loads) == 4


# --- the conversion on disk ----------------------------------------------------------------------

USE = """
import sys
import numpy as np
from reportgen.models.classifiers import resolve
from reportgen.models.runtime import Engine, choose_runtime
from reportgen.settings.model import Settings
from reportgen.storage.store import cache_folder
spec, models = resolve("efficientnet_lite0", Settings()), cache_folder() / "models"
engine = Engine(spec, choose_runtime(spec, "auto", "exact", models), models)
"""


def test_a_conversion_is_found_again_without_torch(lite0: Engine) -> None:
    use = (
        USE + "assert engine.record.name == 'openvino'\n"
        "logits = engine.logits(1, lambda i, out: out.fill(0.5))\n"
        "assert logits.shape == (1, 1000) and engine.linear_head.weight.shape == (1000, 1280)"
    )
    assert imported(use, ["openvino", "torch", "timm", "torchvision"]) == ["openvino"]


def test_a_conversion_is_made_once(tmp_path: Path) -> None:
    loads = 0

    def load() -> Any:
        nonlocal loads
        loads += 1
        return toy_network()

    made = spec()
    first = find_or_convert(made, tmp_path, load)
    again = find_or_convert(made, tmp_path, load)
    assert (loads, again.xml, again.relative_error) == (1, first.xml, first.relative_error)
    assert first.relative_error < 1e-4
    find_or_convert(replace(made, weights_sha256="1" * 64), tmp_path, load)
    assert loads == 2, "other weights, another conversion"


def test_two_runs_that_convert_at_once_leave_one_whole_conversion(tmp_path: Path) -> None:
    made = spec()

    def load_slowly() -> Network:
        find_or_convert(made, tmp_path, toy_network)  # the run that comes first, while this one loads
        return toy_network()

    xml = find_or_convert(made, tmp_path, load_slowly).xml
    assert [path.name for path in tmp_path.iterdir()] == [xml.parent.name]
    assert {path.name for path in xml.parent.iterdir()} >= {"model.xml", "model.bin", "meta.json"}


def test_a_conversion_error_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("first\nsecond\nthird")

    monkeypatch.setattr(torch.jit, "trace", broken)
    with pytest.raises(ConversionFailed, match=r"^first$"):
        find_or_convert(spec(), tmp_path, toy_network)


# OpenVINO keeps silent in CI of its own accord.
NO_CI = {"CI": "", "TF_BUILD": "", "JENKINS_URL": ""}
LISTEN = """
import sys
def audit(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "os.fork"):
        print("CALLED OUT", event, arguments, file=sys.stderr, flush=True)
        raise OSError("no network in this test")
sys.addaudithook(audit)
"""


def test_nothing_calls_out_when_a_model_is_converted(tmp_path: Path) -> None:
    """OpenVINO reports usage at its import and at each conversion; sockets and forks are watched and blocked."""
    convert = (
        LISTEN
        + "import sys; sys.path.insert(0, sys.argv[1])\n"
        + (
            "from pathlib import Path\n"
            "from reportgen.models.runtime import Engine, choose_runtime\n"
            "from toys import toy_network, toy_spec\n"
            "spec = toy_spec(toy_network())\n"
            "record = choose_runtime(spec, 'auto', 'exact', Path(sys.argv[2]))\n"
            "assert record.name == 'openvino', record\n"
            "Engine(spec, record, Path(sys.argv[2])).logits(2, lambda i, out: out.fill(i))\n"
            "import time; time.sleep(1)"  # a report would be sent from a thread
        )
    )
    home = tmp_path / "home"
    home.mkdir()
    done = python(convert, str(Path(__file__).parent), str(tmp_path / "models"), HOME=str(home), **NO_CI)
    assert done.returncode == 0, done.stderr
    assert "CALLED OUT" not in done.stderr
    assert [path.name for path in home.iterdir() if path.name == "intel"] == [], "OpenVINO wrote a client id"


def test_openvinos_own_import_calls_out(tmp_path: Path) -> None:
    """What the test above guards against, and that it would see it."""
    done = python(LISTEN + "import openvino, time; time.sleep(1)", HOME=str(tmp_path), **NO_CI)
    if "CALLED OUT" not in done.stderr:
        pytest.skip("this OpenVINO does not report its import: reportgen.models.quiet may go")


def test_a_telemetry_package_that_is_in_use_stays_in_use() -> None:
    done = python(
        "import sys, types\n"
        "mine = sys.modules['openvino_telemetry'] = types.ModuleType('openvino_telemetry')\n"
        "from reportgen.models.quiet import import_openvino\n"
        "assert import_openvino().Core()\n"
        "assert sys.modules['openvino_telemetry'] is mine"
    )
    assert done.returncode == 0, done.stderr


def test_record_names_no_machine(models_cache: Path) -> None:
    record = choose_runtime(spec(), "auto", "exact", models_cache)
    assert isinstance(record, RuntimeRecord)
    assert str(models_cache) not in record.model_dump_json()


# --- inputs from two ------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [np.float32(-0.0), np.full((3, 1, 1), np.nan, np.float32), None])
def test_a_blend_holds_the_bits_of_the_one_or_the_other(hidden: np.ndarray | None) -> None:
    rng = np.random.default_rng(0)
    shown = rng.standard_normal((3, 8, 6), dtype=np.float32)
    other = rng.standard_normal((3, 8, 6), dtype=np.float32) if hidden is None else hidden
    mask, out = rng.random((8, 6)) < 0.5, np.full((3, 8, 6), np.inf, np.float32)
    Blend(shown, other)(mask * SHOWN, out)
    expected_bits = np.where(mask, shown, other).view(np.uint32)
    assert np.array_equal(out.view(np.uint32), expected_bits)
