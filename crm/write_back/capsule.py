"""Capsule CRM, API v2: parties with custom fields and notes (``developer.capsulecrm.com/v2``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx

from crm.write_back.target import EntryRefused, FieldMissing, SignInRefused
from crm.write_back.vendor import Vendor

IDS = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
PAGE, MOST_PAGES = 50, 200
TEXT_FIELD = "text"


class Capsule:
    """Writes to parties."""

    name = "capsule"

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._field: int | None = None

    def takes(self, entry: str) -> bool:
        """Return whether `entry` is a party's number."""
        return IDS.fullmatch(entry) is not None

    def prepare(self, field: str) -> None:
        """Find the definition of the custom field called `field`."""
        for definition in self._pages("/parties/fields/definitions", "definitions"):
            if definition["name"] == field and definition["type"] == TEXT_FIELD:
                self._field = definition["id"]
                return
        raise FieldMissing(field)

    def read_field(self, entry: str) -> str | None:
        """Return what stands in the field of the party."""
        party = self._get(f"/parties/{entry}", embed="fields")["party"]
        held = (item for item in party.get("fields", ()) if item["definition"]["id"] == self._field)
        return next((item["value"] for item in held), None)

    def write_field(self, entry: str, value: str | None) -> None:
        """Put `value` into the field of the party; fields that are not named stay as they are."""
        fields = [{"definition": {"id": self._field}, "value": value}]
        answer = self._vendor.send("PUT", f"/parties/{entry}", body={"party": {"fields": fields}}, again=True)
        _checked(answer)

    def find_note(self, entry: str, marker: str) -> str | None:
        """Return the id of the party's note that holds `marker`."""
        notes = self._pages(f"/parties/{entry}/entries", "entries")
        return next((str(note["id"]) for note in notes if marker in (note.get("content") or "")), None)

    def write_note(self, entry: str, text: str) -> str:
        """Add a note to the party."""
        note = {"party": {"id": int(entry)}, "type": "note", "content": text}
        answer = _checked(self._vendor.send("POST", "/entries", body={"entry": note}, again=False))
        return str(answer.json()["entry"]["id"])

    def note_text(self, note: str) -> str | None:
        """Return the content of the note."""
        answer = self._vendor.send("GET", f"/entries/{note}", again=True)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        content: str | None = _checked(answer).json()["entry"]["content"]
        return content

    def delete_note(self, note: str) -> None:
        """Delete the note; Capsule may do it a moment later (202)."""
        answer = self._vendor.send("DELETE", f"/entries/{note}", again=True)
        if answer.status_code != HTTPStatus.NOT_FOUND:
            _checked(answer)

    def _get(self, path: str, **params: str | int) -> Any:
        return _checked(self._vendor.send("GET", path, params=params, again=True)).json()

    def _pages(self, path: str, what: str) -> Iterator[Any]:
        for page in range(1, MOST_PAGES + 1):
            answer = _checked(self._vendor.send("GET", path, params={"page": page, "perPage": PAGE}, again=True))
            yield from answer.json()[what]
            if "next" not in answer.links:
                return


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise SignInRefused
    if not answer.is_success:
        raise EntryRefused(answer.status_code)
    return answer
