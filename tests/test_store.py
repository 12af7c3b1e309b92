"""reportgen.storage and reportgen.utils.hashing: results by what made them, and a run folder that is whole or unfinished."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import operator
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reportgen.report.blocks import Column, Table
from reportgen.report.manifest import MANIFEST
from reportgen.storage.codec import Array, encode
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Store, cache_folder
from reportgen.storage.unread import ArrayNotRead
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.files import write_file
from reportgen.utils.hashing import digest_of, file_sha256, seed_from
from toys import ROOT

KEY = digest_of("key")


@dataclass(frozen=True)
class Part:
    """A part of a result."""

    weights: tuple[tuple[int, float], ...]
    map: Array


@dataclass(frozen=True)
class Kept:
    """A result with everything that one may hold."""

    iou: float
    none: str | None
    names: tuple[str, ...]
    right: bool
    parts: Mapping[str, Part]
    mask: Array
    empty: Array


@dataclass(frozen=True)
class Small:
    """The fill and the array of it."""

    fill: float
    a: Array


@dataclass(frozen=True)
class Plain:
    """A result without arrays."""

    name: str


@dataclass(frozen=True)
class Other:
    """A result of another shape."""

    fill: str
    b: Array


def result() -> Kept:
    return Kept(
        iou=0.1 + 0.2,
        none=None,
        names=("ü", "\U0001f600", ""),
        right=True,
        parts={"gradcam++": Part(((1, 2.5), (3, 1e-300)), np.arange(6, dtype=np.float32).reshape(2, 3))},
        mask=np.eye(3, dtype=bool),
        empty=np.zeros((0, 4)),
    )


def assert_same(found: object, kept: object) -> None:
    """Equal to the last bit, types too."""
    assert type(found) is type(kept)
    if isinstance(kept, np.ndarray):
        assert isinstance(found, np.ndarray)
        assert (found.dtype, found.shape) == (kept.dtype, kept.shape) and np.array_equal(found, kept)
    elif isinstance(kept, dict):
        assert isinstance(found, dict) and list(found) == list(kept)
        for key, value in kept.items():
            assert_same(found[key], value)
    elif is_dataclass(kept):
        assert_same(vars(found), vars(kept))
    else:
        assert found == kept


def only_entry(folder: Path) -> tuple[Path, Path]:
    """The file of values and the file of arrays of the one result in a store."""
    values, arrays = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.suffix)
    assert (values.suffix, arrays.suffix) == (".json", ".npz")
    return values, arrays


# --- the store of results ------------------------------------------------------------------------


def test_a_result_comes_back_exactly(tmp_path: Path) -> None:
    Store(tmp_path).put(KEY, result())
    assert_same(Store(tmp_path).get(KEY, Kept), result())


def test_there_is_nothing_under_another_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get(KEY, Kept) is None
    store.put(KEY, result())
    assert store.get(digest_of("another"), Kept) is None


def test_a_result_of_another_shape_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, Small(1.0, np.zeros(2)))
    assert store.get(KEY, Other) is None
    assert store.get(KEY, Kept) is None
    assert_same(store.get(KEY, Small), Small(1.0, np.zeros(2)))


def test_every_damage_to_a_file_is_a_miss(tmp_path: Path) -> None:
    """Each byte spoilt in turn, and the file cut at every length: never a wrong result, never an error."""
    store, small = Store(tmp_path), Small(0.25, np.eye(2, dtype=np.float32))
    store.put(KEY, small)
    for path in only_entry(tmp_path):
        good = path.read_bytes()
        spoilt = [good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :] for at in range(len(good))]
        for data in (*spoilt, *(good[:length] for length in range(len(good))), good + b" "):
            path.write_bytes(data)
            assert store.get(KEY, Small) is None
            assert (store.values(KEY, Small) is None) == (path.suffix == ".json"), "values do not read the arrays"
        path.unlink()
        assert store.get(KEY, Small) is None
        store.put(KEY, small)
        assert_same(store.get(KEY, Small), small)


def test_an_entry_under_the_key_of_another_is_a_miss(tmp_path: Path) -> None:
    store, other = Store(tmp_path), digest_of("other")
    store.put(KEY, Small(1.0, np.zeros(2)))
    values, arrays = only_entry(tmp_path)
    elsewhere = tmp_path / other[:2]
    elsewhere.mkdir()
    shutil.copy(values, elsewhere / values.name.replace(KEY, other))
    shutil.copy(arrays, elsewhere / arrays.name.replace(KEY, other))
    assert store.get(other, Small) is None and store.values(other, Small) is None
    store.put(other, Small(2.0, np.ones(2)))
    shutil.copy(next(elsewhere.glob("*.npz")), arrays)
    assert store.get(KEY, Small) is None, "the arrays of another result"
    assert_same(store.get(other, Small), Small(2.0, np.ones(2)))


def test_an_edited_entry_is_a_miss(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, Small(0.25, np.zeros(2)))
    values, _ = only_entry(tmp_path)
    values.write_bytes(values.read_bytes().replace(b'"fill": 0.25', b'"fill": 0.75'))
    assert store.get(KEY, Small) is None and store.values(KEY, Small) is None


def test_the_file_of_values_is_json_with_all_that_is_known_of_the_arrays(tmp_path: Path) -> None:
    Store(tmp_path).put(KEY, result())
    values, arrays = only_entry(tmp_path)
    found = json.loads(values.read_bytes())
    assert found["key"] == KEY
    assert found["values"]["iou"] == 0.1 + 0.2
    assert found["arrays"] == {
        "sha256": hashlib.sha256(arrays.read_bytes()).hexdigest(),
        "of": {"0": ["<f4", [2, 3]], "1": ["|b1", [3, 3]], "2": ["<f8", [0, 4]]},
    }
    with np.load(arrays) as archive:
        assert np.array_equal(archive["1"], np.eye(3, dtype=bool))


def test_a_result_without_arrays_is_one_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, Part(((1, 2.5),), np.zeros(1)))
    store.put(digest_of("plain"), Plain("a"))
    assert sorted(path.suffix for path in tmp_path.rglob("*.*")) == [".json", ".json", ".npz"]
    assert store.get(digest_of("plain"), Plain) == store.values(digest_of("plain"), Plain) == Plain("a")


def test_values_alone_read_no_byte_of_the_arrays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, result())
    only_entry(tmp_path)[1].unlink()
    found = store.values(KEY, Kept)
    assert found is not None
    whole = result()
    assert (found.iou, found.none, found.names, found.right) == (whole.iou, None, whole.names, True)
    assert found.parts["gradcam++"].weights == whole.parts["gradcam++"].weights
    assert (found.mask.shape, found.mask.dtype, found.mask.ndim, found.mask.size) == ((3, 3), np.dtype(bool), 2, 9)
    assert (len(found.empty), found.empty.size) == (0, 0)


USES: dict[str, Callable[[Any], object]] = {
    "a condition": bool,
    "a loop": list,
    "an index": lambda a: a[0],
    "a method": lambda a: a.mean(),
    "a comparison": lambda a: a == 1,
    "a comparison of arrays": lambda a: np.zeros(2) < a,
    "a sum": lambda a: a + 1,
    "a sum from the right": lambda a: 1 + a,
    "a sum with an array": lambda a: np.ones(2) + a,
    "a sum in place": lambda a: np.add(np.ones(2), a, out=np.ones(2)),
    "a matrix product": lambda a: np.eye(2) @ a,
    "a minus": operator.neg,
    "a function of NumPy": np.mean,
    "an array of it": np.asarray,
    "an array of several": lambda a: np.stack([np.ones(2), a]),
    "an array of objects": lambda a: np.array([a]),
    "a number": float,
    "a hash": hash,
    "membership": lambda a: 1 in a,
    "a conversion": lambda a: a.astype(np.float32),
    "bytes": memoryview,
    "a picture": Image.fromarray,
    "keeping it": lambda a: encode(Small(1.0, a)),
}


# Python, Pillow and pydantic themselves refuse what has no hash, no bytes, and is no array.
REFUSED_OTHERWISE: dict[str, type[Exception]] = {
    "a hash": TypeError,
    "bytes": TypeError,
    "a picture": AttributeError,
    "keeping it": ValueError,
}


@pytest.mark.parametrize("use", USES)
def test_what_stands_for_an_unread_array_raises_where_it_is_used(tmp_path: Path, use: str) -> None:
    store = Store(tmp_path)
    store.put(KEY, Small(1.0, np.ones(2)))
    found = store.values(KEY, Small)
    assert found is not None
    with pytest.raises(REFUSED_OTHERWISE.get(use, ArrayNotRead)):
        USES[use](found.a)
    assert repr(found) == "Small(fill=1.0, a=<an array that was not read: float64 (2,)>)"


def test_a_store_and_what_it_gives_go_to_another_process(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, Small(1.0, np.ones(2)))
    sent = pickle.loads(pickle.dumps(store))
    assert_same(sent.get(KEY, Small), Small(1.0, np.ones(2)))
    found = pickle.loads(pickle.dumps(sent.values(KEY, Small)))
    assert found.a.shape == (2,)
    with pytest.raises(ArrayNotRead):
        found.a.sum()


def test_several_threads_may_use_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def use(number: int) -> bool:
        key, small = digest_of(number % 3), Small(number % 3, np.full(500, number % 3, np.float32))
        store.put(key, small)
        found, values = store.get(key, Small), store.values(key, Small)
        return found is not None and values is not None and bool((found.a == found.fill).all())

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(200)))


def test_equal_results_are_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        Store(tmp_path / name).put(KEY, result())
    a, b = (only_entry(tmp_path / name) for name in "ab")
    assert [path.name for path in a] == [path.name for path in b]
    assert [path.read_bytes() for path in a] == [path.read_bytes() for path in b]


def test_a_pickle_in_the_store_is_not_run(tmp_path: Path) -> None:
    """Not even where somebody made up the hashes that fit."""
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="allow_pickle"):
        store.put(KEY, Small(1.0, np.array([{"any": "object"}], dtype=object)))
    buffer = io.BytesIO()
    np.savez(buffer, **{"0": np.array([{"any": "object"}], dtype=object)})
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    rest = f'", "key": "{KEY}", "arrays": {{"sha256": "{sha256}", "of": {{"0": ["|O", [1]]}}}}, "values": {{"fill": 1, "a": "0"}}}}'
    own = hashlib.sha256(rest.encode()).hexdigest()
    (tmp_path / KEY[:2]).mkdir()
    (tmp_path / KEY[:2] / f"{KEY}.json").write_text(f'{{"sha256": "{own}{rest}')
    (tmp_path / KEY[:2] / f"{KEY}-{sha256[:16]}.npz").write_bytes(buffer.getvalue())
    assert store.values(KEY, Small) is not None, "the hashes fit"
    assert store.get(KEY, Small) is None


def test_values_that_are_not_json_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError):
            Store(tmp_path).put(KEY, Small(value, np.zeros(1)))
    with pytest.raises((ValueError, TypeError, AttributeError)):
        Store(tmp_path).put(KEY, Small(1.0, [1.0]))  # type: ignore[arg-type]  # a list is no array
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_no_scrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ReportgenError, match=r"file: cannot be written \(No space left on device\)"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_interrupted_write_leaves_no_scrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "file", b"new")
    assert list(tmp_path.iterdir()) == []


WRITER = """
import sys
import numpy as np
from dataclasses import dataclass
from pathlib import Path
from reportgen.storage.codec import Array
from reportgen.storage.store import Store
@dataclass(frozen=True)
class Small:
    fill: float
    a: Array
