"""Less Annoying CRM, API v2: contacts with custom fields and notes (``account.lessannoyingcrm.com/api_docs/v2``)."""

from __future__ import annotations

import re
from typing import Any

from crm.write_back.target import EntryRefused, FieldMissing, SignInRefused
from crm.write_back.vendor import Vendor

IDS = re.compile(r"[1-9][0-9]{0,39}", re.ASCII)
PAGE, MOST_PAGES = 500, 200
SIGN_IN = frozenset({"Unauthorized", "InvalidApiKey", "InvalidAuthorization", "PermissionDenied"})
"""Error codes that are of the key and not of the entry."""
GONE = frozenset({"NotFound", "NoteNotFound", "InvalidNoteId"})
TEXT_FIELDS = frozenset({"Text", "TextArea", "SingleLineText", "MultiLineText"})
UNCHANGED_BY_REPEATING = frozenset({"EditContact", "DeleteNote"})


class _Failed(EntryRefused):
    """The vendor answered with an error code, which it always does with status 400."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status)
        self.code = code


class LessAnnoyingCrm:
    """Writes to contacts; ids of some 31 digits stay text."""

    name = "lacrm"

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._field = ""

    def takes(self, entry: str) -> bool:
        """Return whether `entry` is a contact's number."""
        return IDS.fullmatch(entry) is not None

    def prepare(self, field: str) -> None:
        """Find the contacts' custom field called `field`."""
        told = self._call("GetCustomFields", RecordType="Contact")
        fields = told["Results"] if isinstance(told, dict) else told
        if not any(item["Name"] == field and item["Type"] in TEXT_FIELDS for item in fields):
            raise FieldMissing(field)
        self._field = field

    def read_field(self, entry: str) -> str | None:
        """Return what stands in the field of the contact; custom fields are keys beside the others."""
        value: str | None = self._call("GetContact", ContactId=entry).get(self._field)
        return value or None

    def write_field(self, entry: str, value: str | None) -> None:
        """Put `value` into the field of the contact; what is left out stays as it is, and null clears."""
        self._call("EditContact", **{"ContactId": entry, self._field: value})

    def find_note(self, entry: str, marker: str) -> str | None:
        """Return the id of the contact's note that holds `marker`."""
        for page in range(1, MOST_PAGES + 1):
            told = self._call("GetNotesAttachedToContact", ContactId=entry, Page=page, MaxNumberOfResults=PAGE)
            for note in told["Results"]:
                if marker in (note["Note"] or ""):
                    return str(note["NoteId"])
            if not told["HasMoreResults"]:
                return None
        return None

    def write_note(self, entry: str, text: str) -> str:
        """Add a note to the contact."""
        return str(self._call("CreateNote", ContactId=entry, Note=text)["NoteId"])

    def note_text(self, note: str) -> str | None:
        """Return the text of the note."""
        try:
            text: str = self._call("GetNote", NoteId=note)["Note"]
        except _Failed as failure:
            if failure.code in GONE:
                return None
            raise
        return text

    def delete_note(self, note: str) -> None:
        """Delete the note."""
        try:
            self._call("DeleteNote", NoteId=note)
        except _Failed as failure:
            if failure.code not in GONE:
                raise

    def _call(self, function: str, **parameters: Any) -> Any:
        again = function.startswith("Get") or function in UNCHANGED_BY_REPEATING
        body = {"Function": function, "Parameters": parameters}
        answer = self._vendor.send("POST", "", body=body, again=again)
        told = answer.json() if answer.content else {}
        code = told.get("ErrorCode") if isinstance(told, dict) else None
        if answer.status_code in (401, 403) or code in SIGN_IN:
            raise SignInRefused
        if code or not answer.is_success:
            raise _Failed(answer.status_code, str(code))
        return told
