"""Sensitive content: what is left to a person, because a machine cannot answer what is asked next."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from crm.outreach.terms import Listed


def is_sensitive(text: str, words: Mapping[str, Listed]) -> bool:
    """Tell whether `text` holds one of `words`, of whatever language, at the beginning of a word.

    Accents, case and line breaks make no difference; a word is found with its endings too, because to hold too much
    costs a look, and to hold too little may cost a patient.
    """
    return _pattern(tuple(word for listed in words.values() for word in listed.value)).search(_plain(text)) is not None


@lru_cache(maxsize=8)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(re.escape(_plain(word)) for word in words) + ")")


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return " ".join("".join(part for part in parts if not unicodedata.combining(part)).split())
