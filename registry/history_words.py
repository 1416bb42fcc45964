"""The answer to "what was live" in one sentence, and as JSON-ready values: the same for terminal, page and programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from registry.live import LiveAt, Service
from registry.moments import written
from registry.policy import Verdict


def sentence(live: LiveAt) -> str:
    """Return the answer in one sentence."""
    return f"At {written(live.at)} {_answer(live)}."


def outcome(live: LiveAt) -> str:
    """Return why a version in use was not approved at the moment."""
    ended = [item for item in live.signed if item.verdict is not Verdict.APPROVED]
    if ended:
        return f"{ended[-1].by} had {ended[-1].verdict} it on {written(ended[-1].at)}: {ended[-1].reason}"
    expired = [item for item in live.signed if item.until and item.until <= live.at]
    return f"the signature of {expired[-1].by} had ended" if expired else "too few had signed it"


def as_values(live: LiveAt) -> dict[str, Any]:
    """Return the answer as JSON-ready values; moments are ISO 8601."""
    content = live.content
    manifest = content.manifest if content else None
    return {
        "model": live.model,
        "at": live.at.isoformat(),
        "state": live.state.value,
        "answer": sentence(live),
        "version": live.version,
        "digest": live.promotion.digest if live.promotion else None,
        "promoted_by": live.promotion.actor if live.promotion else None,
        "promoted_at": live.promotion.at if live.promotion else None,
        "run_key": live.promotion.facts["run_key"] if live.promotion else None,
        "signed_by": list(live.standing.signed_by) if live.standing else [],
        "expires_at": live.standing.expires_at if live.standing else None,
        "signatures": [asdict(item) for item in live.signed],
        "signatures_required": manifest.signatures if manifest else None,
        "suspension": asdict(live.suspension) if live.suspension else None,
        "author": manifest.author if manifest else None,
        "risk_class": manifest.risk_class if manifest else None,
        "snapshot": manifest.snapshot if manifest else None,
        "policy": manifest.policy if manifest else None,
        "gates": dict(content.gates) if content else {},
        "waivers": list(content.waivers) if content else [],
        "copy": content.copy if content else None,
        "copy_verifies": not content.fault if content else None,
        "version_page": content.version_page if content else None,
        "report_page": content.report_page if content else None,
        "lines": [{"line": act.seq, "hash": act.hash, "action": act.action} for act in live.lines],
        "since": [asdict(event) for event in live.since],
        "warnings": list(live.warnings),
    }


def _answer(live: LiveAt) -> str:
    if live.promotion is None:
        return f"nothing of {live.model} was in use: no version had been promoted"
    which = f"{live.model} version {live.version}"
    signers = [f"{item.by} ({item.role})" for item in live.signed if item.counted]
    signed = f"signed by {' and '.join(dict.fromkeys(signers))}"
    if live.state is Service.SUSPENDED and live.suspension is not None:
        stopped = f"{live.suspension.by} had suspended it on {written(live.suspension.at)}: {live.suspension.reason}"
        return f"{which} was in use and did not score: {stopped}"
    if live.state is Service.NOT_APPROVED:
        return f"{which} was in use and did not score: {outcome(live)}"
    if live.state is Service.UNKNOWN:
        return f"{which} was in use; whether it scored cannot be told, because its files are gone or changed"
    return f"{which} was live, {signed}"
