"""MLflow's aliases: they show what the ledger says of the versions in use, and are set anew where they do not."""

from __future__ import annotations

from contextlib import suppress

from caregate.clock import Clock
from caregate.errors import CaregateError
from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from registry import names
from registry.champion import approved_folder, standing_of
from registry.digest import verified_manifest
from registry.promotions import Promotion, before, in_use
from registry.versions import aliases_of

OURS = (names.PREVIOUS, names.CHAMPION)
"""Aliases that show something of the ledger, in the order in which they are set."""


def aliases_due(settings: Settings, model: str, *, clock: Clock) -> dict[str, int]:
    """Return the version that each alias of `model` has to point to; one that does not stand has none."""
    ledger = Ledger(ledger_database(settings), clock)
    said = {names.CHAMPION: in_use(ledger, model), names.PREVIOUS: before(ledger, model)}
    return {alias: found.key.version for alias, found in said.items() if found and _stands(settings, found, clock)}


def aliases_astray(settings: Settings, model: str, *, clock: Clock) -> dict[str, tuple[int | None, int | None]]:
    """Return the aliases of `model` that are not as they have to be: what they point to, and what they should."""
    due = aliases_due(settings, model, clock=clock)
    found = aliases_of(open_database(settings.registry_url), model)
    return {alias: (found.get(alias), due.get(alias)) for alias in OURS if found.get(alias) != due.get(alias)}


def show_aliases(settings: Settings, model: str, *, clock: Clock) -> None:
    """Point the aliases of `model` to what the ledger says.

    Raises
    ------
    registry.connection.RegistryRefused
        If the registry's own rules forbid it.
    """
    from registry.connection import open_registry  # imports MLflow, which is only needed where something is astray

    astray = aliases_astray(settings, model, clock=clock)
    if not astray:
        return
    with open_registry(settings, account=names.PROMOTER) as registry:
        for alias, (_, version) in astray.items():
            if version is None:
                registry.models.delete_registered_model_alias(model, alias)
            else:
                registry.models.set_registered_model_alias(model, alias, str(version))


def _stands(settings: Settings, promotion: Promotion, clock: Clock) -> bool:
    with suppress(CaregateError):
        manifest = verified_manifest(approved_folder(settings, promotion.digest), promotion.digest)
        standing_of(settings, promotion.key, manifest, now=clock())
        return True
    return False
