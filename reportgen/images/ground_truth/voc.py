"""Pascal VOC: an XML for each image, `<annotation>` with `<object>`s. Its pixels count from 1, and its ends are included."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from reportgen.images.files import InputFile
from reportgen.images.ground_truth.partners import parts_of, stem_of
from reportgen.images.ground_truth.reading import Reading, size_of
from reportgen.images.ground_truth.shapes import Flaw, Shape, box, number, polygon

VOC = "Pascal VOC"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def is_voc(root: Element) -> bool:
    return root.tag == "annotation"


def read_voc(file: InputFile, root: Element, reading: Reading) -> None:
    """Add what a file that `is_voc` marks."""
    images = _images(file, root, reading)
    if not images:
        reading.leave(file, "Pascal VOC of an image that is not in the folder")
        return
    reading.remarks.use(file.name)
    size = size_of(root.findtext("size/width"), root.findtext("size/height"))
    for place, item in enumerate(root.findall("object"), 1):
        with reading.object(file.name, f"object {place}"):
            shape = _shape(item)
            for image in images:
                reading.mark(VOC, image, shape, size=size, category=(item.findtext("name") or "").strip())


def _images(file: InputFile, root: Element, reading: Reading) -> tuple[str, ...]:
    """The image beside the file that is called as it is, or one in a parallel folder; else the one that it names."""
    folders, last = parts_of(file.name)
    if beside := reading.partners.beside(folders, stem_of(last), stem_of(file.name.rpartition("/")[2])):
        return beside
    if across := reading.partners.of(file.name):
        return across
    written = (root.findtext("filename") or "").strip()
    named = reading.image(written, file.name) if written else None
    return () if named is None else (named,)


def _shape(item: Element) -> Shape:
    outline = item.find("polygon")
    if outline is not None and outline.find("x1") is not None:  # as Roboflow writes one: x1, y1, x2, y2 and so on
        values = {child.tag: child.text for child in outline}
        count = sum(tag.startswith("x") for tag in values)
        return polygon([(values.get(f"x{i}"), values.get(f"y{i}")) for i in range(1, count + 1)])
    corners = [item.findtext(f"bndbox/{corner}") for corner in _CORNERS]
    if None in corners:
        raise Flaw("an object without bndbox")
    x0, y0, x1, y1 = (number(corner) for corner in corners)
    return box(x0 - 1, y0 - 1, x1, y1)
