"""The shelf: which version of each model answers at this moment, swapped whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from caregate.errors import NotFound
from models.spec import ModelSpec
from serving.known.history import History, nothing_known
from serving.served import Served
from validation.policy import Policy

NOT_LOOKED = "the service has not looked at the registry yet"


class UnknownModel(NotFound):
    """No model of this name is offered here."""

    def __init__(self) -> None:
        super().__init__("no model of this name is offered here: see the OpenAPI document for the names")


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that this service knows, whether or not a version of it may be served.

    Attributes
    ----------
    spec, policy
        What the model is, and what may be asked of it.
    """

    spec: ModelSpec
    policy: Policy


@dataclass(frozen=True, slots=True)
class Standing:
    """What answers for a model.

    Attributes
    ----------
    served, why
        A version, or why none answers.
    history
        What is known to ask it with.
    newest
        The last moment or position of the model's table that is known; none where nothing is.
    """

    served: Served | None
    history: History
    why: str | None = None
    newest: Any = None


class Shelf:
    """The standing of every offered model.

    A request takes a `Standing` once and answers from it; a swap replaces the reference, so that requests in flight
    end on the version that they began with.
    """

    def __init__(self, offers: Mapping[str, Offer]) -> None:
        self.offers = dict(offers)
        self._standings = {name: Standing(None, nothing_known(), NOT_LOOKED) for name in offers}

    def offer(self, model: str) -> Offer:
        """Return the offer of `model`.

        Raises
        ------
        UnknownModel
            If it is not offered.
        """
        if model not in self.offers:
            raise UnknownModel
        return self.offers[model]

    def standing(self, model: str) -> Standing:
        """Return what answers for `model` from now on.

        Raises
        ------
        UnknownModel
            If it is not offered.
        """
        self.offer(model)
        return self._standings[model]

    def put(self, model: str, standing: Standing) -> None:
        """Let `standing` answer for `model` from the next request on."""
        self._standings[model] = standing