store, fill = Store(Path(sys.argv[1])), int(sys.argv[2])
for _ in range(150):
    store.put("ab" * 32, Small(fill, np.full(20_000, fill)))
    found = store.get("ab" * 32, Small)
    assert found is not None and (found.a == found.fill).all()
"""


def test_two_writers_never_show_half_a_result(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(fill)], env=environment) for fill in (1, 2)
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert sorted(path.suffix for path in tmp_path.rglob("*.*")) == [".json", ".npz", ".npz"], "one of them counts"


def test_the_cache_folder_is_the_users_and_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTGEN_CACHE_DIR", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"
    monkeypatch.delenv("REPORTGEN_CACHE_DIR")
    assert cache_folder().name == "reportgen"


# --- hashes --------------------------------------------------------------------------------------


def test_a_digest_depends_on_the_value_and_not_on_how_it_was_written_down() -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": (1, 2), "a": 1})
    different = [1, 1.5, "1", True, None, [1], [[1]], {"1": 1}, "", [], {}]
    assert len({digest_of(value) for value in different}) == len(different)
    assert digest_of("x") == hashlib.sha256(b'"x"').hexdigest()


def test_what_is_not_json_has_no_digest() -> None:
    for value in (Path("x"), {1, 2}, np.float32(1)):
        with pytest.raises(TypeError):
            digest_of(value)
    with pytest.raises(ValueError, match="JSON"):
        digest_of(math.nan)


def test_a_files_hash_follows_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert file_sha256(path) == hashlib.sha256(b"one").hexdigest()
    stat = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the same size and time, other bytes
    assert file_sha256(path) == hashlib.sha256(b"two").hexdigest()
    large = tmp_path / "large"
    large.write_bytes(b"x" * (3 << 20))
    assert file_sha256(large) == hashlib.sha256(b"x" * (3 << 20)).hexdigest()


def test_seeds_differ_by_run_and_image_and_fit_numpy() -> None:
    seeds = [seed_from(run, image) for run in range(50) for image in ("a", "b", "1a")]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert seed_from(1, "2") != seed_from(12, "")
    np.random.RandomState(seeds[0])


# --- the run folder ------------------------------------------------------------------------------


def finished(path: Path, **files: bytes) -> RunFolder:
    """A finished run that wrote these files (`__` stands for `/`)."""
    folder = RunFolder(path)
    folder.begin()
    for name, data in files.items():
        folder.raw(name.replace("__", "/"), data)
    folder.finish()
    return folder


def manifest(path: Path) -> Any:
    return json.loads((path / MANIFEST).read_bytes())


def names(path: Path) -> list[str]:
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def test_the_manifest_lists_every_file_but_itself_and_the_timings(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.begin()
    folder.raw("figures/ü b.svg", b"<svg/>")
    folder.array("maps/a/gradcam.npy", np.zeros((2, 2)))
    (tmp_path / "report.html").write_bytes(b"<html>")
    folder.adopt("report.html")
    folder.timings({"stages": {"lime": 1.5}})
    folder.finish()
    content = manifest(tmp_path)
    assert content["schema_version"] == 1
    assert list(content["files"]) == ["figures/ü b.svg", "maps/a/gradcam.npy", "report.html"]
    for name, entry in content["files"].items():
        data = (tmp_path / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert names(tmp_path) == sorted([*content["files"], MANIFEST, "timings.json"])


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    finished(tmp_path, a=b"1")
    folder = RunFolder(tmp_path)
    folder.begin()
    assert not (tmp_path / MANIFEST).exists(), "no manifest, no finished run"
    folder.raw("a", b"2")
    folder.timings({})
    assert not (tmp_path / MANIFEST).exists()
    folder.finish()
    assert (tmp_path / MANIFEST).exists()
    newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert newest.name == MANIFEST


def test_what_the_last_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    finished(tmp_path, maps__old__gradcam=b"1", maps__both=b"1", old=b"1")
    (tmp_path / "maps/notes.txt").write_text("the user's own")
    (tmp_path / "mine.txt").write_text("the user's own")
    finished(tmp_path, maps__both=b"2", new=b"2")
    assert names(tmp_path) == [MANIFEST, "maps/both", "maps/notes.txt", "mine.txt", "new"]
    assert not (tmp_path / "maps/old").exists(), "a folder that is empty now goes with its file"


def test_files_of_a_run_that_was_cut_off_are_removed_by_the_next(tmp_path: Path) -> None:
    finished(tmp_path, first=b"1")
    cut_off = RunFolder(tmp_path)
    cut_off.begin()
    cut_off.raw("maps/second", b"2")
    (tmp_path / "report.pdf").write_bytes(b"half")
    with (tmp_path / ".unfinished").open("a") as listing:
        listing.write('"mine.t')  # the line that was being written
    cut_off.close()
    (tmp_path / "mine.txt").write_text("the user's own")
    finished(tmp_path, third=b"3")
    assert names(tmp_path) == [MANIFEST, "mine.txt", "third"]


def test_a_first_run_that_was_cut_off_can_be_run_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "out")
    folder.begin()
    folder.raw("report.json", b"{}")
    folder.close()
    finished(tmp_path / "out", **{"report.json": b"{ }"})
    assert names(tmp_path / "out") == [MANIFEST, "report.json"]


def test_a_users_file_of_parameters_survives_a_run_that_wrote_none(tmp_path: Path) -> None:
    """A run of other analyses writes beside it, and makes the folder a run's; the file stays the user's own."""
    mine = tmp_path / "explain_params.pkl"
    mine.write_text("mine")
    finished(tmp_path, **{"report.json": b"{}"})
    with pytest.raises(UsageError, match="is in the way"):
        RunFolder(tmp_path, [mine.name]).begin()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("cut_off", [False, True])
def test_a_runs_own_file_of_parameters_is_written_again(tmp_path: Path, cut_off: bool) -> None:
    for data in (b"first", b"second"):
        folder = RunFolder(tmp_path, ["explain_params.pkl"])
        folder.begin()
        folder.raw("explain_params.pkl", data)
        folder.close() if cut_off else folder.finish()
    assert (tmp_path / "explain_params.pkl").read_bytes() == b"second"


@pytest.mark.parametrize(
    "name",
    ["report.json", "report.pdf", "figures/a.png", "tables/x.csv", MANIFEST, "timings.json", "explain_params.pkl"],
)
def test_a_folder_that_holds_somebody_elses_file_is_refused_untouched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    # A web app's manifest is a manifest.json too, and so are others that number their schema.
    (tmp_path / "data.csv").write_text("mine")
    if name == MANIFEST:
        (tmp_path / name).write_text('{"schema_version": "2.1", "files": ["data.csv"]}')
        with pytest.raises(UsageError, match="is in the way"):
            RunFolder(tmp_path, ["explain_params.pkl"]).begin()
    (tmp_path / "data.csv").unlink()
    (tmp_path / name).write_text('{"name": "My app", "icons": []}')
    with pytest.raises(UsageError, match="is in the way") as error:
        RunFolder(tmp_path, ["explain_params.pkl"]).begin()
    assert str(tmp_path / name.partition("/")[0]) in str(error.value)
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_text().startswith('{"name"')


def test_a_folder_with_other_files_is_taken_and_they_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    finished(tmp_path, a=b"1")
    assert names(tmp_path) == ["a", MANIFEST, "notes.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("mine")
    for ask in (RunFolder(path).require_free, RunFolder(path).begin):
        with pytest.raises(UsageError, match="is a file; give a folder"):
            ask()
    assert path.read_text() == "mine"


def test_asking_changes_nothing(tmp_path: Path) -> None:
    finished(tmp_path, a=b"1")
    RunFolder(tmp_path).require_free()
    assert names(tmp_path) == ["a", MANIFEST]
    RunFolder(tmp_path / "new").require_free()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_manifest_cannot_have_files_outside_removed(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    finished(out, a=b"1")
    outside = tmp_path / "outside"
    outside.write_text("mine")
    content = manifest(out)
    entry = {"sha256": "0" * 64, "bytes": 1}
    content["files"] |= {name: entry, str(outside): entry}
    (out / MANIFEST).write_text(json.dumps(content))
    finished(out, b=b"1")
    assert outside.read_text() == "mine"
    assert names(out) == ["b", MANIFEST]


def test_masks_are_eight_bit_grey_0_and_255(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((20, 30)) < 0.3
    RunFolder(tmp_path).mask("masks/a/lime.png", mask)
    with Image.open(tmp_path / "masks/a/lime.png") as image:
        assert (image.mode, image.size) == ("L", (30, 20))
        values = np.asarray(image)
    assert set(np.unique(values)) == {0, 255}
    assert np.array_equal(values == 255, mask)


@pytest.mark.parametrize("mask", [np.zeros((2, 2)), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 1), bool)])
def test_a_mask_that_is_not_binary_is_refused(tmp_path: Path, mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a mask is a \(H, W\) bool array"):
        RunFolder(tmp_path).mask("masks/a.png", mask)


def test_maps_are_float32_arrays(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((4, 6))[:, ::2]
    assert RunFolder(tmp_path).array("maps/a.npy", values) == "maps/a.npy"
    found = np.load(tmp_path / "maps/a.npy", allow_pickle=False)
    assert found.dtype == np.float32
    assert np.array_equal(found, values.astype(np.float32))


def test_photos_are_rgb_jpegs_of_their_size(tmp_path: Path) -> None:
    pixels = np.full((12, 18, 3), (200, 30, 90), np.uint8)
    picture = RunFolder(tmp_path).photo("figures/a.jpg", pixels, alt="a", label="b")
    assert (picture.file, picture.width, picture.height, picture.alt, picture.label) == (
        "figures/a.jpg",
        18,
        12,
        "a",
        "b",
    )
    with Image.open(tmp_path / "figures/a.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (18, 12))
        assert np.abs(np.asarray(image).astype(int) - pixels).max() <= 3


def test_table_csv_keeps_full_precision(tmp_path: Path) -> None:
    table = Table(
        id="t",
        caption="",
        columns=[
            Column(key="image", label="Image"),
            Column(key="iou", label="IoU", decimals=3),
            Column(key="ok", label=""),
        ],
        rows=[['a,"b"\n.jpg', 0.1 + 0.2, True], ["c", 1e-17, None], ["d", 1 / 3, False]],
        summary=[["Mean", 0.5, None]],
    )
    written = RunFolder(tmp_path).table(table)
    assert written == table.model_copy(update={"file": "tables/t.csv"})
    with (tmp_path / "tables/t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["image", "iou", "ok"]
    assert [row[0] for row in rows[1:]] == ['a,"b"\n.jpg', "c", "d"]
    assert [float(row[1]) for row in rows[1:]] == [0.1 + 0.2, 1e-17, 1 / 3]
    assert [row[2] for row in rows[1:]] == ["True", "", "False"]
