"""Runs of many images with made-up results in the store: what a reduce reads and holds does not grow with the pixels."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from benchmarks.simulated import MadeResults
from benchmarks.size import TASKS, made_folder, simulate
from reportgen.analyses.agreement.result import AgreementResult
from reportgen.analyses.cams.result import CamsResult
from reportgen.analyses.lime.result import LimeResult
from reportgen.analysis import entries, masks, stats
from reportgen.analysis.entries import Entries
from reportgen.analysis.stats import spearman
from reportgen.figures.charts import MOST_POINTS, points
from reportgen.models.runtime import Engine
from reportgen.pipeline import section_cache
from reportgen.pipeline.analyse import analyse
from reportgen.pipeline.observation import Observation
from reportgen.report.document import Report
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Store, cache_folder

RESULTS = (Observation, CamsResult, LimeResult, AgreementResult)
FIGURES, PAIRED, LIMIT = 3, 20, 30
CARDS = 12


class Reads:
    """How many results were read from a store by type, with their arrays (`whole`) and without."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.whole: Counter[type] = Counter()
        self.values: Counter[type] = Counter()
        patch.setattr(Store, "get", self._counting(Store.get, self.whole))
        patch.setattr(Store, "values", self._counting(Store.values, self.values))

    @staticmethod
    def _counting(read: Callable[..., Any], counted: Counter[type]) -> Callable[..., Any]:
        def reading(store: Store, key: str, kind: type) -> Any:
            counted[kind] += 1
            return read(store, key, kind)

        return reading


