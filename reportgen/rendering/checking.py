"""`reportgen templates check`: what is wrong with a template, with file and line, before a report meets it.

The template is parsed, held against the blocks and files of its base, and rendered on a made-up report that ships with
reportgen, under the same sandbox and limits as any report.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from jinja2 import Environment, meta, nodes
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError

from reportgen.rendering.context import CONTEXT_VERSION
from reportgen.rendering.environment import environment
from reportgen.rendering.pdf.writer import load_weasyprint
from reportgen.rendering.sandbox.limits import limits_for
from reportgen.rendering.sandbox.process import Content, render_in_sandbox
from reportgen.rendering.sources import inside, sources
from reportgen.rendering.templates import FIXTURE, OWN_FILE, PAGE, Template, find_template, nearest, shipped_templates
from reportgen.rendering.words import chosen_language, languages, missing_words, read_words
from reportgen.report.open import read_report
from reportgen.utils.errors import ReportgenError, UsageError

ENDINGS = (".html", ".css", ".js", ".txt")
# Complaints that say nothing about the template: the machine lacks a font.
NOT_ITS_FAULT = (".notdef glyph",)


def check_template(template: str | Path) -> list[str]:
    """What is wrong, one line each; empty where nothing is.

    Raises:
        UsageError: there is no such template, or its template.toml is wrong.
        ReportgenError: Pango is missing.
    """
    load_weasyprint()
    chosen = find_template(template)
    env = environment(chosen.folders, url=str, asset=str)
    own = chosen.folders[0]
    parsed, mistakes = _parsed(env, own)
    version = chosen.file.context_version
    if version not in (None, CONTEXT_VERSION):
        mistakes.append(f"{OWN_FILE}: written for context {version}, this reportgen has {CONTEXT_VERSION}")
    mistakes += _words(chosen)
    if len(chosen.folders) > 1 and not mistakes:
        mistakes += _lost_blocks(env, parsed)
        mistakes += _lost_files(parsed, chosen.folders[1:])
    return mistakes or _rendered(chosen)


def _parsed(env: Environment, own: Path) -> tuple[dict[str, nodes.Template], list[str]]:
    """Every template file of the folder by name, and the mistakes of those that do not parse."""
    parsed, mistakes = {}, []
    for path in sorted(own.rglob("*")):
        name = path.relative_to(own).as_posix()
        real = inside(own, name)
        if real is None or path.suffix not in ENDINGS:
            continue
        try:
            parsed[name] = env.parse(real.read_text("utf-8"), name)
        except TemplateSyntaxError as error:
            mistakes.append(f"{name}, line {error.lineno}: {error.message}")
        except (UnicodeDecodeError, RecursionError) as error:
            mistakes.append(f"{name}: cannot be read ({error})")
    return parsed, mistakes


# --- what the base no longer has -----------------------------------------------------------------


def _lost_blocks(env: Environment, parsed: Mapping[str, nodes.Template]) -> Iterator[str]:
    """Blocks that stand outside every other and that no parent has: Jinja drops them without a word."""
    for name, page in parsed.items():
        parent = _parent(page)
        if parent is None:
            continue
        try:
            known = _blocks(env, parent)
        except TemplateNotFound as error:
            yield f"{name}, line 1: no such template to extend: {error.name}"
            continue
        except TemplateSyntaxError as error:
            yield f"{error.name or parent}, line {error.lineno}: {error.message}"
            continue
        except (UnicodeDecodeError, RecursionError):
            yield f"{name}, line 1: {parent}, which it extends, cannot be read"
            continue
        for block in page.body:
            if isinstance(block, nodes.Block) and block.name not in known:
                yield (
                    f"{name}, line {block.lineno}: block {block.name} overrides nothing: {parent} has no such block"
                    f"{nearest(block.name, known)}"
                )


def _parent(page: nodes.Template) -> str | None:
    parents = [node.template.value for node in page.find_all(nodes.Extends) if isinstance(node.template, nodes.Const)]
    return parents[0] if parents else None


def _blocks(env: Environment, name: str | None) -> set[str]:
    """Names of the blocks of a template and of all that it extends."""
    found: set[str] = set()
    seen: set[str] = set()
    while name is not None and name not in seen and env.loader is not None:
        seen.add(name)
        page = env.parse(env.loader.get_source(env, name)[0], name)
        found |= {block.name for block in page.find_all(nodes.Block)}
        name = _parent(page)
    return found


def _lost_files(parsed: Mapping[str, nodes.Template], bases: Collection[Path]) -> Iterator[str]:
    """Files that neither take the place of one of the base nor are used by another file of the folder."""
    known = {path.relative_to(base).as_posix() for base in bases for path in base.rglob("*") if path.is_file()}
    used = {name for page in parsed.values() for name in meta.find_referenced_templates(page)}
    for name in parsed:
        if name != PAGE and name not in known and name not in used:
            yield (
                f"{name}: overrides nothing: the base has no such file, and no template of the folder includes it"
                f"{nearest(name, known)}"
            )


# --- words ---------------------------------------------------------------------------------------


def _words(template: Template) -> list[str]:
    """What is wrong with the words of the folder, in its own language and in every other that it has a file of."""
    mistakes = []
    try:
        spoken = {chosen_language(template, None), *languages(template.folders[:1])}
    except UsageError as error:
        mistakes, spoken = [str(error)], set()
    for language in sorted(spoken):
        try:
            read_words(template, language)
        except UsageError as error:
            mistakes.append(str(error))
            continue
        missing = missing_words(template, language)
        if missing:
            mistakes.append(f"words/{language}.toml: stand in English, as they are not there: {', '.join(missing)}")
    return [text.removeprefix(f"{template.folders[0]}{os.sep}") for text in dict.fromkeys(mistakes)]


# --- rendering -----------------------------------------------------------------------------------


def _rendered(template: Template) -> list[str]:
    """The first mistake that rendering the example meets; where there is none, what WeasyPrint complains about."""
    fixture = shipped_templates() / FIXTURE
    report = read_report(fixture)
    files = sources(report, fixture, template.folders)
    language = chosen_language(template, None)
    words = read_words(template, language)
    limits, content = limits_for(len(files.pictures)), Content(report, template.file, language, words)
    with tempfile.TemporaryDirectory(prefix="reportgen-") as scratch:
        target = Path(scratch) / "out"
        try:
            for medium in ("html", "pdf"):
                _, complaints = render_in_sandbox(medium, content, files, target, limits)
            render_in_sandbox("page", content, files, target, limits)
        except ReportgenError as error:
            return [str(error).removeprefix("template ")]
        page = target.read_text("utf-8")
    wanted = [text for text in complaints if not any(words in text for words in NOT_ITS_FAULT)]
    return [_with_place(text.removeprefix("PDF: "), page, template.folders[0]) for text in wanted]


def _with_place(complaint: str, page: str, own: Path) -> str:
    """WeasyPrint's complaint about a line of a style element, with the file and line that it came from."""
    complaint = " ".join(complaint.split())
    found = re.search(r" at (\d+):\d+", complaint)
    if found is None:
        return complaint
    for style in re.findall(r"<style[^>]*>(.*?)</style", page, re.DOTALL):
        lines = style.split("\n")
        line = lines[int(found[1]) - 1].strip() if int(found[1]) <= len(lines) else ""
        place = line and _place_of(line, own)
        if place:
            return f"{place}: {complaint.replace(found[0], '', 1)}"
    return complaint


def _place_of(line: str, own: Path) -> str:
    """`FILE, line N` of the first file of the folder with this very line; empty where there is none."""
    for path in sorted(own.rglob("*")):
        name = path.relative_to(own).as_posix()
        if path.suffix in (".css", ".html") and inside(own, name):
            for number, text in enumerate(path.read_text("utf-8").split("\n"), start=1):
                if text.strip() == line:
                    return f"{name}, line {number}"
    return ""
