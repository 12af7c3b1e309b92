"""The results of one mapped folder, as a reduce reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import TypeVar

import numpy as np

from reportgen.images.copies import find_copies, observations
from reportgen.images.files import InputFile
from reportgen.pipeline.map import At, Mapped
from reportgen.pipeline.observation import OBSERVATION, Observation
from reportgen.report.document import Skipped
from reportgen.storage.store import Store
from reportgen.utils.hashing import digest_of_each
from reportgen.utils.json_types import JSON

R = TypeVar("R")


class MappedFolder:
    """The results of one mapped folder (`reportgen.analysis.run_view.Mapped`), read from the store one at a time."""

    def __init__(
        self,
        mapped: Mapped,
        store: Store,
        explained: str,
        *,
        fold_near: bool = False,
        again: Callable[[InputFile], object] = lambda _: None,
    ) -> None:
        """Args: again: explains an image anew, one of whose results the store has lost or damaged since the map."""
        self.names = [image.file.name for image in mapped.images]
        self.skipped: Sequence[Skipped] = mapped.skipped
        self._keys: list[Mapping[At, str | None]] = [image.keys for image in mapped.images]
        self.hashes = [image.sha256 for image in mapped.images]
        self.copies = find_copies(
            self.hashes, [image.observations[explained].perceptual_hash for image in mapped.images]
        )
        self.observations = observations(len(self.names), self.copies, fold_near=fold_near)
        self._files = [image.file for image in mapped.images]
        self._again = again
        self._store = store
        self._explained = explained

    @cached_property
    def identity(self) -> JSON:
        """What tells one mapped folder from another, as a hash: names, and the key of every result."""
        of_images = (
            [name, sha256, [[*at, key] for at, key in sorted(keys.items())]]
            for name, sha256, keys in zip(self.names, self.hashes, self._keys, strict=True)
        )
        skipped = [skipped.model_dump() for skipped in self.skipped]
        return digest_of_each([skipped, list(self.observations), digest_of_each(of_images)])

    def of(self, model: str) -> MappedFolder:
        """The same results, those of `model` where no model is named."""
        focused = copy(self)
        focused._explained = model
        return focused

    def sampled(self, analysis: str, image: int, model: str | None = None) -> bool:
        return self._keys[image][analysis, model or self._explained] is not None

    def result(self, analysis: str, image: int, kind: type[R], model: str | None = None) -> R:
        return self._found(self._store.get, analysis, image, kind, model)

    def values(self, analysis: str, image: int, kind: type[R], model: str | None = None) -> R:
        return self._found(self._store.values, analysis, image, kind, model)

    def _found(
        self, read: Callable[[str, type[R]], R | None], analysis: str, image: int, kind: type[R], model: str | None
    ) -> R:
        key = self._keys[image][analysis, model or self._explained]
        if key is None:
            raise LookupError(f"{self.names[image]} is not in the sample of {analysis}")
        found = read(key, kind)
        if found is None:
            self._again(self._files[image])
            found = read(key, kind)
        if found is None:
            raise RuntimeError(f"the store lost {analysis} of {self.names[image]} during the run")
        return found

    def frame(self, image: int, model: str | None = None) -> np.ndarray:
        frame = self.result(OBSERVATION, image, Observation, model).frame
        assert frame is not None  # an explained model's is kept
        return frame
