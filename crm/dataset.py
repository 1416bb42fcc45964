"""``dataset.yaml``: what the owner of canonical files declares about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from caregate.errors import BadInput
from crm.basis import Basis

NAME = "dataset.yaml"
LONGEST = 65_536
"""Bytes; a declaration is a dozen lines."""


class Undeclared(BadInput):
    """Canonical files lie there without a declaration, or with one that cannot be used."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{NAME} {why}; lay one beside the tables with `basis` ({', '.join(Basis)}), `owner`, and `consent` with "
            "`asked` (required or not-required) and its `reason`"
        )


class _Plain(yaml.SafeLoader):
    """YAML without aliases: a few lines of them unfold to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias, compose everything else."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError
        return super().compose_node(parent, index)


class Consent(BaseModel):
    """Whether each patient is asked, and if not, why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asked: Literal["required", "not-required"]
    reason: str = ""

    @model_validator(mode="after")
    def _reason_is_given(self) -> Consent:
        if self.asked == "not-required" and not self.reason.strip():
            raise ValueError("not-required needs a reason")
        return self


class Dataset(BaseModel):
    """The declaration.

    Attributes
    ----------
    basis, owner, consent
        Go into the manifest as they are.
    system
        Whose record numbers these are; files of the same system share their patients' tokens.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    basis: Basis
    owner: str = Field(min_length=1, max_length=200)
    consent: Consent
    system: str = Field(default="canonical", pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")


def read_dataset(folder: Path) -> Dataset:
    """Read the declaration in `folder`.

    Raises
    ------
    Undeclared
        If there is none, or it does not say what it has to.
    """
    try:
        return Dataset.model_validate(yaml.load(_text(folder / NAME), Loader=_Plain))  # noqa: S506  a safe loader
    except ValidationError as error:
        places = sorted({".".join(map(str, item["loc"])) or "the whole" for item in error.errors()})
        raise Undeclared(f"cannot be used ({', '.join(places)})") from None
    except OSError:
        raise Undeclared("is missing") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Undeclared("is no plain YAML in UTF-8") from None


def _text(path: Path) -> str:
    if not path.exists():
        raise FileNotFoundError
    if not path.is_file():
        raise Undeclared("is no file")
    with path.open("rb") as file:
        said = file.read(LONGEST + 1)
    if len(said) > LONGEST:
        raise Undeclared(f"is longer than {LONGEST:,} bytes")
    return said.decode("utf-8")
