"""Less Annoying CRM's API v2 as documented: one POST, errors with status 400, ids of 31 digits as text."""

from __future__ import annotations

from typing import Any

from tests.crm.write_back.fake_server import Asked, FakeVendor, Said

KEY = "lacrm-key"


class FakeLacrm(FakeVendor):
    WRITES = frozenset({"EditContact", "CreateNote", "DeleteNote"})

    def __init__(self) -> None:
        super().__init__()
        self.fields = [{"CustomFieldId": "41", "Name": "Caregate no-show", "Type": "Text", "RecordType": "Contact"}]
        self.contacts: dict[str, dict[str, Any]] = {}
        self.notes: dict[str, dict[str, str]] = {}

    def name_of(self, asked: Asked) -> str:
        return str(asked.body["Function"])

    def answer(self, asked: Asked) -> Said:
        if asked.authorization != KEY:
            return _error("Unauthorized")
        assert asked.method == "POST"
        handler = getattr(self, f"_{asked.body['Function']}", None)
        return _error("InvalidFunction") if handler is None else handler(**asked.body["Parameters"])

    def _GetCustomFields(self, RecordType: str) -> Said:  # noqa: N802, N803
        return Said(200, [item for item in self.fields if item["RecordType"] == RecordType])

    def _GetContact(self, ContactId: str) -> Said:  # noqa: N802, N803
        found = self.contacts.get(ContactId)
        return _error("InvalidContactId") if found is None else Said(200, {"ContactId": ContactId, **found})

    def _EditContact(self, ContactId: str, **fields: str | None) -> Said:  # noqa: N802, N803
        if ContactId not in self.contacts:
            return _error("InvalidContactId")
        for name, value in fields.items():
            self.contacts[ContactId][name] = value or ""
        return Said(200)

    def _GetNotesAttachedToContact(self, ContactId: str, Page: int, MaxNumberOfResults: int) -> Said:  # noqa: N802, N803
        mine = [{"NoteId": key, **note} for key, note in self.notes.items() if note["ContactId"] == ContactId]
        size = min(MaxNumberOfResults, 2)
        return Said(200, {"HasMoreResults": Page * size < len(mine), "Results": mine[(Page - 1) * size : Page * size]})

    def _CreateNote(self, ContactId: str, Note: str) -> Said:  # noqa: N802, N803
        if ContactId not in self.contacts:
            return _error("InvalidContactId")
        number = f"4006274913554531936149312854{len(self.notes):03d}"
        self.notes[number] = {"ContactId": ContactId, "Note": Note}
        return Said(200, {"NoteId": number})

    def _GetNote(self, NoteId: str) -> Said:  # noqa: N802, N803
        found = self.notes.get(NoteId)
        return _error("InvalidNoteId") if found is None else Said(200, {"NoteId": NoteId, **found})

    def _DeleteNote(self, NoteId: str) -> Said:  # noqa: N802, N803
        return _error("InvalidNoteId") if self.notes.pop(NoteId, None) is None else Said(200)


def _error(code: str) -> Said:
    return Said(400, {"ErrorCode": code, "ErrorDescription": "see the documentation"})
