"""The pages of the documentation, their code, links and headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
REQUEST = re.compile(r"""(?:-d '|^)(\{"purpose".*?\]\})""", re.MULTILINE | re.DOTALL)
ENDS = {"|", "||", "&&", ";", ">", ">>", "#", "&"}
FRONT = re.compile(r"^(\$|[A-Z_]+=\S*)$")


@dataclass(frozen=True)
class Command:
    """A command that a page shows: its words without the program's name, and whether it stands in a block."""

    words: tuple[str, ...]
    whole: bool


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands(page: Path, program: str) -> Iterator[Command]:
    """Yield the commands of `program` on a page: whole ones from code blocks, mentions from code spans."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from _command(line, program, whole=True)
    for span in SPAN.findall(BLOCK.sub("", text)):
        yield from _command(span, program, whole=False)


def _command(line: str, program: str, *, whole: bool) -> Iterator[Command]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # prose or JSON
        return
    while words and FRONT.match(words[0]):
        words = words[1:]
    if words and words[0].rpartition("/")[2] == program:
        end = next((place for place, word in enumerate(words) if word in ENDS), len(words))
        yield Command(tuple(words[1:end]), whole)


def requests(page: Path) -> Iterator[bytes]:
    """Yield the bodies of requests for scores that a page shows."""
    text = page.read_text(encoding="utf-8")
    yield from (body.encode() for body in REQUEST.findall(text))


def links(page: Path) -> Iterator[str]:
    """Yield the targets of links that lead to a file or a heading of this repository."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    yield from (target for target in LINK.findall(text) if "://" not in target and not target.startswith("mailto:"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub names them."""
    headings = HEADING.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
