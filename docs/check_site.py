"""`python docs/check_site.py SITE`: whether every page asks only its own folder for anything, and each of its links leads somewhere.

mkdocs looks at links in Markdown. Here it is what was built that counts: pictures in HTML, the theme's own files, anchors.
Exit code 1, and a line for each fault.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser loads by itself; the address of an <a> it loads when somebody clicks.
LOADED = {
    "link": "href",
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "object": "data",
    "video": "src",
}
# <link>s that are read by machines alone, and never loaded by a page.
NOT_LOADED = {"canonical", "next", "prev", "alternate"}


class Page(HTMLParser):
    """What one page loads, links to, and can be linked to at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors.update(found[name] for name in ("id", "name") if name in found)
        target = found.get(LOADED.get(tag, ""), "")
        if target and not (tag == "link" and NOT_LOADED & set(found.get("rel", "").split())):
            self.loads.append(target)
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])


def faults(site: Path) -> list[str]:
    """A line for each thing that is loaded from elsewhere, is not there, or has no such anchor."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        return [f"{site}: holds no page"]
    found = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        if name.name == "404.html":  # is served from any address: its links begin at the site's root
            continue
        for target in (*page.loads, *page.links):
            parts = urlsplit(target)
            if parts.scheme == "data" or (
                parts.scheme in ("https", "mailto") and target in page.links and target not in page.loads
            ):
                continue
            if parts.scheme or parts.netloc:
                found.append(f"{name}: loads {target[:100]} from elsewhere")
                continue
            meant = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            meant = meant / "index.html" if meant.is_dir() else meant
            if not meant.exists():
                found.append(f"{name}: {target} is not there")
            elif parts.fragment and meant in pages and unquote(parts.fragment) not in pages[meant].anchors | {"__skip"}:
                found.append(f"{name}: {target} has no such anchor")
    for style in site.rglob("*.css"):
        if any(f"url({quote}http" in style.read_text("utf-8") for quote in ("", '"', "'")):
            found.append(f"{style.relative_to(site)}: loads something from elsewhere")
    return found


if __name__ == "__main__":
    lines = faults(Path(sys.argv[1]))
    print("\n".join(lines) or "every link leads somewhere, and nothing comes from elsewhere")
    sys.exit(bool(lines))
