"""The policy as one flat list of names and values, so that two versions of it can be laid side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from validation.policy import Policy

IN_WORDS = frozenset({"reason", "changed_by", "words", "meaning", "harm"})
"""What is written for people: it decides nothing."""
APART = ("model", "waivers", "faults")
"""What is shown elsewhere, or asks nothing of a model."""

Value = str | float


def policy_numbers(policy: Policy) -> dict[str, Value]:
    """Return every value that decides something, by its place in the file, such as ``robustness.missing``.

    The names of gates stand without ``gates.``, and a number that has a reason without ``.value``. Of a list with names
    there is one entry for its names, and one for each further value of each.
    """
    content = {key: item for key, item in policy.model_dump(mode="json").items() if key not in APART}
    gates = content.pop("gates")
    return dict(_walk("", content | gates))


def _walk(name: str, item: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(item, Mapping):
        for key, inner in item.items():
            if key not in IN_WORDS:
                yield from _walk(name if key == "value" else f"{name}.{key}" if name else key, inner)
    elif isinstance(item, Sequence) and not isinstance(item, str):
        yield name, ", ".join(_title(each) for each in item)
        for each in item:
            if isinstance(each, Mapping) and "name" in each:
                yield from _walk(f"{name}.{each['name']}", {key: each[key] for key in each if key != "name"})
    elif item is not None:
        yield name, item


def _title(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    return str(item["name"]) if "name" in item else " of ".join(str(each) for each in _plain(item))


def _plain(item: Mapping[str, Any]) -> list[Any]:
    return [value for key, value in item.items() if key not in IN_WORDS]
