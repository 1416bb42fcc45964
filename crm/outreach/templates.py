"""Message templates: fixed texts that say what they are, who sends them, and how to reach a person and to stop."""

from __future__ import annotations

import string
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from crm.outreach.medium import Medium
from crm.outreach.terms import Part, Reasoned, Words

PROVIDER, REACH = "provider", "reach"
PLACES = {PROVIDER, REACH}
"""What a template leaves open, and has to hold: nothing of a patient is filled into a message."""
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]


class Sensitivity(StrEnum):
    """Whether a machine may say it."""

    PLAIN = "plain"
    SENSITIVE = "sensitive"


class MustSay(Reasoned):
    """The words of a language by which a message says that it is automated, and how to end it: one of each."""

    automated: tuple[str, ...] = Field(min_length=1)
    stop: tuple[str, ...] = Field(min_length=1)


class Template(Part):
    """A message in several languages.

    Attributes
    ----------
    version
        Rises with each change of a text: the log names it.
    words
        What it is for.
    sensitivity
        A sensitive one is left to a person.
    emergency
        Whether it may go out as an emergency, by a named person alone.
    media
        The channels that it is written for.
    texts
        By language.
    """

    version: int = Field(ge=1)
    words: Words
    sensitivity: Sensitivity
    emergency: bool = False
    media: tuple[Medium, ...] = Field(min_length=1)
    texts: Mapping[Code, str] = Field(min_length=1)

    @model_validator(mode="after")
    def _fills_in_nothing_else(self) -> Template:
        for language, text in self.texts.items():
            found = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
            if found != PLACES:
                raise ValueError(f"{language}: it has to hold {{provider}} and {{reach}}, and no other place")
        return self

    def render(self, language: str, provider: str, reach: str) -> str:
        """Return the text in `language`."""
        return self.texts[language].format(provider=provider, reach=reach)


def unsaid(template: Template, must_say: Mapping[str, MustSay]) -> list[str]:
    """Return what a template's texts do not say although each has to."""
    lacks = []
    for language, text in template.texts.items():
        asked = must_say.get(language)
        if asked is None:
            lacks.append(f"{language}: the policy does not know by which words a text says that it is automated")
            continue
        said = text.casefold()
        if not any(word.casefold() in said for word in asked.automated):
            lacks.append(f"{language}: it does not say that it is automated")
        if not any(word.casefold() in said for word in asked.stop):
            lacks.append(f"{language}: it does not say how to stop")
    return lacks
