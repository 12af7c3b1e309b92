"""What is looked up and not read: rules of the verdicts, glossary, settings, provenance, files, works."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reportgen.rendering import filters
from reportgen.rendering.manuscript.inline import clean, counted, fill, joined, name, said
from reportgen.rendering.manuscript.parts import Bullets, Facts, Heading, Inline, Paragraph, Part, Span, Work, Works
from reportgen.rendering.plain import Plain

# Sources of labels, and files that were read, which a page names.
SOURCES = 20


def _heading(context: Plain, part: str) -> Heading:
    return Heading(1, clean(context["words"][part]), part, english=False)


def _rules(context: Plain) -> Iterator[Part]:
    rules = context["report"]["rules"]
    if rules and context["stands"]["rules"]:
        yield _heading(context, "rules")
        yield Bullets(tuple(said(rule) for rule in rules))


def _glossary(context: Plain) -> Iterator[Part]:
    terms = context["report"]["glossary"]
    if terms and context["stands"]["glossary"]:
        yield _heading(context, "glossary")
        yield Facts("", tuple((name(item["term"]), said(item["text"])) for item in terms))


def _settings(context: Plain) -> Iterator[Part]:
    if not context["stands"]["settings"]:
        return
    given = [(name(key, "code"), name(value)) for key, value in context["settings"] if value != "none"]
    silent = [name(key, "code") for key, value in context["settings"] if value == "none"]
    rows: list[tuple[Inline, Inline]] = [*given]
    if silent:
        rows.append((name(context["words"]["not_set"]), joined(silent)))
    yield _heading(context, "settings")
    yield Facts("", tuple(rows))


def _provenance(context: Plain) -> Iterator[Part]:
    if not context["stands"]["provenance"]:
        return
    words, made = context["words"], context["report"]["provenance"]
    run = made["runtime"]
    runtime = fill(words["run_with"], name=run["name"], precision=run["precision"], device=run["device"])
    software = [f"reportgen {made['reportgen']}", f"Python {made['python']}"]
    software += [f"{package}\N{NO-BREAK SPACE}{version}" for package, version in filters.flat(made["packages"])]
    weights = [
        (fill(words["weights_of"], name=model["name"]), name(model["weights_sha256"], "code"))
        for model in made["models"]
    ]
    labels = [name(f"{one['source']} ({filters.number(one['count'])})") for one in context["label_sources"][:SOURCES]]
    if more := len(context["label_sources"]) - len(labels):
        labels.append(fill(words["more"], n=filters.number(more)))
    sources = [(name(words["labels_from"]), joined(labels))] if labels else []
    inputs = [
        (fill(words["read_from"], name=file), name(sha256, "code"))
        for file, sha256 in list(filters.flat(made["inputs"]))[:SOURCES]
    ]
    yield _heading(context, "provenance")
    rows = [
        (name(words["command"]), name(" ".join(made["command"]) or filters.DASH, "code")),
        (name(words["created"]), name(made["created"])),
        (name(words["seed"]), name(str(made["seed"]))),
        (name(words["runtime"]), (*runtime, *said(f"; {run['note']}")) if run["note"] else runtime),
        *sources,
        *inputs,
        *weights,
        (name(words["software"]), name(", ".join(software))),
    ]
    yield Facts("", tuple(rows))


def _files(context: Plain) -> Iterator[Part]:
    words, files, tables = context["words"], context["report"]["files"], context["tables"]
    if not (files or tables) or not context["stands"]["files"]:
        return
    rows = []
    for item in files:
        count = counted(words, item["count"], words["file_count"]) if item["path"].endswith("/") else ()
        separator = (Span("; "),) if count and item["text"] else ()
        rows.append((name(item["path"], "code"), (*said(item["text"]), *separator, *count)))
    if tables:
        listed: list[Inline] = []
        for table in tables:
            place = filters.filled(words["table"], {"n": table["number"]})
            link = Span(clean(place), to=table["anchor"], numbered=True)
            listed.append((link, Span(": "), *name(table["file"], "code")))
        rows.append((name(words["full_tables"]), joined(listed)))
    yield _heading(context, "files")
    yield Facts("", tuple(rows))


def _left_out(context: Plain) -> Iterator[Part]:
    if context["left_out"]:
        words = context["words"]
        parts = filters.join_words([part["id"] for part in context["left_out"]], words["and"])
        yield Paragraph(fill(words["left_out"], parts=parts), "aside", english=False)


# In the order of the pages.
APPENDIX: tuple[Callable[[Plain], Iterator[Part]], ...] = (_rules, _glossary, _settings, _provenance, _files, _left_out)


def works_of(references: list[Plain]) -> tuple[Work, ...]:
    """The bibliography; keys that programs choke on are made plain, and unique."""
    works, taken = [], set[str]()
    for record in references:
        key, repeat = filters.slug(record["key"]), 1
        while key in taken:
            repeat += 1
            key = f"{filters.slug(record['key'])}-{repeat}"
        taken.add(key)
        number = record["number"]
        works.append(Work(key, number, f"reference-{number}", clean(record["text"]), record))
    return tuple(works)


def references(context: Plain, works: tuple[Work, ...]) -> Iterator[Part]:
    """The last chapter."""
    yield _heading(context, "references")
    yield Works(works)
