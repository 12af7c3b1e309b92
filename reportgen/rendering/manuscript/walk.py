"""A page's context -> the manuscript: title, answer, chapters each with its findings, appendix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from reportgen.rendering import filters
from reportgen.rendering.manuscript.appendix import APPENDIX, references, works_of
from reportgen.rendering.manuscript.blocks import block_parts, finding_anchor, finding_part, panel
from reportgen.rendering.manuscript.inline import clean, counted, fill, joined, name, plain, said, verdict_word
from reportgen.rendering.manuscript.own_words import own_chapter, own_parts
from reportgen.rendering.manuscript.parts import (
    Bullets,
    Cites,
    Cover,
    Facts,
    Figure,
    Finding,
    Heading,
    Inline,
    Manuscript,
    Notice,
    Paragraph,
    Part,
    Span,
    Table,
    Work,
)
from reportgen.rendering.plain import Plain

SHEET, SHEET_COLUMNS = 60, 5  # pictures of the sheet of images
SKIPPED = 40  # files that could not be read, as many as are named


def manuscript(context: Plain) -> Manuscript:
    """The report as a manuscript.

    Args:
        context: see `reportgen.rendering.context.page_context`, with medium "manuscript": what stands is bounded as on paper.
    """
    works = works_of(context["references"])
    chapters = (
        _summary(context),
        own_chapter(context, "introduction"),
        _gates(context),
        _warnings(context),
        _images(context),
        _sections(context, works),
        _further_findings(context),
        own_chapter(context, "conclusion"),
    )
    appendix = [part for chapter in APPENDIX for part in chapter(context)]
    if works and context["stands"]["references"]:
        appendix += references(context, works)
    body = [part for chapter in chapters for part in chapter]
    seen: set[str] = set()
    provenance = context["report"]["provenance"]
    return Manuscript(
        _cover(context),
        tuple(_once(part, seen) for part in body),
        tuple(_once(part, seen) for part in appendix),
        works,
        context["language"],
        context["words"],
        context["document"]["paper"],
        context["document"]["accent"] or "",
        provenance["created"],
        clean(provenance["reportgen"]),
    )


P = TypeVar("P", bound=Part)


def _once(part: P, seen: set[str]) -> P:
    """The part; without its anchor where another has it: ids may come from anybody."""
    if not isinstance(part, Heading | Figure | Table | Finding) or not part.anchor:
        return part
    if part.anchor in seen:
        return replace(part, anchor="")
    seen.add(part.anchor)
    return part


# --- cover ---------------------------------------------------------------------------------------


def _cover(context: Plain) -> Cover:
    document, words, provenance = context["document"], context["words"], context["report"]["provenance"]
    logo = document["logo"] if document["logo"] and document["logo"]["file"] else None
    english = context["language"].split("-")[0] == "en"
    return Cover(
        clean(document["title"]),
        f"{plain(_lead(context))}.",
        tuple(clean(author) for author in document["authors"]),
        tuple(clean(line) for line in (document["affiliation"], document["course"]) if line),
        clean(f"reportgen {provenance['reportgen']}, {filters.day(provenance['created'], words)}"),
        tuple(plain(count) for count in _counts(context)),
        "" if english else clean(words["data_language"]),
        panel(logo) if logo else None,
        _explained(context),
    )


def _lead(context: Plain) -> Inline:
    words, models = context["words"], context["report"]["provenance"]["models"]
    first = models[0]["name"] if models else filters.DASH
    explanations = counted(words, context["totals"]["images"], words["explanations"], model=first)
    if len(models) < 2:
        return explanations
    others = filters.join_words([model["name"] for model in models[1:]], words["and"])
    return fill(words["beside"], explanations=explanations, models=others)


def _counts(context: Plain) -> Iterator[Inline]:
    """What the run counted: `8 of 10 predicted as labelled`."""
    words, totals = context["words"], context["totals"]

    def of(part: int, whole: int, what: str) -> Inline:
        return name(f"{filters.number(part)} {filters.filled(words['of'], {'n': filters.number(whole)})} {what}")

    def some(count: int, forms: list[str]) -> Inline:
        return name(f"{filters.number(count)} {forms[0 if count in words['one'] else -1]}")

    yield some(totals["images"], words["images_explained"])
    if totals["labelled"]:
        yield of(totals["correct"], totals["labelled"], words["as_labelled"])
    if context["findings"]:
        yield of(totals["verdicts"]["supported"], len(context["findings"]), words["claims_supported"])
    if totals["skipped"]:
        yield some(totals["skipped"], words["files_skipped"])
    yield some(totals["warnings"], words["warnings_given"])


def _explained(context: Plain) -> Facts:
    words, provenance = context["words"], context["report"]["provenance"]
    rows: list[tuple[Inline, Inline]] = []
    for i, model in enumerate(provenance["models"]):
        roles = f" ({filters.join_words(model['roles'], words['and'])})" if model["roles"] else ""
        classes = plain(counted(words, model["classes"], words["classes"]))
        rows.append((name(words["also" if i else "model"]), name(f"{model['name']}, {classes}{roles}")))
        digest = f"sha256 {filters.short_hash(model['weights_sha256'], 16)}…"
        rows.append((name(words["weights"]), (*name(f"{model['source']}, "), *name(digest, "code"))))
        if model["head"] in words["heads"]:
            rows.append((name(words["probabilities"]), name(words["heads"][model["head"]])))
        if i == 0 and model["preprocessing"]:
            pairs = "; ".join(f"{key} {value}" for key, value in filters.flat(model["preprocessing"]))
            rows.append((name(words["preprocessing"]), name(pairs)))
    run = provenance["runtime"]
    computed = {key: str(run[key]) for key in ("name", "device", "precision")}
    rows.append((name(words["computed_with"]), fill(words["computed"], **computed, seed=str(provenance["seed"]))))
    return Facts(clean(words["explained"]), tuple(rows))


# --- chapters ------------------------------------------------------------------------------------


def chapter(context: Plain, part: str) -> Heading:
    """The heading of one of the page's own parts."""
    return Heading(1, clean(context["words"][part]), part, english=False)


