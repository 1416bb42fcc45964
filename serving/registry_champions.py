"""Champions from the registry of a home: read from its databases and its approved copies, without MLflow."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, func, inspect, select

from caregate.clock import Clock, system_clock
from caregate.settings import Settings
from governance.database import open_database
from governance.schema import approvals, suspensions
from registry.champion import Champion, NoChampion, NotApproved, champion_of
from registry.digest import DigestMismatch
from registry.suspension import suspension_of
from registry.versions import aliases_of
from serving.champions import NotServed

NO_CHAMPION = "no champion: no version was approved and promoted"
NOT_APPROVED = "the champion has no standing approval: it expired, was revoked, or was never given"
CHANGED = "the champion's files are not those that were approved"
ALIASES = "registered_model_aliases"


class RegistryChampions:
    """Asks the registry of a home.

    Parameters
    ----------
    settings
        Of the home.
    clock
        Says which approvals still hold.
    """

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._clock = clock
        self._made = False

    def mark(self, model: str) -> str:
        """Return the aliases of `model` and the numbers of the last verdict and the last suspension."""
        registry = self._registry()
        aliases = sorted(aliases_of(registry, model).items()) if registry else []
        verdict = select(func.max(approvals.c.seq)).where(approvals.c.model == model)
        stop = select(func.max(suspensions.c.seq)).where(suspensions.c.model == model)
        with open_database(self._settings.ledger_url).connect() as connection:
            return f"{aliases} {connection.scalar(verdict)} {connection.scalar(stop)}"

    def champion(self, model: str) -> Champion:
        """Return the champion of `model`, its files hashed and its approval checked.

        Raises
        ------
        NotServed
            If the model is suspended or has no champion that may be served.
        """
        if suspended := suspension_of(self._settings, model):
            raise NotServed(f"suspended since {suspended.at:%Y-%m-%d %H:%M} UTC")
        if self._registry() is None:
            raise NotServed(NO_CHAMPION)
        try:
            return champion_of(self._settings, model, clock=self._clock)
        except NoChampion:
            raise NotServed(NO_CHAMPION) from None
        except NotApproved:
            raise NotServed(NOT_APPROVED) from None
        except DigestMismatch:
            raise NotServed(CHANGED) from None

    def _registry(self) -> Engine | None:
        """Return the registry's database once MLflow has made it; looking for it must not make it."""
        engine = open_database(self._settings.registry_url)
        if not self._made:
            absent = engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).is_file()
            self._made = not absent and inspect(engine).has_table(ALIASES)
        return engine if self._made else None
