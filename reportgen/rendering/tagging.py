"""What PDF/UA-1 asks of a tagged PDF and WeasyPrint 70 leaves out: mended before the file is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pydyf


def complete_tags(pdf: pydyf.PDF, labels: Mapping[str, str]) -> None:
    """Headers know their direction and names, and each link is one link that says where it leads.

    Args:
        labels: anchor of a place in the report -> what a reader calls it, see `place_names`; the words of the anchor
            itself where it is not among them.
    """
    import pydyf

    objects = {item.reference: item for item in pdf.objects if isinstance(item, pydyf.Dictionary)}
    root = next((item for item in objects.values() if item.get("Type") == "/StructTreeRoot"), None)
    if root is None:
        return
    _scope_headers(pdf, root, objects)
    _one_annotation_a_link(root, objects)
    for annotation in (item for item in objects.values() if item.get("Subtype") == "/Link"):
        target = annotation.get("Dest")
        if target is not None:
            words = target.string.replace("-", " ").capitalize()
            annotation["Contents"] = pydyf.String(labels.get(target.string, words))


def place_names(context: Mapping[str, Any]) -> dict[str, str]:
    """Anchor -> name of every place of the page that a link may lead to, see `page_context`."""
    names = {image["anchor"]: f"Image {image['name']}" for image in context["images"]}
    for section in context["sections"]:
        names[section["anchor"]] = f"Section {section['number']}, {section['title']}"
        for block in section["blocks"]:
            if block["type"] in ("figure", "table"):
                names[block["anchor"]] = f"{block['type'].capitalize()} {block['number']}"
            elif block["type"] == "heading":
                names[block["anchor"]] = block["text"]
    return names


def _scope_headers(pdf: pydyf.PDF, root: pydyf.Dictionary, objects: Mapping[bytes, pydyf.Dictionary]) -> None:
    """Say of every table header whether it heads a column or a row, and index the names that cells know them by.

    WeasyPrint links cells to headers by name, but writes neither the scope nor the tree that finds a name
    (ISO 32000-1, tables 322 and 349).
    """
    import pydyf

    named = []
    for element in [item for item in objects.values() if item.get("S") == "/TH" and "A" in item]:
        group = objects[objects[element["P"]]["P"]]
        element["A"]["Scope"] = "/Column" if group["S"] == "/THead" else "/Row"
        if "ID" in element:
            named.append((element["ID"], element.reference))
    if named:
        named.sort(key=lambda pair: pair[0].data)
        tree = pydyf.Dictionary({"Names": pydyf.Array(part for pair in named for part in pair)})
        pdf.add_object(tree)
        root["IDTree"] = tree.reference


def _one_annotation_a_link(root: pydyf.Dictionary, objects: Mapping[bytes, pydyf.Dictionary]) -> None:
    """Drop the annotations that WeasyPrint makes for every box inside a link beside the link's own.

    They lie inside the link's rectangle, and their structure elements are no links (ISO 14289-1, 7.18.5).
    """
    import pydyf

    dropped = {}
    for element in objects.values():
        if "K" in element and element.get("S") not in (None, "/Link"):
            for kid in list(_references(element["K"])):
                if objects.get(kid, {}).get("Type") == "/OBJR":
                    element["K"].remove(kid)
                    annotation = objects[kid]["Obj"]
                    dropped[annotation] = objects[annotation]["StructParent"]
                    objects[kid].clear()  # nothing refers to them any more
                    objects[annotation].clear()
    for page in [item for item in objects.values() if item.get("Type") == "/Page" and "Annots" in item]:
        page["Annots"] = pydyf.Array(item for item in page["Annots"] if item not in dropped)
    parents, gone = objects[root["ParentTree"]], set(dropped.values())
    pairs = zip(parents["Nums"][::2], parents["Nums"][1::2], strict=True)
    parents["Nums"] = pydyf.Array(part for pair in pairs if pair[0] not in gone for part in pair)


def _references(kids: Any) -> Iterator[bytes]:
    return (kid for kid in kids if isinstance(kid, bytes))
