"""The models that ship, by name: every module of this folder that holds a ``SPEC``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from caregate.errors import NotFound
from models.spec import ModelSpec


def _found() -> dict[str, ModelSpec]:
    names = sorted(module.name for module in iter_modules([str(Path(__file__).parent)]))
    modules = (import_module(f"models.{name}") for name in names if f"models.{name}" != __name__)
    specs = (getattr(module, "SPEC", None) for module in modules)
    return {spec.name: spec for spec in specs if isinstance(spec, ModelSpec)}


SPECS: dict[str, ModelSpec] = _found()


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
