"""Report -> what a template sees: plain data, numbered and cross-referenced.

`report` is the report itself (`model_dump(mode="json")`). Beside it stands what a page needs and a report does
not know: numbers of figures and tables, anchors, groups, counts. Everything here is dict, list, str, int, float,
bool or None: a template that calls a method finds nothing worth calling.

`medium`            "html", "pdf", or, for formats that no template makes, "manuscript"
`report`            the report as plain data
`explained`         names of the explained models, the report's own first
`document`          title, authors, affiliation, course, logo, accent, accent_dark, paper, css: what the
                    run's settings say; where they are silent, what template.toml says
`language`, `words` the page's language, and what it says of itself in it (`reportgen.rendering.words`)
`stands`            part of the page (findings, images, rules, settings, provenance) -> whether it is wanted
`left_out`          sections and parts that are not: `id`, `title` (empty for a part)
`sections`          report.sections, appendices last; each with `number`, `anchor`, `findings` (those that it measured, as in
                    `findings`), `groups` (what stands on the page, cut into headings, texts that run in columns and what
                    takes the page's width: `kind`, `blocks`, `long`, `method`), `elsewhere` (`type`, `number`, `several`,
                    `file` of what a screen and the run folder have and paper has not; of several figures in a row `number` is
                    `17–22`), and blocks that know their place and whether they stand here (`stands`):
                    figures and tables have `number` and `anchor`, headings `anchor`, text and listings
                    `opens` (the first of a run with the same role), tables `row_anchors` (of the rows' images),
                    pictures `over` (the anchor of the image that they show or cover) and `layer` (what they lay
                    over it; empty for the photograph itself), both empty where a picture is neither;
                    tables `shown_rows` (positions in `rows` of the rows that stand on the page) and `kept`
                    ("all"; "images": the rows of images with figures; "ends": the first and the last), `count` (of all rows;
                    `rows` holds fewer where `all_rows` is given)
`contents`          per section: `number`, `title`, `anchor`, `appendix`, `entries` (its level-2 headings)
`images`            report.images, and of a run of many those of its small cards, which have no numbers of analyses; each with
                    `anchor`, `figures` (number, anchor: where it is shown), `shown`
                    (whether it has figures of its own), `reason` (why, where not all have), `card` (whether it
                    stands in the sheet), `layers` (what its figures lay over its photograph, in order and each once:
                    `file`, `width`, `height`, `alt`, `label`, `section` (id of the first that shows it)) and `measured` (its value of
                    each of `measures`, or None)
`measures`          the numeric columns of every table with at most one row an image: `id`, `label`, `unit`,
                    `decimals`, `percent`, `headline` (one of the few that sum an image up), `section` (title)
`findings`          report.findings; each with `section_title`, `claim_id` (the id without an explained model's name, which the
                    claim then says) and, per evidence, `anchor` (empty where it does not stand on the page) and `place`
`label_sources`     where true classes were read from: `source`, `count` (images), the most first
`homeless`          the findings that stand with no section of this page
`warnings`          report.warnings by code: `code`, `name`, `notes` (`text`, `images`, `more`: images not named), `more`
                    (notes left out)
`tables`            every table that has a CSV: `number`, `anchor`, `caption`, `file`
`notes`             the author's own words at the beginning and at the end: `introduction`, `conclusion`, and `any`, whether there are
                    some anywhere; those on a section or an image are its `note`. Each is None or
                    `label`, `by`, `language` and `nodes` (`reportgen.rendering.own_words`)
`references`        report.references; each with `number`, `text` (one line) and `cited` (`title`, `anchor` of sections)
`settings`          report.settings as [dotted key, text] pairs
`totals`            counts: images, findings, shown, cards, labelled, correct, skipped, warnings, figures, tables, verdicts
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from reportgen.notes.values import totals
from reportgen.rendering.colors import DARK_PAPER, LIGHT_PAPER, readable
from reportgen.rendering.filters import citation, filled, flat, is_numeric
from reportgen.rendering.layers import further_models, layers, model_of
from reportgen.rendering.own_words import own_words
from reportgen.rendering.own_words import places as page_places
from reportgen.rendering.plain import Plain
from reportgen.rendering.sections import Anchors, in_reading_order, numbered_sections, on_page
from reportgen.rendering.templates import TemplateFile
from reportgen.rendering.words import ENGLISH, english
from reportgen.report.bounds import CARDS, NAMES, NOTES, ROWS
from reportgen.report.document import DEFAULT_TITLE, PAGE_PARTS, Report
from reportgen.report.ids import parts_of

# Raised when a name goes or changes its meaning, not when one is added.
CONTEXT_VERSION = 1


def page_context(
    report: Report,
    medium: str,
    template: TemplateFile | None = None,
    language: str = ENGLISH,
    words: Plain | None = None,
) -> Plain:
    """The names that a template may use, listed at the top of this module, and for users in docs/templates.md."""
    data = report.model_dump(mode="json")
    template, words = template or TemplateFile(), words or english()
    page, explained = _lay_out(data, medium, data["document"]["sections"] or template.sections), _explained(data)
    document = _document(data, template, words)
    places = page_places(data, page.sections, page.image_anchors, page.stands, words)
    own = own_words(data, places, document["authors"], words, language)
    findings = _placed_findings(data["findings"], page, words, explained)
    sections = [
        {
            **section,
            "findings": [finding for finding in findings if finding["section"] == section["id"]],
            "note": own.get(("section", section["id"])),
        }
        for section in page.sections
    ]
    homes = {section["id"] for section in sections}
    return {
        "context_version": CONTEXT_VERSION,
        "medium": medium,
        "report": data,
        "explained": explained,
        "document": document,
        "language": language,
        "words": words,
        "stands": page.stands,
        "left_out": _left_out(data["sections"], page.chosen),
        "sections": sections,
        "contents": [_contents_entry(section) for section in page.sections],
        "images": [{**image, "note": own.get(("image", image["name"]))} for image in page.images],
        "measures": [{key: value for key, value in measure.items() if key != "values"} for measure in page.measures],
        "findings": findings,
        "label_sources": _label_sources(data),
        "homeless": [finding for finding in findings if finding["section"] not in homes],
        "warnings": _grouped_warnings(data, page.image_anchors),
        "tables": [table for table in page.tables if table["file"]],
        "notes": {**{place: own.get((place, "")) for place in ("introduction", "conclusion")}, "any": bool(own)},
        "references": _numbered_references(data["references"], page.sections, words, explained),
        "settings": flat(data["settings"]),
        "totals": _totals(data, page),
    }


@dataclass(frozen=True)
class _Page:
    """What stands on the page, numbered and with anchors.

    Attributes:
        chosen: ids of the sections and parts that are asked for; empty: all.
        stands: part -> whether it is wanted.
        image_anchors: by image, empty where it stands nowhere.
        measures: see `page_context`, with `values` by image.
    """

    chosen: list[str]
    stands: dict[str, bool]
    sections: list[Plain]
    images: list[Plain]
    image_anchors: dict[str, str]
    figures: list[Plain]
    tables: list[Plain]
    measures: list[Plain]


def _lay_out(data: Plain, medium: str, chosen: list[str]) -> _Page:
    wanted = [section for section in data["sections"] if not chosen or _is_chosen(section["id"], chosen)]
    anchors = Anchors()
    images = _carded(data, medium, anchors)
    stands = {part: not chosen or part in chosen for part in PAGE_PARTS}
    image_anchors = {image["name"]: image["anchor"] if stands["images"] and image["card"] else "" for image in images}
    shown = {image["name"]: {**image, "anchor": image_anchors[image["name"]]} for image in images}
    numbered = numbered_sections(in_reading_order(wanted), anchors, shown)
    measures = _measures(numbered, images)
    for table in _blocks(numbered, "table"):
        table.update(_kept(table, {image["name"] for image in images if image["shown"]}, ROWS[medium]))
    found = layers([{**block, "section": s["id"]} for s in numbered for block in _blocks([s], "figure")])
    # A template's paper shows each image once with all its maps; a manuscript shows them where their chapters do.
    strips = stands["images"] and medium == "pdf"
    stripped = {image["name"] for image in images if strips and image["shown"] and found[image["anchor"]]}
    sections = on_page(numbered, paper=medium != "html", stripped=stripped)
    figures = _blocks(sections, "figure")
    measured = _with_figures(images, figures, found, measures)
    return _Page(chosen, stands, sections, measured, image_anchors, figures, _blocks(sections, "table"), measures)


def _blocks(sections: list[Plain], kind: str) -> list[Plain]:
    return [block for section in sections for block in section["blocks"] if block["type"] == kind]


def _explained(data: Plain) -> list[str]:
    first = [model["name"] for model in data["provenance"]["models"][:1]]
    further = (model for image in data["images"] for model in further_models(image))
    return first + list(dict.fromkeys(further))


def _document(data: Plain, template: TemplateFile, words: Plain) -> Plain:
    """The run's own settings; where they are silent, the template's; where both are, the defaults."""
    given = data["document"]
    title = data["title"] if data["title"] != DEFAULT_TITLE else template.title or words["title"]
    accent = given["accent"] or template.accent
    logo = {**given["logo"], "asset": ""} if given["logo"] else None
    if logo is None and template.logo:
        logo = {"file": "", "asset": template.logo, "alt": words["logo"]}
    return {
        "title": title,
        "authors": given["authors"] or template.authors,
        "affiliation": given["affiliation"] or template.affiliation,
        "course": given["course"] or template.course,
        "logo": logo,
        "accent": accent and readable(accent, LIGHT_PAPER),
        "accent_dark": accent and readable(accent, DARK_PAPER),
        "paper": given["paper"] or template.paper or "A4",
        "css": given["css"],
    }


def _is_chosen(section: str, chosen: list[str]) -> bool:
    """An analysis that is asked for stands with its sections on every explained model."""
    return section in chosen or parts_of(section)[0] in chosen


def _left_out(sections: list[Plain], chosen: list[str]) -> list[dict[str, str]]:
    if not chosen:
        return []
    parts = [{"id": part, "title": ""} for part in PAGE_PARTS if part not in chosen]
    return [{"id": s["id"], "title": s["title"]} for s in sections if not _is_chosen(s["id"], chosen)] + parts


def _carded(data: Plain, medium: str, anchors: Anchors) -> list[Plain]:
    """The images with anchors; whether they have figures and why; whether they have a card on this page."""
    given = data["shown"]
    every = _in_order(data)
    chosen = {image["name"]: "" for image in every}
    if given is not None:
        chosen = dict(zip(given["images"], given["reasons"] or [""] * given["of"], strict=False))
    images, room = [], CARDS[medium]
    for image in every:
        shown = image["name"] in chosen
        card = shown or room > 0
        room -= not shown
        place = {"anchor": anchors.new("image", image["slug"]), "shown": shown, "card": card}
        images.append({**image, **place, "reason": chosen.get(image["name"], "")})
    return images


def _in_order(data: Plain) -> list[Plain]:
    """The images that the report holds in the run's order: those in full, and of a run of many those of its small cards."""
    if data["records"] is None:
        images: list[Plain] = data["images"]
        return images
    full, cards = dict(zip(data["records"]["positions"], data["images"], strict=False)), iter(data["records"]["cards"])
    places = range(len(data["images"]) + len(data["records"]["cards"]))
    first = [full.pop(place) if place in full else next(cards, None) for place in places]
    return [image for image in (*first, *(full[place] for place in sorted(full)), *cards) if image is not None]


