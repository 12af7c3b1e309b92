"""What a reader must know of how pictures were read, as warnings of the report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from reportgen.analysis import wording
from reportgen.pipeline.map import Mapped
from reportgen.report.document import Warning_


def of_pictures(images: Mapped, explained: str) -> Iterator[Warning_]:
    """Of the explained images each remark, once an image: every model sees the same picture."""
    for image in images.images:
        for remark in image.observations[explained].remarks:
            yield Warning_(code=remark.code, name=remark.name, text=remark.text, image=image.file.name)


def of_probe_pictures(probe: Mapped | None, explained: str) -> Iterator[Warning_]:
    """Of a probe set each kind of remark once, with how many of its images it is of."""
    of_kind: dict[tuple[str, str], list[str]] = defaultdict(list)
    for image in probe.images if probe is not None else ():
        observation = image.observations.get(explained)
        for remark in observation.remarks if observation is not None else ():
            of_kind[remark.code, remark.name].append(image.file.name)
    for (code, name), files in of_kind.items():
        counted = f"{wording.count(len(files), 'image')} of the probe set"
        text = f"{name}, of {counted}: {wording.listed(files, 3)}."
        yield Warning_(code=code, name=name, text=text)