@pytest.fixture(scope="module")
def simulated(cache: Path, lite0: Engine, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Folders of tiny images, all of whose results are in the session's cache."""
    made, found = MadeResults(lite0, arrays=3), dict[int, Path]()

    def of(count: int) -> Path:
        if count not in found:
            found[count] = tmp_path_factory.mktemp("simulated") / "images"
            made_folder(found[count], count, lite0.spec.classes.wnids or ())
            simulate(found[count], cache, settings(), made)
        return found[count]

    return of


@pytest.fixture
def small_samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Samples and cards of a run of some hundred images are as those of thousands; p-values are rough, for nobody reads them."""
    monkeypatch.setattr(masks, "MOST_PAIRED", PAIRED)
    monkeypatch.setattr("reportgen.analyses.cams.alike.MOST_PAIRED", PAIRED)
    monkeypatch.setattr("reportgen.report.bounds.CARDS", {"pdf": CARDS, "html": CARDS, "manuscript": CARDS})
    for name in ("FLIPS", "RESAMPLES", "PAIRINGS", "WALSH_DRAWN"):
        monkeypatch.setattr(stats, name, 99)
    monkeypatch.setattr("reportgen.analysis.sample_size.SIMULATIONS", 9)
    yield


def settings(limit: int = LIMIT) -> Settings:
    return Settings(tasks=TASKS, document={"figures": FIGURES, "records": limit})


def analysed(images: Path, out: Path, limit: int = LIMIT) -> Report:
    with closing(RunFolder(out, ["explain_params.pkl"])) as folder:
        report, _ = analyse(images, settings(limit), folder, cache_folder())
    return report


@pytest.mark.usefixtures("small_samples")
def test_arrays_are_read_of_images_with_figures_and_in_samples_alone(
    simulated: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reports = {}, {}
    for count in (40, 120):
        images = simulated(count)
        with monkeypatch.context() as patch:
            reads = Reads(patch)
            reports[count] = analysed(images, tmp_path / str(count))
        read[count] = {kind: reads.whole[kind] for kind in RESULTS}
        assert read[count][CamsResult] <= FIGURES + PAIRED
        assert read[count][LimeResult] <= 2 * FIGURES + PAIRED, "its mask is drawn twice, beside Grad-CAM's as well"
        assert read[count][AgreementResult] <= FIGURES + PAIRED
        assert read[count][Observation] <= 5 * FIGURES + CARDS, "a photograph is the ground of several figures"
        # Once by the map, to see that it is there; once by its own chapter; agreement's once more to rank the images.
        assert reads.values[CamsResult] + reads.values[LimeResult] <= 4 * count + 2
        assert reads.values[AgreementResult] <= 3 * count
    assert max(abs(read[120][kind] - read[40][kind]) for kind in RESULTS) <= FIGURES
    _require_files_of_images_with_figures_alone(reports[120], tmp_path / "120", 120)


@pytest.mark.slow
@pytest.mark.usefixtures("small_samples")
def test_memory_of_a_reduce_does_not_hold_the_arrays(
    simulated: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "IN_MEMORY", 1 << 10)
    monkeypatch.setattr(section_cache, "MOST_BYTES", -1)
    peaks = {}
    for count in (40, 40, 120):  # what the first call loads is no part of it
        images = simulated(count)
        gc.collect()
        tracemalloc.start()
        analysed(images, tmp_path / f"{count}-{len(peaks)}")
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    an_image = (peaks[120] - peaks[40]) / 80
    assert an_image < 60_000, f"{an_image:.0f} bytes an image: its arrays are a million"


def _require_files_of_images_with_figures_alone(report: Report, out: Path, count: int) -> None:
    assert report.shown is not None
    slugs = {image.slug for image in report.images}
    assert len(slugs) == FIGURES
    for folder, files in (("maps", 3), ("masks", 2)):
        written = [path.relative_to(out / folder) for path in (out / folder).rglob("*.*")]
        assert {path.parts[0] for path in written} == slugs and len(written) == files * FIGURES
    assert len(list((out / "figures").glob("*-input.jpg"))) == FIGURES + CARDS
    notes = [b.text for s in report.sections for b in s.blocks if b.type == "text" and "Figures stand here" in b.text]
    assert len(notes) == 3
    assert all("the same for 3 of them" in note and f"other {count - 3} lie in the store" in note for note in notes)


@pytest.mark.usefixtures("small_samples")
def test_up_to_the_limit_every_image_has_its_files(simulated: Callable[[int], Path], tmp_path: Path) -> None:
    report = analysed(simulated(40), tmp_path / "out", limit=40)
    assert len(report.images) == 40
    assert len(list((tmp_path / "out/maps").rglob("*.npy"))) == 120
    assert len(list((tmp_path / "out/masks").rglob("*.png"))) == 80
    assert not any("lie in the store" in b.text for s in report.sections for b in s.blocks if b.type == "text")


def test_entries_are_what_report_json_would_say(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [{"a": [i, None, 0.1 + i], "b": {"c": "é" * i}} for i in range(50)]
    for most in (entries.IN_MEMORY, 64):
        monkeypatch.setattr(entries, "IN_MEMORY", most)
        kept = Entries(given)
        assert list(kept) == given and len(kept) == 50
        assert kept[-1] == given[-1] and kept[3:5] == given[3:5] and kept[7] == json.loads(json.dumps(given[7]))
        kept.append({"last": True})
        assert kept[50] == {"last": True} and kept[49] == given[49]
    with pytest.raises(ValueError, match="not JSON compliant"):
        kept.append({"a": float("nan")})
    with pytest.raises(IndexError):
        kept[51]


def test_rank_correlations_of_many_images_have_the_limit_of_their_permutations() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(1001)
    y = 0.05 * x + rng.standard_normal(1001)
    few, many = spearman(x[:1000], y[:1000]), spearman(x, y)
    assert few.p is not None and many.p is not None and not many.exact
    assert many.p == pytest.approx(spearmanr(x, y).pvalue, rel=0.02)
    assert few.p == pytest.approx(spearmanr(x[:1000], y[:1000]).pvalue, abs=0.02)


def test_a_scatter_draws_a_sample_of_many_points() -> None:
    assert points(MOST_POINTS) == list(range(MOST_POINTS))
    drawn = points(10 * MOST_POINTS)
    assert drawn == points(10 * MOST_POINTS) and len(set(drawn)) == MOST_POINTS == len(drawn)
    assert max(drawn) > 9 * MOST_POINTS and drawn == sorted(drawn)
