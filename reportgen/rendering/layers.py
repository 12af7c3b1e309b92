"""Which pictures a page may lay over which photograph: a map over the frame that it belongs to, and over no other.

Every explained model has a frame of its own, of its own size and crop. The first model's photograph is the image's own and its
layers have the image's anchor; a further model's have that and the model's name. No anchor has a blank in it, so the two never meet.
"""

from __future__ import annotations

from collections import defaultdict

from reportgen.rendering.plain import Plain
from reportgen.report.ids import parts_of


def further_models(image: Plain) -> list[str]:
    """The names of the further explained models of an image; a report may come from anybody."""
    models = image.get("models")
    return [str(model) for model in models] if isinstance(models, dict) else []


def model_of(section: str, images: list[Plain]) -> str:
    """The further explained model that a section is about, by its id; empty for every other section."""
    model = parts_of(section)[1]
    return model if model and any(_frame(image, model) for image in images) else ""


def seen_by(model: str, images: dict[str, Plain]) -> dict[str, Plain]:
    """The images as a further explained model sees them; as they are where `model` is empty."""
    if not model:
        return images
    return {
        name: {**image, "anchor": image["anchor"] and f"{image['anchor']} {model}", **_frame(image, model)}
        for name, image in images.items()
    }


def _frame(image: Plain, model: str) -> Plain:
    """The picture of the model's own frame; empty where a report, which may come from anybody, has none."""
    own = image["models"][model] if model in further_models(image) else None
    picture = own.get("picture") if isinstance(own, dict) else None
    if not isinstance(picture, dict) or not isinstance(picture.get("file"), str):
        return {}
    return {"picture": picture} if all(_is_size(picture.get(side)) for side in ("width", "height")) else {}


def _is_size(value: object) -> bool:
    return type(value) is int and value > 0


def layered(picture: Plain, figure: Plain, images: dict[str, Plain]) -> Plain:
    """The picture with `over` and `layer`: known from the figure that it stands in, or from itself."""
    panel = figure["image"] if figure["kind"] == "panels" else None
    image = images.get(picture["image"] or panel or "")
    if image is None or not _same_shape(picture, image["picture"]):
        return {**picture, "over": "", "layer": ""}
    if picture["file"] == image["picture"]["file"]:
        return {**picture, "over": image["anchor"], "layer": ""}
    layer = picture["layer"] or picture["label"]
    return {**picture, "over": image["anchor"] if layer else "", "layer": layer}


def _same_shape(a: Plain, b: Plain) -> bool:
    """Whether two pictures cover the same frame: their shapes are equal but for half a pixel of rounding."""
    same: bool = abs(a["width"] * b["height"] - b["width"] * a["height"]) <= max(*_sides(a), *_sides(b)) / 2
    return same


def _sides(picture: Plain) -> tuple[int, int]:
    return picture["width"], picture["height"]


def layers(figures: list[Plain]) -> defaultdict[str, dict[str, Plain]]:
    """By what `over` says -> file -> what lies over that photograph; a picture that two figures share comes once."""
    found: defaultdict[str, dict[str, Plain]] = defaultdict(dict)
    for shown, picture in ((figure, item) for figure in figures for item in figure["pictures"] if item["layer"]):
        layer = {key: picture[key] for key in ("file", "width", "height", "alt")}
        where = {"label": picture["layer"], "section": shown["section"]}
        found[picture["over"]].setdefault(picture["file"], {**layer, **where})
    return found
