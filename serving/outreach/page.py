"""Pages of a worklist as the CRM gets them: its own ids, priority, band, reasons, channels and a suggested message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

from crm.outreach.desk import Offer
from governance.predictions import Predictions
from governance.vault import Vault
from serving.outreach.worklists import NoWorklist, Shown, Worklists

MOST: Final = 100
"""Entries of a page."""
NOT_CHOSEN: Final = "not-chosen"


class WorklistPages:
    """Shows worklists.

    Parameters
    ----------
    worklists
        Of the home.
    vault
        Gives the CRM's own ids back.
    predictions
        Hold bands and reasons.
    named
        Whether the settings say who sends; without that no text is suggested.
    """

    def __init__(self, worklists: Worklists, vault: Vault, predictions: Predictions, *, named: bool) -> None:
        self.worklists = worklists
        self._vault = vault
        self._predictions = predictions
        self._named = named

    def page(self, model: str, day: date, *, offset: int, limit: int, by: str) -> dict[str, Any]:
        """Return `limit` entries from `offset` on; without a worklist, why there is none.

        Raises
        ------
        crm.outreach.policy.NoOutreach, serving.outreach.worklists.DayAhead
            If there can be none.
        """
        head: dict[str, Any] = {"model": model, "day": day.isoformat()}
        try:
            today = self.worklists.now(model, day, by=by)
        except NoWorklist as none:
            return head | _empty(none.why)
        worklist, facts = today.worklist, today.worklist.facts
        missing: dict[str, int] = {
            **facts["not_scored"],
            NOT_CHOSEN: facts["scored"] - facts["chosen"],
            **today.dropped,
        }
        after = offset + limit
        return head | {
            "model_version": worklist.version,
            "why": None,
            "made_at": _moment(worklist.at),
            "known_until": facts["as_of"],
            "total": len(today.shown),
            "entries": list(self._entries(model, today.shown[offset:after])),
            "not_on_it": {reason: count for reason, count in sorted(missing.items()) if count},
            "next_offset": after if after < len(today.shown) else None,
        }

    def _entries(self, model: str, shown: Sequence[Shown]) -> Iterator[dict[str, Any]]:
        ids = self._vault.identifiers([token for item in shown for token in (item.entry.record, item.entry.patient)])
        for item in shown:
            entry = item.entry
            found = self._predictions.find(entry.prediction_id)
            reasons = (found.reasons or ()) if found else ()
            yield {
                "priority": entry.place,
                "record_id": ids.get(entry.record),
                "patient_id": ids.get(entry.patient),
                "band": found.band if found else None,
                "reasons": [reason["text"] for reason in reasons],
                "prediction_id": entry.prediction_id,
                "channels": [_channel(offer) for offer in item.offers],
                "message": self._message(model, item.offers[0]),
            }

    def _message(self, model: str, offer: Offer) -> dict[str, Any]:
        policy = self.worklists.policy
        name = policy.of(model).template
        return {
            "template": name,
            "version": policy.templates[name].version,
            "channel": offer.medium.value,
            "language": offer.language,
            "text": offer.text if self._named else None,
        }


def _channel(offer: Offer) -> dict[str, str]:
    return {"channel": offer.medium.value, "from": _moment(offer.begin), "until": _moment(offer.end)}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _empty(why: str) -> dict[str, Any]:
    return {
        "model_version": None,
        "why": why,
        "made_at": None,
        "known_until": None,
        "total": 0,
        "entries": [],
        "not_on_it": {},
        "next_offset": None,
    }
