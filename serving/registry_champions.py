"""Champions from the ledger of a home and its approved copies, without MLflow and its database."""

from __future__ import annotations

from caregate.clock import Clock, system_clock
from caregate.settings import Settings
from governance.database import ledger_database
from governance.incident import ADVANCED, OPENED
from governance.ledger import Ledger
from registry.approvals import VERDICTS
from registry.champion import Champion, NoChampion, NotApproved, champion_of, previous_of
from registry.digest import DigestMismatch
from registry.doubt import doubt_about
from registry.promotions import PROMOTED
from registry.suspension import RESUMED, SUSPENDED, suspension_of
from serving.champions import NotServed

NO_CHAMPION = "no champion: no version was approved and promoted"
NOT_APPROVED = "the champion has no standing approval: it expired, was revoked, or was never given"
CHANGED = "the champion's files are not those that were approved"
IN_DOUBT = "lines of the ledger were changed or removed, and nobody has settled what they said"
DECIDING = (PROMOTED, SUSPENDED, RESUMED, *VERDICTS, OPENED, ADVANCED)
"""Acts after which another version may be served, or none."""


class RegistryChampions:
    """Asks the ledger of a home.

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

    def mark(self, _model: str) -> str:
        """Return the number of the last line that decides what is served, of whatever model."""
        return str(Ledger(ledger_database(self._settings)).last(*DECIDING))

    def champion(self, model: str) -> Champion:
        """Return the champion of `model`, its files hashed and its approval checked.

        Raises
        ------
        NotServed
            If the model is suspended, has no champion that may be served, or the ledger is in doubt.
        """
        if suspended := suspension_of(self._settings, model):
            raise NotServed(f"suspended since {suspended.at:%Y-%m-%d %H:%M} UTC")
        if incident := doubt_about(self._settings, clock=self._clock):
            raise NotServed(f"{IN_DOUBT}: {incident}")
        try:
            return champion_of(self._settings, model, clock=self._clock)
        except NoChampion:
            raise NotServed(NO_CHAMPION) from None
        except NotApproved:
            raise NotServed(NOT_APPROVED) from None
        except DigestMismatch:
            raise NotServed(CHANGED) from None

    def previous(self, model: str) -> Champion | None:
        """Return the version that was in use before, hashed and checked; None where none may be served."""
        try:
            return previous_of(self._settings, model, clock=self._clock)
        except (NoChampion, NotApproved, DigestMismatch):
            return None
