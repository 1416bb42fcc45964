"""The version in use as a new one is compared with it: on the same rows, before anybody signs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from caregate.clock import Clock, system_clock
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from models.artifact import FittedModel, Floats, load_model
from registry.approvals import VersionKey
from registry.champion import Champion, NoChampion, NotApproved, champion_of
from registry.digest import DigestMismatch, VersionManifest
from registry.promotions import was_in_use

ENDED = (
    "the approval of the version promoted last ended or was revoked: nothing that may be used is there to compare with"
)
CHANGED = "the files of the version in use are not those that were signed: restore them or roll back"


@dataclass(frozen=True)
class Incumbent:
    """The version that was promoted last.

    Attributes
    ----------
    champion
        The version, its files and who signed it; None where it may not or cannot be used.
    run_key, recipe
        Names of the run that made it: with and without what it was compared with.
    why
        Why it cannot be compared with; empty where it can.
    """

    champion: Champion | None
    run_key: str = ""
    recipe: str = ""
    why: str = ""

    @property
    def digest(self) -> str:
        """What the version in use is, or why it cannot be used: either changes what a run is compared with."""
        return self.champion.digest if self.champion else self.why

    @property
    def evidence(self) -> Path | None:
        """Where its evidence lies."""
        return self.champion.folder / "evidence" if self.champion else None


def incumbent_of(settings: Settings, model: str, *, clock: Clock = system_clock) -> Incumbent | None:
    """Return the version of `model` that was promoted last, None where none was."""
    try:
        champion = champion_of(settings, model, clock=clock)
    except NoChampion:
        return None
    except NotApproved:
        return Incumbent(None, why=ENDED)
    except DigestMismatch:
        return Incumbent(None, why=CHANGED)
    return Incumbent(champion, champion.promotion.run_key, champion.promotion.recipe)


def overtaken_by(
    settings: Settings, key: VersionKey, manifest: VersionManifest, *, clock: Clock = system_clock
) -> Champion | None:
    """Return the version in use if the one of `key` was not compared with it, else None.

    Two versions that were judged side by side may not follow each other: the second was never held against the first.
    What was in use before may come back: whoever brings it back knows what they have.
    """
    incumbent = incumbent_of(settings, key.model, clock=clock)
    if incumbent is None or incumbent.champion is None or incumbent.digest in {manifest.digest, manifest.compared_with}:
        return None
    ledger = Ledger(ledger_database(settings), clock)
    return None if was_in_use(ledger, key) else incumbent.champion


def scores_of(incumbent: Incumbent, rows: pa.Table) -> Floats | str:
    """Return the version's scores on `rows` of a feature table, shape (n,), or why there are none."""
    if incumbent.champion is None:
        return incumbent.why
    model = load_model(incumbent.champion.folder)
    missing = _missing(model, rows)
    if missing:
        return f"the version in use reads what is not made any more: {', '.join(missing)}"
    return model.predict(rows)


def _missing(model: FittedModel, rows: pa.Table) -> list[str]:
    return [column.name for column in model.columns if column.name not in rows.column_names]
