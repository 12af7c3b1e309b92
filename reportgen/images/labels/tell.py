"""What is left over of labels, in sentences: for the report, and for who asks that nothing be left over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reportgen.images.labels.classes import KnownClasses
from reportgen.images.labels.said import FILE_NAME, FOLDER, LeftOver, UnknownClass
from reportgen.images.remarks import Remarks
from reportgen.report.document import Label
from reportgen.utils.terminal_text import counted, first_of, printable

# Names in a sentence, and sentences (or lines of an error) of one kind; the others are counted.
_MOST_NAMED, _MOST_TOLD = 3, 5
_MOST_CHARACTERS = 60


def tell(left: LeftOver, labels: Mapping[str, Label], known: KnownClasses, remarks: Remarks) -> None:
    """Warn of everything that is left over, once a kind and source, with a count and the first names."""
    for table, names in left.absent.items():
        what = "row names no image here" if len(names) == 1 else "rows name no image here"
        remarks.warn(
            "label-without-image",
            "Labels of images that are not here",
            f"{_place(table)}: {len(names)} {what}{_first(names)}.",
        )
    for table, names in left.several.items():
        what = "row may mean" if len(names) == 1 else "rows may mean"
        text = f"{_place(table)}: {len(names)} {what} more than one image, and label none{_first(names)}."
        remarks.warn("label-of-several-images", "Labels that may be of several images", text)
    for table, images in left.empty.items():
        bare = [image for image in images if image not in labels]
        rest = (
            _unlabelled(len(bare))
            if bare
            else "it is labelled otherwise"
            if len(images) == 1
            else "all are labelled otherwise"
        )
        text = f"{_place(table)}: no class for {counted(len(images), 'image')}{_first(images)}; {rest}."
        remarks.warn("label-empty", "Images without a class", text)
    for table, images in left.contradicted.items():
        text = f"{_place(table)}: more than one class for {counted(len(images), 'image')}{_first(images)}; {_unlabelled(len(images))}."
        remarks.warn("label-contradicted", "Images of more than one class", text)
    _tell_unknown(list(left.unknown.values()), known, remarks)
    for source, files in left.own_numbers.items():
        text = f"Numbers in {_place(source)} are the folder's own, as {' and '.join(map(_place, files))} says, and not the model's indices."
        remarks.warn("label-own-numbers", "Classes by numbers of the folder's own", text)
    for table, (first, many) in left.doubtful_numbers.items():
        last = first + many - 1
        if many == len(known):
            text = f"{_place(table)} numbers its classes from 1 to {last}, and the model from 0 to {last - 1}: "
            text += "none of them counts without a classes.txt."
            remarks.warn("label-doubtful-numbers", "Classes by numbers from 1 on", text)
            continue
        named = ", ".join(f"{n} is {_short(known.names[n])}" for n in list(range(first, last + 1))[:_MOST_NAMED])
        text = (
            f"{_place(table)} numbers its classes from {first} to {last}, and the model has {len(known)}: they are taken for the model's "
            f"indices ({named}); if they are the folder's own, a classes.txt says so."
        )
        remarks.warn("label-doubtful-numbers", "Classes by small numbers", text)
    if left.partly is not None:
        inside, images_here, folders = left.partly
        text = (
            f"{inside} of {counted(images_here, 'image')} lie in folders that are called as classes are{_first(folders)}, and not nearly "
            "all: no label is taken from folders."
        )
        remarks.warn("label-folders-unclear", "Folders that may be classes", text)
    for (holds, other), images in left.disagreeing.items():
        text = (
            f"{_capital(_place(holds))} and {_place(other)} say different classes for {counted(len(images), 'image')}"
            f"{_first(images)}; {_place(holds)} {'hold' if holds in (FOLDER, FILE_NAME) else 'holds'}."
        )
        remarks.warn("labels-disagree", "Labels that disagree", text)


def mistakes(left: LeftOver, known: KnownClasses) -> list[str]:
    """What stops a strict run, a line each, with file and line; the first few, then how many more."""
    lines = [
        f"{_place(file)} {reason}" if reason.startswith("line ") else f"{_place(file)}: {reason}"
        for file, reason in left.unread.items()
    ]
    unknown = list(left.unknown.values())
    lines += [unknown_class(one, known) for one in unknown[:_MOST_TOLD]]
    more = len(unknown) - _MOST_TOLD
    return (
        [*lines, f"{more} further class{'' if more == 1 else 'es'} that the model does not have"] if more > 0 else lines
    )


def unknown_class(one: UnknownClass, known: KnownClasses) -> str:
    """`labels.csv line 2: unknown class 'goldfsh'; did you mean 'goldfish'`, with a question mark or without."""
    where = _place(FOLDER) if one.source == FOLDER else f"{_place(one.source)} line {one.line}"
    text = repr(_short(one.text))
    if one.indices:
        return f"{where}: class {text} could be {' or '.join(map(str, one.indices[:_MOST_NAMED]))}: give the index or WordNet id"
    near = known.nearest(one.text)
    return f"{where}: unknown class {text}" + (f"; did you mean {_short(near)!r}?" if near else "")


def _tell_unknown(unknown: Sequence[UnknownClass], known: KnownClasses, remarks: Remarks) -> None:
    code, name = "label-unknown", "Classes that the model does not have"
    for one in unknown[:_MOST_TOLD]:
        said = _capital(unknown_class(one, known))
        remarks.warn(
            code, name, f"{said}{'' if said.endswith('?') else '.'} {_unlabelled(len(one.images))}{_first(one.images)}."
        )
    if further := unknown[_MOST_TOLD:]:
        images = {image for one in further for image in one.images}
        text = f"{len(further)} further unknown class{'' if len(further) == 1 else 'es'}{_first([one.text for one in further])}"
        remarks.warn(code, name, f"{text}; {_unlabelled(len(images))}.")


def _unlabelled(number: int) -> str:
    return f"{counted(number, 'image')} {'counts' if number == 1 else 'count'} as unlabelled"


def _first(names: Sequence[str]) -> str:
    """` (a.jpg, b.jpg, c.jpg and 4 more)`"""
    return f" ({first_of(list(dict.fromkeys(names)), _MOST_NAMED, told=lambda name: _short(name) or 'no name')})"


def _place(source: str) -> str:
    return {FOLDER: "the folders", FILE_NAME: "the file names"}.get(source, printable(source))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text


def _short(text: str) -> str:
    return printable(text, _MOST_CHARACTERS)