def _summary(context: Plain) -> Iterator[Part]:
    summary, words, totals = context["report"]["summary"], context["words"], context["totals"]
    if not summary:
        return
    yield chapter(context, "summary")
    yield Paragraph(said(summary["images"]))
    by_id = {finding["id"]: finding for finding in context["findings"]}
    items = []
    for finding in (by_id[i] for i in summary["findings"] if i in by_id):
        to = finding_anchor(finding) if context["stands"]["findings"] else ""
        verdict = Span(f"{verdict_word(finding['verdict'], words)}: ", "strong")
        place = (Span(" ("), *name(finding["claim_id"], to=to), Span(")")) if to else ()
        items.append((verdict, *said(finding["claim"], "strong"), Span(" "), *said(finding["text"]), *place))
    if items:
        yield Bullets(tuple(items))
    if summary["rest"]:
        yield Paragraph(said(summary["rest"]), lead=clean(words["open"]))
    if context["warnings"] or context["report"]["skipped"]:
        yield Paragraph(
            fill(
                words["open_here"],
                warnings=counted(words, totals["warnings"], words["warning_count"]),
                skipped=counted(words, totals["skipped"], words["skipped_count"]),
                place=name(words["warnings"], to="warnings"),
            ),
            english=False,
        )


def _gates(context: Plain) -> Iterator[Part]:
    gates, words = context["report"]["gates"], context["words"]
    if not gates:
        return
    passed = sum(gate["passed"] for gate in gates)
    said_of = {True: clean(words["pass"]), False: clean(words["fail"])}
    yield chapter(context, "gates")
    count = counted(words, len(gates), words["gates_passed"], passed=filters.number(passed))
    yield Notice(said_of[passed == len(gates)], count, passed < len(gates), english=False)
    rows = []
    for gate in gates:
        value = words["verdict"]["not measured"] if gate["value"] is None else filters.significant(gate["value"], 6)
        text = fill(
            words["gate"],
            measure=gate["measure"],
            value=value,
            bound=words["bound"][gate["bound"]],
            limit=filters.significant(gate["limit"], 6),
        )
        rows.append((name(gate["name"], "code"), (Span(f"{said_of[gate['passed']]} ", "strong"), *text)))
    yield Facts(clean(words["thresholds"]), tuple(rows))


def _warnings(context: Plain) -> Iterator[Part]:
    words, skipped, left_alone = context["words"], context["report"]["skipped"], context["report"]["left_alone"]
    if not context["warnings"] and not skipped and not left_alone:
        return
    place = every(context["report"], "warnings")
    yield chapter(context, "warnings")
    for group in context["warnings"]:
        yield Heading(2, clean(group["name"]), "")
        for note in group["notes"]:
            yield Paragraph(said(note["text"]))
            names = [name(image["name"]) for image in note["images"]]
            if note["more"]:
                names.append(counted(words, note["more"], words["more_images_named"], place=place))
            if names:
                yield Bullets(tuple(names))
        if group["more"]:
            yield Paragraph(counted(words, group["more"], words["more_of_kind"], place=place), "aside", english=False)
    if skipped:
        rows = [(name(file["name"]), said(file["reason"])) for file in skipped[:SKIPPED]]
        if len(skipped) > SKIPPED:
            more = fill(words["more"], n=filters.number(len(skipped) - SKIPPED))
            rows.append((more, name("report.json, skipped", "code")))
        yield Facts(clean(words["unreadable"]), tuple(rows))
    if left_alone:
        yield Facts(clean(words["left_alone"]), tuple(_left_alone(words, left_alone)))


