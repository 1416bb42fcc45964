"""The model card: CHAI's fields and HTI-1's 31 source attributes, empty where a person must write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from registry.card_facts import facts_of
from registry.evidence import Evidence
from registry.report_words import in_markdown

FIELDS = Path(__file__).parent / "card_fields.yaml"
TITLES = {"chai": "CHAI applied model card", "hti1": "HTI-1 source attributes"}
EMPTY = "*(to be written by a person)*"


@dataclass(frozen=True, slots=True)
class CardField:
    """One field of the card.

    Attributes
    ----------
    standard, section, text
        ``chai`` or ``hti1``, its section, and what is asked.
    value
        The answer; empty where no fact gives one.
    """

    standard: str
    section: str
    text: str
    value: str


def fill_card(evidence: Evidence) -> tuple[CardField, ...]:
    """Fill every field that a known fact answers."""
    asked: Mapping[str, Any] = yaml.safe_load(FIELDS.read_text(encoding="utf-8"))
    facts = facts_of(evidence)
    return tuple(
        CardField(standard, section, item["text"], facts.get(item["id"], ""))
        for standard, sections in asked.items()
        for section, items in sections.items()
        for item in items
    )


def completeness(card: tuple[CardField, ...], standard: str = "") -> tuple[int, int]:
    """Return how many fields are filled and how many there are, of one standard or of both."""
    asked = [item for item in card if standard in {"", item.standard}]
    return sum(bool(item.value) for item in asked), len(asked)


def card_json(card: tuple[CardField, ...], evidence: Evidence) -> dict[str, Any]:
    """Return the card as JSON-ready values; an unwritten field is null."""
    answer: dict[str, Any] = {"model": evidence.spec.name, "snapshot": evidence.snapshot.digest}
    for standard in TITLES:
        filled, asked = completeness(card, standard)
        sections: dict[str, dict[str, str | None]] = {}
        for item in card:
            if item.standard == standard:
                sections.setdefault(item.section, {})[item.text] = item.value or None
        answer[standard] = {"filled": filled, "fields": asked, "sections": sections}
    return answer


def card_markdown(card: tuple[CardField, ...], evidence: Evidence) -> str:
    """Return the card as markdown."""
    filled, asked = completeness(card)
    lines = [f"# {evidence.spec.title} (`{evidence.spec.name}`)", "", f"{filled} of {asked} fields are filled."]
    for standard, title in TITLES.items():
        filled, asked = completeness(card, standard)
        lines += ["", f"## {title}: {filled} of {asked}"]
        section = ""
        for item in card:
            if item.standard != standard:
                continue
            if item.section != section:
                section = item.section
                lines += ["", f"### {section}", ""]
            lines.append(f"- **{item.text}**: {in_markdown(item.value) if item.value else EMPTY}")
    return "\n".join(lines) + "\n"
