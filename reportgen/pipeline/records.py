"""What of a run's images and warnings report.json holds: all of a small run; of one of many images those with figures, while
images.parquet holds every one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reportgen.pipeline.several import numbers_of_further
from reportgen.report.bounds import bounded, carded
from reportgen.report.columns import IMAGES_FILE, write_images
from reportgen.report.document import ImageRecord, Records, Shown, Warning_
from reportgen.report.ids import parts_of
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.json_types import JSON


class Assembled:
    """The images of a run with what analyses add to them, made one at a time."""

    def __init__(
        self, records: Mapping[str, Sequence[ImageRecord]], per_image: Mapping[str, Sequence[Mapping[str, JSON]]]
    ) -> None:
        """
        Args:
            records: by explained model, the report's own first.
            per_image: by contribution, under the id of analysis and model.
        """
        self._records, self._per_image = records, per_image
        self.own = next(iter(records.values()))

    def __len__(self) -> int:
        return len(self.own)

    def __iter__(self) -> Iterator[ImageRecord]:
        return (self.full(position) for position in range(len(self)))

    def full(self, position: int) -> ImageRecord:
        extra = {name: of[position] for name, of in self._per_image.items() if not parts_of(name)[1]}
        return self._record(position, extra, self._per_image)

    def plain(self, position: int) -> ImageRecord:
        """Without the numbers of analyses, or where their results lie: what a small card shows."""
        record = self._record(position, {}, {})
        return ImageRecord(**{key: value for key, value in dict(record).items() if key != "results"})

    def _record(
        self, position: int, extra: Mapping[str, JSON], per_image: Mapping[str, Sequence[Mapping[str, JSON]]]
    ) -> ImageRecord:
        further = numbers_of_further(self._records, per_image, position)
        return ImageRecord(**{**dict(self.own[position]), **extra, **further})


@dataclass(frozen=True)
class Held:
    """What report.json holds."""

    images: list[ImageRecord]
    warnings: list[Warning_]
    records: Records | None


def held(run: Assembled, shown: Shown, warnings: Sequence[Warning_], most: int, files: RunFolder) -> Held:
    """What report.json holds of a run; where that is not all, images.parquet is written.

    Args:
        most: images that report.json holds in full.
    """
    if len(run) <= most:
        return Held(list(run), list(warnings), None)
    about: dict[str, list[Warning_]] = {}
    for warning in warnings:
        if warning.image is not None:
            about.setdefault(warning.image, []).append(warning)
    sha256, size = files.streamed(IMAGES_FILE, lambda path: write_images(path, run, about))
    names, chosen = [image.name for image in run.own], set(shown.images)
    positions = [i for i, name in enumerate(names) if name in chosen]
    judged = [image.correct for image in run.own if image.correct is not None]
    sources = Counter(image.label.source for image in run.own if image.label is not None)
    first, counts = bounded(warnings)
    with_card = set(carded(names, chosen))
    records = Records(
        sha256=sha256,
        bytes=size,
        count=len(run),
        labelled=len(judged),
        correct=sum(judged),
        label_sources=dict(sorted(sources.items())),
        positions=positions,
        cards=[run.plain(i) for i, name in enumerate(names) if name in with_card],
        warnings=counts,
    )
    return Held([run.full(i) for i in positions], first, records)