def _left_alone(words: Plain, kinds: Sequence[Plain]) -> Iterator[tuple[Inline, Inline]]:
    """By reason the files that were left alone: the first few by name, the others as a number."""
    for left in kinds[:SKIPPED]:
        files = [name(file) for file in left["names"]]
        if left["count"] > len(files):
            files.append(fill(words["more"], n=filters.number(left["count"] - len(files))))
        yield said(left["reason"]), joined(files)
    if len(kinds) > SKIPPED:
        more = fill(words["more"], n=filters.number(len(kinds) - SKIPPED))
        yield more, name("report.json, left_alone", "code")


def every(report: Plain, key: str) -> Inline:
    """Where all images or warnings of a run stand."""
    return name(report["records"]["file"] if report["records"] else f"report.json, {key}", "code")


def _images(context: Plain) -> Iterator[Part]:
    """A sheet of the images that have figures, each with what the model said of it."""
    if not context["stands"]["images"]:
        return
    words, report, explained = context["words"], context["report"], context["explained"]
    yield chapter(context, "images")
    yield Paragraph(name(words["how_to_read_images"]), "note", clean(words["how_to_read"]), english=False)
    heads = [model["head"] for model in report["provenance"]["models"][:1] if model["head"] in words["heads"]]
    for head in heads:
        yield Paragraph(name(words["heads"][head]), "note", english=False)
    if len(explained) > 1:
        others = filters.join_words(explained[1:], words["and"])
        yield Paragraph(fill(words["shown_model"], first=explained[0], others=others), "note", english=False)
    if report["shown"] and report["shown"]["rule"]:
        yield Paragraph(said(report["shown"]["rule"]))
    shown = [image for image in context["images"] if image["shown"]][:SHEET]
    if shown:
        panels = tuple(panel(image["picture"], *_lines(image, words)) for image in shown)
        yield Figure("", "", "", "", panels, min(SHEET_COLUMNS, max(len(panels), 3)), wide=True)
    rest = context["totals"]["images"] - len(shown)
    if rest:
        further = counted(words, rest, words["further_images"], place=every(report, "images"))
        yield Paragraph(further, "aside", english=False)


def _lines(image: Plain, words: Plain) -> tuple[str, ...]:
    """What stands under an image of the sheet: the model's first choice, whether that is right, which file it is."""
    mark = {None: "no label", True: "right", False: "wrong"}[image["correct"]]
    said_of = words["mark"][mark]
    if mark == "wrong" and image["label"]:
        said_of += f", {filters.filled(words['labelled'], {'name': image['label']['name']})}"
    prediction = f"{image['prediction']['name']} {filters.percent(image['prediction']['probability'], 1)}"
    return prediction, said_of, image["name"]


def _sections(context: Plain, works: tuple[Work, ...]) -> Iterator[Part]:
    """Each chapter with what was found in it, and where its methods come from."""
    words = context["words"]
    places = {image["name"]: image["figures"][0]["anchor"] for image in context["images"] if image["figures"]}
    cited = works if context["stands"]["references"] else ()
    for section in context["sections"]:
        yield Heading(1, clean(section["title"]), section["anchor"], str(section["number"]))
        if section["findings"] and context["stands"]["findings"]:
            yield Heading(2, clean(words["findings"]), f"{section['anchor']}-findings", english=False)
            yield from (finding_part(finding, words) for finding in section["findings"])
        for block in section["blocks"]:
            if block["stands"]:
                yield from block_parts(block, words, places)
        yield from _elsewhere(section, words)
        yield from own_parts(section["note"])
        own = tuple(work for work in cited if section["id"] in work.record["cited_in"])
        if own:
            yield Cites(clean(words["references"]), own)


def _elsewhere(section: Plain, words: Plain) -> Iterator[Part]:
    """Which figures and tables of a chapter stand on a screen alone, and which files hold them."""
    if section["elsewhere"]:
        named = []
        for item in section["elsewhere"]:
            label = fill(words["figures_in_a_row" if item["several"] else item["type"]], n=str(item["number"]))
            named.append((*label, Span(" ("), *name(item["file"], "code"), Span(")")) if item["file"] else label)
        yield Paragraph((*name(f"{words['on_screen']} "), *joined(named), Span(".")), "aside", english=False)


def _further_findings(context: Plain) -> Iterator[Part]:
    """Findings whose chapter does not stand here."""
    rest = context["homeless"]
    if rest and context["stands"]["findings"]:
        yield chapter(context, "findings")
        yield from (finding_part(finding, context["words"]) for finding in rest)


def contents(document: Manuscript) -> list[Heading]:
    """The chapters, as a table of contents lists them."""
    return [part for part in document.parts if isinstance(part, Heading) and part.anchor and part.level == 1]
