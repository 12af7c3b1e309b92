"""What many tests share: a cache of their own, real photographs, and engines that are made once a session."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crash_runs import IMAGES, Job, Server, files, photo_folder
from reportgen.analysis.view import View
from reportgen.images.frame import model_frame
from reportgen.models.classifiers import resolve
from reportgen.models.runtime import Engine, choose_runtime
from reportgen.rendering import render
from reportgen.settings.model import Settings
from reportgen.storage.store import cache_folder
from toys import photo_path

# Whether the test at work is about the process in which a report that was read is laid out.
APART = False


def pytest_configure() -> None:
    # Passes are small, and other work may want the cores: two threads that wait for each other take longer than one.
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache folder for the session; a conversion to OpenVINO is made once and found by every later test.

    Processes that share the tests among them (pytest-xdist) have one each: who is alone with a cache may remove conversions from it.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("REPORTGEN_")]:
            patch.delenv(name)
        patch.setenv("REPORTGEN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield cache_folder()


@pytest.fixture(scope="session", autouse=True)
def laid_out_here() -> Iterator[None]:
    """Reports that tests read are laid out in this process, which saves a second each, but where the tests are about that (`apart`)."""
    ours = render._from_elsewhere
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "_from_elsewhere", lambda name, content: (APART or content.own) and ours(name, content))
        yield


@pytest.fixture(autouse=True)
def apart(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("apart") is not None:
        monkeypatch.setattr(sys.modules[__name__], "APART", True)


@pytest.fixture(scope="session")
def lite0(cache: Path) -> Engine:
    """EfficientNet-Lite0 on its real weights, on OpenVINO."""
    return engine(cache, "openvino")


@pytest.fixture(scope="session")
def lite0_torch(cache: Path) -> Engine:
    """EfficientNet-Lite0 on its real weights, on torch."""
    return engine(cache, "torch")


def engine(cache: Path, runtime: str) -> Engine:
    spec = resolve("efficientnet_lite0", Settings())
    return Engine(spec, choose_runtime(spec, runtime, "exact", cache / "models"), cache / "models")  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def chelsea() -> np.ndarray:
    """(300, 451, 3) uint8: a photograph of a cat."""
    return np.array(Image.open(photo_path("chelsea")).convert("RGB"))


@pytest.fixture(scope="session")
def view(lite0: Engine, chelsea: np.ndarray) -> View:
    """The cat as EfficientNet-Lite0 sees it, on OpenVINO."""
    return View(model_frame(chelsea, lite0.spec.preprocessing), lite0)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Starts real runs of a toy model in processes of their own."""
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small images for such runs."""
    return photo_folder(tmp_path_factory.mktemp("job") / "photos", IMAGES)


@pytest.fixture(scope="session")
def undisturbed(server: Server, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], Any]:
    """The files of a run that nothing disturbed, and what its process did."""
    job = Job(server, photos, tmp_path_factory.mktemp("undisturbed"))
    answer = job.run()
    assert answer["code"] == 0, answer["said"]
    return files(job.out), answer
