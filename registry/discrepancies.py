"""What differs between the ledger and what MLflow shows: found by comparing, changed by nobody here.

Rules bind those who come through the server. Whoever writes into MLflow's database past it changes nothing of what is
signed, promoted or served, all of which go by the ledger; but the page that a reviewer reads would lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from caregate.clock import Clock
from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.incident_rules import Kind
from governance.ledger import Ledger
from registry import names
from registry.aliases import aliases_astray
from registry.approvals import read_verdicts
from registry.policy import State, Verdict
from registry.promotions import promotions_of
from registry.registrations import Registration, registered_models, registrations, tags_astray
from registry.server.signing import SigningDesk
from registry.versions import RegisteredVersion, versions_of

SETTLING = timedelta(seconds=30)
"""How long an act may take to show: the server writes the ledger first and the page after."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that MLflow's database says and the ledger does not.

    Attributes
    ----------
    kind, about
        Of the incident that it opens, and of which version or model.
    what
        In a sentence, without any value that stands there.
    """

    kind: Kind
    about: str
    what: str


def discrepancies(settings: Settings, *, clock: Clock) -> list[Discrepancy]:
    """Return what MLflow's database says otherwise than the ledger, of every model that was ever registered."""
    engine = ledger_database(settings)
    ledger, desk = Ledger(engine, clock), SigningDesk(settings, engine, clock)
    known = registrations(ledger)
    found: list[Discrepancy] = []
    for model in registered_models(known):
        shown = versions_of(open_database(settings.registry_url), model)
        found += _of_versions([item for item in known if item.key.model == model], shown)
        found += [item for version in shown for item in _of_stamps(engine, desk, version, clock)]
        found += _of_aliases(settings, ledger, model, clock)
    return found


def pages_astray(settings: Settings, *, clock: Clock) -> list[Registration]:
    """Return the versions whose tags do not show what the ledger holds: forged, late or expired."""
    engine = ledger_database(settings)
    desk = SigningDesk(settings, engine, clock)
    by_key = {item.key: item for item in registrations(Ledger(engine, clock))}
    registry = open_database(settings.registry_url)
    shown = [version for model in registered_models(by_key.values()) for version in versions_of(registry, model)]
    return [
        by_key[version.key]
        for version in shown
        if version.key in by_key and {**by_key[version.key].born, **desk.stamps(version)}.items() - version.tags.items()
    ]


def _of_versions(known: Iterable[Registration], versions: Iterable[RegisteredVersion]) -> Iterator[Discrepancy]:
    by_key = {item.key: item for item in known}
    shown = {version.key: version for version in versions}
    for key in by_key.keys() - shown.keys():
        yield Discrepancy(Kind.REGISTRY_TAMPERED, key.subject, "a registered version is gone from MLflow's database")
    for key, version in shown.items():
        registered = by_key.get(key)
        if registered is None:
            what = "a version stands in MLflow's database that no run registered"
            yield Discrepancy(Kind.REGISTRY_TAMPERED, key.subject, what)
        else:
            yield from _of_version(registered, version)


def _of_version(registered: Registration, version: RegisteredVersion) -> Iterator[Discrepancy]:
    about = registered.key.subject
    if version.location != registered.location:
        yield Discrepancy(Kind.REGISTRY_TAMPERED, about, "its files are said to lie elsewhere than it was registered")
    changed = sorted(tags_astray(registered, version))
    if changed:
        what = f"tags that are written once were changed: {', '.join(changed)}"
        yield Discrepancy(Kind.REGISTRY_TAMPERED, about, what)


def _of_stamps(engine: Engine, desk: SigningDesk, version: RegisteredVersion, clock: Clock) -> Iterator[Discrepancy]:
    """Yield what the page says of a version's approval otherwise than the ledger, but for what time alone changed."""
    due, verdicts = desk.stamps(version), read_verdicts(engine, version.key)
    astray = sorted(key for key, stamp in due.items() if version.tags.get(key) != stamp)
    signed = any(item.verdict is Verdict.APPROVED for item in verdicts)
    if version.tags.get(names.APPROVAL) == State.APPROVED and not signed:
        yield Discrepancy(Kind.REGISTRY_TAMPERED, version.key.subject, "it was shown as approved, and nobody signed it")
    elif astray not in ([], [names.APPROVAL]) and _is_settled(verdicts[-1].at, clock):
        what = f"stamps of the server were changed: {', '.join(astray)}"
        yield Discrepancy(Kind.REGISTRY_TAMPERED, version.key.subject, what)


def _of_aliases(settings: Settings, ledger: Ledger, model: str, clock: Clock) -> Iterator[Discrepancy]:
    promoted = list(promotions_of(ledger, model))
    ever, settled = {item.key.version for item in promoted}, _is_settled(promoted[0].at if promoted else None, clock)
    for alias, (found, due) in aliases_astray(settings, model, clock=clock).items():
        if found is not None and found not in ever:
            what = f"the alias '{alias}' pointed to a version that was never in use"
            yield Discrepancy(Kind.ALIAS_FORGED, f"{model}/{found}", what)
        elif due is not None and settled:
            what = f"the alias '{alias}' was moved or taken away"
            yield Discrepancy(Kind.ALIAS_FORGED, model, what)


def _is_settled(since: datetime | None, clock: Clock) -> bool:
    return since is not None and clock() - since > SETTLING
