"""The outreach policy: quiet hours, caps, templates and, for each model, whom a worklist holds and who is held out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from caregate.errors import BadInput, NotFound
from crm.outreach.medium import Medium
from crm.outreach.templates import Code, MustSay, Sensitivity, Template, unsaid
from crm.outreach.terms import Confidence, Count, Hour, Listed, Part, Reasoned, Share, Words, Zone
from governance.ledger import digest_of
from governance.people import Role

POLICY = Path(__file__).with_name("policy.yaml")


class OutreachPolicyUnfit(BadInput):
    """The outreach policy cannot be used; nothing is sent by it."""

    def __init__(self, name: str, problems: list[str]) -> None:
        super().__init__(f"the outreach policy {name} cannot be used: " + "; ".join(problems))


class NoOutreach(NotFound):
    """The policy says nothing of worklists of this model."""

    def __init__(self) -> None:
        super().__init__("no worklist is made by this model: the outreach policy does not name it")


class QuietHours(Reasoned):
    """The hours of the day, local, in which nobody is contacted; from the evening to the morning."""

    begin: Hour
    end: Hour

    @model_validator(mode="after")
    def _leaves_the_day(self) -> QuietHours:
        if self.begin <= self.end:
            raise ValueError("quiet hours begin in the evening and end in the morning")
        return self


class Caps(Part):
    """How many messages a patient gets, over all models, purposes and channels."""

    a_day: Count
    a_week: Count


class Stop(Part):
    """Words by which a patient ends messages, or has them again."""

    here: Listed
    """Of the channel that they came by."""
    everywhere: Listed
    again: Listed


class Defaults(Reasoned):
    """What counts for a patient who said nothing else."""

    zone: Zone
    language: Code
    media: tuple[Medium, ...] = Field(min_length=1)
    """In which order channels are tried."""


class Window(Reasoned):
    """Which records a day's worklist is about: so many days away from it; ahead where positive, past where negative."""

    first: int = Field(ge=-60, le=60)
    last: int = Field(ge=-60, le=60)

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.first > self.last:
            raise ValueError("first has to come before last")
        return self


class HoldOut(Share):
    """The share of patients who are left without outreach, so that its effect can be told."""


class ModelOutreach(Part):
    """How a model's scores become a worklist.

    Attributes
    ----------
    purpose
        What the scores are asked for; one that the model's own policy allows.
    window
        The records that a day is about.
    undated
        Of sources without dates: so many of the newest records whose outcome is not known.
    hold_out
        Zero where nobody may be left without outreach.
    daily
        How many can be contacted in a day, whatever the model's own capacity.
    template
        The message that is suggested.
    senders
        Roles whose act sends.
    """

    purpose: Code
    window: Window
    undated: Count
    hold_out: HoldOut
    daily: Count
    template: Code
    senders: tuple[Role, ...] = Field(min_length=1)


class Report(Part):
    """How the report judges."""

    confidence: Confidence
    suppress_under: Count


class OutreachPolicy(Part):
    """The whole policy."""

    quiet_hours: QuietHours
    caps: Caps
    longest: Mapping[Medium, Count]
    """Characters that a text may have, by channel; a channel that is not named has no limit of its own."""
    stop: Stop
    defaults: Defaults
    must_say: Mapping[Code, MustSay]
    sensitive_words: Mapping[Code, Listed]
    templates: Mapping[Code, Template]
    models: Mapping[str, ModelOutreach]
    report: Report
    words: Words

    @model_validator(mode="after")
    def _templates_say_all(self) -> OutreachPolicy:
        lacks = [f"{name}: {lack}" for name, item in self.templates.items() for lack in unsaid(item, self.must_say)]
        default = self.defaults.language
        lacks += [f"{name}: no text in {default}" for name, item in self.templates.items() if default not in item.texts]
        if lacks:
            raise ValueError("; ".join(lacks))
        return self

    @model_validator(mode="after")
    def _models_have_templates(self) -> OutreachPolicy:
        for name, model in self.models.items():
            template = self.templates.get(model.template)
            if template is None or template.sensitivity is not Sensitivity.PLAIN or template.emergency:
                raise ValueError(f"{name}: its template has to be one of the plain ones")
        return self

    @property
    def digest(self) -> str:
        """Return ``sha256:…`` of the policy's content."""
        return digest_of(self.model_dump(mode="json"))

    def of(self, model: str) -> ModelOutreach:
        """Return what is said of `model`.

        Raises
        ------
        NoOutreach
            If nothing is.
        """
        if model not in self.models:
            raise NoOutreach
        return self.models[model]


@lru_cache(maxsize=4)
def load_outreach_policy(path: Path = POLICY) -> OutreachPolicy:
    """Read the policy at `path`.

    Raises
    ------
    OutreachPolicyUnfit
        If it is missing, is no YAML, has an unknown key, lacks one, or a template does not say what each has to.
    """
    try:
        content: Any = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        return OutreachPolicy.model_validate(content)
    except OSError:
        raise OutreachPolicyUnfit(path.name, ["it cannot be read"]) from None
    except yaml.YAMLError as error:
        raise OutreachPolicyUnfit(path.name, [f"not YAML: {getattr(error, 'problem', 'unreadable')}"]) from None
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'whole'}: {item['msg']}" for item in error.errors()]
        raise OutreachPolicyUnfit(path.name, problems) from None
