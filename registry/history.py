"""What was live at a moment, who signed it, on what evidence; and all that happened to a model, from the ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError
from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Act, Ledger
from registry.approvals import VersionKey
from registry.artifacts import artifact_folder
from registry.champion import approved_folder
from registry.digest import VersionManifest, verified_manifest
from registry.events import Event, events_of
from registry.live import Content, LiveAt, promotion_in_force, what_was_live
from registry.model_lines import ModelLines, read_lines
from registry.moments import read_moment
from registry.pages import report_of, version_page
from registry.versions import RegisteredVersion, read_version
from validation.waivers import Use

IN_USE = Use.IN_USE.value


def live_at(settings: Settings, model: str, at: datetime) -> LiveAt:
    """Return what was live of `model` at the moment `at`."""
    lines = read_lines(ledger_database(settings), model)
    promotion = promotion_in_force(lines.sealed, at)
    content = _content(settings, promotion) if promotion else None
    return what_was_live(model, lines.sealed, at, content, _warnings(lines))


def history_of(settings: Settings, model: str) -> list[Event]:
    """Return everything that happened to `model` by sealed lines, in order."""
    return events_of(read_lines(ledger_database(settings), model).sealed)


def moment_of(settings: Settings, text: str | None, *, clock: Clock = system_clock) -> datetime:
    """Return the moment that `text` names, the present one where nothing is given.

    Raises
    ------
    registry.moments.MomentUnfit
        If nothing can be said of it.
    """
    if text is None:
        return clock()
    first = next(iter(_first_lines(settings)), None)
    return read_moment(text, now=clock(), first=datetime.fromisoformat(first.at) if first else None)


def _first_lines(settings: Settings) -> Sequence[Act]:
    lines = Ledger(ledger_database(settings)).read()
    try:
        return [act for act, _ in zip(lines, range(1), strict=False)]
    finally:
        lines.close()


def _warnings(lines: ModelLines) -> list[str]:
    said = []
    if lines.unsealed:
        numbers = ", ".join(map(str, lines.unsealed[:5])) + (" and more" if len(lines.unsealed) > 5 else "")
        said.append(f"Lines about this model that this home did not seal count for nothing here: {numbers}.")
    if lines.missing:
        said.append(f"{lines.missing} lines of the ledger are not there: run `caregate audit verify`.")
    moments = [act.at for act in lines.sealed]
    if moments != sorted(moments):
        said.append("The ledger's moments do not rise with its lines: a clock was set back.")
    return said


def _content(settings: Settings, promotion: Act) -> Content:
    key, copy = VersionKey.of(promotion), approved_folder(settings, promotion.digest)
    found = _registered(settings, key)
    manifest, fault = _verified(copy, promotion.digest)
    source = copy
    if manifest is None and found is not None:  # the signed files lie in MLflow's store as well
        with suppress(CaregateError):
            source = artifact_folder(settings, found.location)
            manifest = _verified(source, promotion.digest)[0]
    gates, waivers = _gates(source) if manifest else ({}, [])
    return Content(
        manifest=manifest,
        gates=gates,
        waivers=waivers,
        copy=str(copy),
        fault=fault,
        version_page=version_page(key) if found else "",
        report_page=report_of(found) if found else "",
    )


def _registered(settings: Settings, key: VersionKey) -> RegisteredVersion | None:
    with suppress(CaregateError):
        found = read_version(open_database(settings.registry_url), key.model, key.version)
        return found if found.key == key else None
    return None


def _verified(folder: Path, digest: str) -> tuple[VersionManifest | None, str]:
    try:
        return verified_manifest(folder, digest), ""
    except CaregateError as error:
        return None, f"The approved copy does not verify today: {error}."


def _gates(folder: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    said = json.loads((folder / "evidence" / "gates.json").read_text(encoding="utf-8"))
    waivers = [item for item in said.get("waivers", []) if item["use"] == IN_USE]
    return {gate["gate"]: gate["verdict"] for gate in said["gates"]}, waivers
