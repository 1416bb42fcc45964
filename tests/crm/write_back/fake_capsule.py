"""Capsule's API v2 as its documentation has it: definitions, parties with fields, entries, quota, pages, jobs."""

from __future__ import annotations

import re
from typing import Any

from tests.crm.write_back.fake_server import Asked, FakeVendor, Said

TOKEN = "capsule-token"
FIELD = {"id": 51, "type": "text", "name": "Caregate no-show", "displayOrder": 1}
QUOTA = 4000
RESET = 1_795_000_000


class FakeCapsule(FakeVendor):
    WRITES = frozenset({"PUT /parties", "POST /entries", "DELETE /entries"})

    def __init__(self) -> None:
        super().__init__()
        self.definitions: list[dict[str, Any]] = [{"id": 45, "type": "text", "name": "Referring site"}, dict(FIELD)]
        self.fields: dict[str, dict[int, str]] = {}
        self.parties: set[str] = set()
        self.entries: dict[int, dict[str, Any]] = {}
        self.remaining = QUOTA
        self.reset = RESET
        self.page = 50

    def name_of(self, asked: Asked) -> str:
        return f"{asked.method} /{asked.path.split('/')[3]}"

    def answer(self, asked: Asked) -> Said:
        if asked.authorization != f"Bearer {TOKEN}":
            return Said(401, {"message": "invalid token"})
        quota = {"X-RateLimit-Limit": str(QUOTA), "X-RateLimit-Reset": str(self.reset)}
        if self.remaining <= 0:
            return Said(429, {"error": "rate limit reached"}, quota | {"X-RateLimit-Remaining": "0"})
        self.remaining -= 1
        said = self._route(asked)
        return Said(said.status, said.body, {**quota, "X-RateLimit-Remaining": str(self.remaining), **said.headers})

    def _route(self, asked: Asked) -> Said:
        path = asked.path.removeprefix("/api/v2")
        if path == "/parties/fields/definitions":
            return self._pages(asked, "definitions", self.definitions)
        if found := re.fullmatch(r"/parties/(\d+)/entries", path):
            notes = [note for note in self.entries.values() if note["party"]["id"] == int(found[1])]
            return self._pages(asked, "entries", notes)
        if found := re.fullmatch(r"/parties/(\d+)", path):
            return self._party(asked, found[1])
        if path == "/entries" and asked.method == "POST":
            return self._create(asked.body["entry"])
        if found := re.fullmatch(r"/entries/(\d+)", path):
            return self._entry(asked, int(found[1]))
        return Said(404, {"message": "not found"})

    def _pages(self, asked: Asked, what: str, items: list[Any]) -> Said:
        page, size = int(asked.query.get("page", 1)), min(int(asked.query.get("perPage", 50)), self.page)
        shown = items[(page - 1) * size : page * size]
        more = {"Link": f'<{self.address}{asked.path}?page={page + 1}>; rel="next"'} if page * size < len(items) else {}
        return Said(200, {what: shown}, more)

    def _party(self, asked: Asked, party: str) -> Said:
        if party not in self.parties:
            return Said(404, {"message": "not found"})
        held = self.fields.setdefault(party, {})
        if asked.method == "PUT":
            for item in asked.body["party"]["fields"]:
                key = item["definition"]["id"]
                if item["value"] is not None and len(item["value"]) > 250:
                    errors = [{"message": "value is too long", "resource": "party", "field": "value"}]
                    return Said(422, {"message": "Validation Failed", "errors": errors})
                held.pop(key, None)
                if item["value"] is not None:
                    held[key] = item["value"]
        fields = [{"id": key * 7, "definition": {"id": key}, "value": value} for key, value in held.items()]
        shown = {"id": int(party)} | ({"fields": fields} if "fields" in asked.query.get("embed", "") else {})
        return Said(200, {"party": shown})

    def _create(self, entry: dict[str, Any]) -> Said:
        if entry["type"] != "note" or str(entry["party"]["id"]) not in self.parties:
            return Said(422, {"message": "Validation Failed", "errors": [{"message": "unknown party"}]})
        number = 900 + len(self.entries)
        self.entries[number] = {"id": number, **entry}
        return Said(201, {"entry": self.entries[number]})

    def _entry(self, asked: Asked, number: int) -> Said:
        if number not in self.entries:
            return Said(404, {"message": "not found"})
        if asked.method == "DELETE":
            del self.entries[number]
            return Said(202, None, {"Location": f"{self.address}/api/v2/jobs/02ae8e16"})
        return Said(200, {"entry": self.entries[number]})
