"""What is understood of the labels of a folder, before a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.images.find import find_images
from reportgen.images.labels.classes import KnownClasses
from reportgen.images.labels.read import Source, read_labels
from reportgen.images.remarks import Remarks
from reportgen.pipeline.providers import INSTALLED, Providers
from reportgen.report.document import LeftAlone, Warning_
from reportgen.settings.model import Settings

# Classes that are unknown, whose nearest is looked for; the rest are counted.
_MOST_UNKNOWN = 20


@dataclass(frozen=True)
class UnknownText:
    """A class that the model does not have, as it is written.

    Attributes:
        source, line: where it stands first; line 0 for a folder.
        nearest: the class that is spelt most like it, or those, by index, that it may be.
        images: how many are called so.
    """

    source: str
    line: int
    text: str
    nearest: str | None
    images: int


@dataclass(frozen=True)
class LabelCheck:
    """What was found.

    Attributes:
        model, n_classes: whose classes count.
        images: all names; unlabelled: those without a label.
        sources: of labels, the one that holds over the others first.
        counts: (index, name, images) of the classes, the most frequent first.
        absent: names in tables of images that are not here.
        unknown: the first of them.
        numbered: folders called by numbers, which are not taken as classes.
        warnings: as a report has them.
        left_alone: files that look like labels and are not read as such.
    """

    model: str
    n_classes: int
    images: Sequence[str]
    unlabelled: Sequence[str]
    sources: Sequence[Source]
    counts: Sequence[tuple[int, str, int]]
    absent: Sequence[str]
    unknown: Sequence[UnknownText]
    numbered: Sequence[str]
    warnings: Sequence[Warning_]
    left_alone: Sequence[LeftAlone]


def check_labels(images: Path, settings: Settings, providers: Providers = INSTALLED) -> LabelCheck:
    """Look at the labels of a folder with the classes of the first explained model of the settings.

    Raises:
        NothingToDo: no image.
        UsageError: no such folder or model; with `settings.strict` also a class that the model does not have.
    """
    spec = providers.classifier(settings.explained[0], settings)
    given = find_images(images, Remarks())
    if not given.files:
        raise given.no_image(given.skipped)
    remarks = Remarks()
    found = read_labels(given, spec.classes, remarks, strict=settings.strict)
    known = KnownClasses(spec.classes)
    counts = Counter(label.index for label in found.labels.values())
    unknown = list(found.left.unknown.values())[:_MOST_UNKNOWN]
    return LabelCheck(
        model=spec.name,
        n_classes=len(spec.classes),
        images=given.names,
        unlabelled=[name for name in given.names if name not in found.labels],
        sources=found.sources,
        counts=sorted(((i, spec.classes.names[i], n) for i, n in counts.items()), key=lambda row: (-row[2], row[0])),
        absent=[name for names in found.left.absent.values() for name in names],
        unknown=[
            UnknownText(
                one.source,
                one.line,
                one.text,
                " or ".join(map(str, one.indices)) if one.indices else known.nearest(one.text),
                len(one.images),
            )
            for one in unknown
        ],
        numbered=found.left.numbered,
        warnings=remarks.warnings,
        left_alone=remarks.left_alone,
    )