def _kept(table: Plain, shown: set[str], most: int) -> Plain:
    """Which rows of a table stand on the page: all of a short one; of a long one those of images with figures, or its ends."""
    rows = range(len(table["rows"]))
    count = table["all_rows"]["count"] if table["all_rows"] else len(rows)
    if count <= most:
        return {"shown_rows": list(rows), "kept": "all", "count": count}
    about = table["row_images"]
    of_images = [i for i in rows if about[i] in shown] if len(about) == len(rows) else []
    if 0 < len(of_images) <= most:
        return {"shown_rows": of_images, "kept": "images", "count": count}
    return {"shown_rows": [*rows[: most // 2], *rows[-(most // 2) :]], "kept": "ends", "count": count}


def _measures(sections: list[Plain], images: list[Plain]) -> list[Plain]:
    """What tables measure on single images; a column that two tables share stands once."""
    found: dict[tuple[object, ...], Plain] = {}
    for section in sections:
        model = model_of(section["id"], images)
        for table in (block for block in section["blocks"] if block["type"] == "table"):
            named = [name for name in table["row_images"] if name is not None]
            if not named or len(set(named)) < len(named):
                continue
            for i, column in enumerate(table["columns"]):
                if is_numeric(column):
                    measure = {
                        "id": f"{table['id']}.{column['key']}",
                        "section": section["title"],
                        **{key: column[key] for key in ("label", "unit", "decimals", "percent", "headline")},
                        **({"label": f"{column['label']}, {model}"} if model else {}),
                        "values": _by_image(table, i),
                    }
                    found.setdefault((column["key"], *sorted(measure["values"].items())), measure)
    return list(found.values())


def _by_image(table: Plain, column: int) -> dict[str, float]:
    """The numbers of one column, by image."""
    cells = {name: row[column] for name, row in zip(table["row_images"], table["rows"], strict=False) if name}
    return {name: cell for name, cell in cells.items() if type(cell) in (int, float) and math.isfinite(cell)}


def _contents_entry(section: Plain) -> Plain:
    headings = [
        block for block in section["blocks"] if block["type"] == "heading" and block["level"] == 2 and block["stands"]
    ]
    return {
        "number": section["number"],
        "title": section["title"],
        "anchor": section["anchor"],
        "appendix": section["appendix"],
        "entries": [{"text": heading["text"], "anchor": heading["anchor"]} for heading in headings],
    }


def _with_figures(
    images: list[Plain], figures: list[Plain], found: Mapping[str, dict[str, Plain]], measures: list[Plain]
) -> list[Plain]:
    shown = defaultdict(list)
    for figure in figures:
        if figure["image"] is not None and figure["stands"]:
            shown[figure["image"]].append({"number": figure["number"], "anchor": figure["anchor"]})
    return [
        {
            **image,
            "figures": shown[image["name"]],
            "layers": list(found.get(image["anchor"], {}).values()),
            "measured": [measure["values"].get(image["name"]) for measure in measures],
        }
        for image in images
    ]


def _placed_findings(findings: list[Plain], page: _Page, words: Plain, explained: list[str]) -> list[Plain]:
    titles = {section["id"]: section["title"] for section in page.sections}
    models = {*explained, *(f"{a}~{b}" for a in explained for b in explained)}
    places = {
        block["id"]: {
            "anchor": block["anchor"] if block["stands"] else "",
            "place": filled(words[block["type"]], {"n": block["number"]}),
        }
        for block in [*page.figures, *page.tables]
    }
    nowhere = {"anchor": "", "place": ""}
    return [
        {
            **finding,
            "section_title": titles.get(finding["section"], ""),
            # A claim about a further explained model, or about two, names them itself.
            "claim_id": parts_of(finding["id"])[0] if parts_of(finding["id"])[1] in models else finding["id"],
            "evidence": [{**item, **places.get(item["source"], nowhere)} for item in finding["evidence"]],
        }
        for finding in findings
    ]


def _grouped_warnings(data: Plain, image_anchors: dict[str, str]) -> list[Plain]:
    warnings, groups = data["warnings"], dict[str, dict[str, list[dict[str, str]]]]()
    titles = {warning["code"]: warning["name"] for warning in reversed(warnings)}
    # Of a run of many images, what stands in report.json of a kind is the first of it.
    left = {kind["code"]: kind for kind in data["records"]["warnings"]} if data["records"] else {}
    for warning in warnings:
        named = groups.setdefault(warning["code"], {}).setdefault(warning["text"], [])
        if warning["image"] is not None:
            named.append({"name": warning["image"], "anchor": image_anchors.get(warning["image"], "")})
    return [
        {
            "code": code,
            "name": titles[code],
            "notes": [
                {
                    "text": text,
                    "images": named[:NAMES],
                    "more": max(0, len(named) - NAMES) + (left[code]["more"].get(text, 0) if code in left else 0),
                }
                for text, named in list(notes.items())[:NOTES]
            ],
            "more": max(0, (left[code]["sentences"] if code in left else len(notes)) - NOTES),
        }
        for code, notes in groups.items()
    ]


def _numbered_references(
    references: list[Plain], sections: list[Plain], words: Plain, explained: list[str]
) -> list[Plain]:
    # A section on the first of several models stands for those on the others, which cite the same works.
    first = f": {explained[0]}" if len(explained) > 1 else ""
    places = {
        section["id"]: {"title": section["title"].removesuffix(first), "anchor": section["anchor"]}
        for section in sections
    }
    places["models"] = {"title": words["models"], "anchor": ""}
    return [
        {
            **work,
            "number": number,
            "text": citation(work),
            "cited": [places[place] for place in work["cited_in"] if place in places],
        }
        for number, work in enumerate(references, start=1)
    ]


def _label_sources(data: Plain) -> list[Plain]:
    if data["records"]:
        counts = Counter(data["records"]["label_sources"])
    else:
        counts = Counter(image["label"]["source"] for image in data["images"] if image["label"] is not None)
    return [{"source": source, "count": count} for source, count in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]


def _totals(data: Plain, page: _Page) -> Plain:
    return {
        **totals(data),
        "shown": sum(image["shown"] for image in page.images),
        "cards": sum(image["card"] for image in page.images),
        "figures": len(page.figures),
        "tables": len(page.tables),
    }
