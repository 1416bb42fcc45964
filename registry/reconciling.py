"""Putting back what was changed past the server, and opening an incident for it.

The page shows again what the ledger holds: tags of birth, the server's stamps, aliases. What cannot be put back, such
as a version that is gone, stays an incident. Files are looked at as well: a spoilt copy of a version in use is made
anew from its closed folder, if that still is what was signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError
from caregate.settings import Settings
from governance.anchor_file import AnchorsChanged, AnchorsGone, keep_anchor, kept_anchors, verify_ledger
from governance.anchors import hold
from governance.chain import BrokenChain, ForeignLine
from governance.database import ledger_database, open_database
from governance.incident_rules import Kind
from governance.incidents import Incidents
from governance.ledger import Ledger
from registry import names
from registry.aliases import show_aliases
from registry.artifacts import artifact_folder
from registry.champion import approved_folder
from registry.digest import DigestMismatch, verified_manifest
from registry.discrepancies import Discrepancy, discrepancies, pages_astray
from registry.doubt import LOST
from registry.promotion import publish
from registry.promotions import Promotion, before, in_use
from registry.registrations import Registration, registered_models, registration_of, registrations

LOUD = 200
"""Characters of what an incident is called at most."""


@dataclass(frozen=True)
class Reconciler:
    """Compares, puts back and reports; one for the life of a process.

    Attributes
    ----------
    settings, clock
        Of the home.
    """

    settings: Settings
    clock: Clock = system_clock

    def look(self) -> list[Discrepancy]:
        """Compare what MLflow's database shows with the ledger, report it, put it back, and return what was found."""
        found = self.report()
        self._show_again()
        return found

    def report(self) -> list[Discrepancy]:
        """Compare what MLflow's database shows with the ledger, and open an incident for each difference."""
        found = discrepancies(self.settings, clock=self.clock)
        self._report(found)
        return found

    def look_at_files(self) -> list[Discrepancy]:
        """Hash the files of every version that is in use, was before, or may still be signed, and mend what can be."""
        found = [*self._copies(), *self._folders()]
        self._report(found)
        return found

    def look_at_ledger(self) -> list[Discrepancy]:
        """Walk the ledger's whole chain against the home's anchors, and return what is wrong with it."""
        return self._look_at_lines(lambda: verify_ledger(self.settings, []))

    def look_at_tail(self) -> list[Discrepancy]:
        """Walk the lines since the home's last anchor, remember the last one, and return what is wrong with them."""
        return self._look_at_lines(lambda: keep_anchor(self.settings, self.clock))

    def _look_at_lines(self, check: Callable[[], object]) -> list[Discrepancy]:
        try:
            check()
        except (BrokenChain, AnchorsGone, AnchorsChanged) as fault:
            found = Discrepancy(Kind.LEDGER_TAMPERED, "ledger", str(fault))
            self._report_lines(found, lost=self._lines_are_lost(fault))
            return [found]
        return []

    def _report_lines(self, found: Discrepancy, *, lost: bool) -> None:
        """Open one incident for what is wrong with lines: one damage shows in other words from look to look."""
        self._open(found, f"{found.kind}/{'lost' if lost else 'added'}", {LOST: lost})

    def _lines_are_lost(self, fault: CaregateError) -> bool:
        """Tell whether lines were changed or removed; one that was merely added counts for nothing and hides none."""
        if not isinstance(fault, ForeignLine):
            return isinstance(fault, BrokenChain)
        unsealed = Ledger(open_database(self.settings.ledger_url))
        try:
            hold(unsealed.links(), kept_anchors(self.settings))
        except (BrokenChain, AnchorsGone, AnchorsChanged):
            return True
        return False

    def _report(self, found: list[Discrepancy]) -> None:
        for item in found:
            self._open(item, f"{item.kind}/{item.about}/{item.what}", {})

    def _open(self, found: Discrepancy, key: str, facts: dict[str, object]) -> None:
        incidents = Incidents(ledger_database(self.settings), self.clock)
        incidents.open(found.kind, found.about, found.what[:LOUD], by=names.PROMOTER, once_key=key, facts=facts)

    def _show_again(self) -> None:
        ledger = Ledger(ledger_database(self.settings), self.clock)
        astray = pages_astray(self.settings, clock=self.clock)
        if astray:
            from registry.connection import restore_tags  # imports MLflow, which comparing does without

            restore_tags(self.settings, astray, clock=self.clock)
        for model in registered_models(registrations(ledger)):
            show_aliases(self.settings, model, clock=self.clock)

    def _copies(self) -> Iterator[Discrepancy]:
        ledger = Ledger(ledger_database(self.settings), self.clock)
        for model in registered_models(registrations(ledger)):
            for promotion in filter(None, (in_use(ledger, model), before(ledger, model))):
                yield from self._copy(ledger, promotion)

    def _copy(self, ledger: Ledger, promotion: Promotion) -> Iterator[Discrepancy]:
        try:
            verified_manifest(approved_folder(self.settings, promotion.digest), promotion.digest)
        except DigestMismatch:
            about, what = promotion.key.subject, "the approved copy is not what was signed"
            yield Discrepancy(Kind.ARTIFACTS_TAMPERED, about, what)
            registered = registration_of(ledger, promotion.key)
            if registered is not None:
                self._copy_again(registered)

    def _copy_again(self, registered: Registration) -> None:
        with suppress(CaregateError):  # the folder is no better: the incident stands, and scoring abstains
            source = artifact_folder(self.settings, registered.location)
            publish(self.settings, source, verified_manifest(source, registered.digest))
            show_aliases(self.settings, registered.key.model, clock=self.clock)  # taken away while it was spoilt

    def _folders(self) -> Iterator[Discrepancy]:
        for registered in registrations(Ledger(ledger_database(self.settings), self.clock)):
            try:
                verified_manifest(artifact_folder(self.settings, registered.location), registered.digest)
            except CaregateError:
                what = "the registered files are not those that went through the gates"
                yield Discrepancy(Kind.ARTIFACTS_TAMPERED, registered.key.subject, what)
