"""The models that ship, by name."""

from __future__ import annotations

from caregate.errors import NotFound
from models import no_show, readmission_risk
from models.spec import ModelSpec

SPECS: dict[str, ModelSpec] = {spec.name: spec for spec in (no_show.SPEC, readmission_risk.SPEC)}


class UnknownModel(NotFound):
    """No model has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no model is named {name!r}: use one of {', '.join(SPECS)}")


def spec_of(name: str) -> ModelSpec:
    """Return the model named `name`.

    Raises
    ------
    UnknownModel
        If there is none.
    """
    if name not in SPECS:
        raise UnknownModel(name)
    return SPECS[name]
