"""Where attacks are made: a home with a version in use, others that wait, and what is watched."""

from __future__ import annotations

import http.client
import shutil
import sqlite3
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Engine, text

from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Act, Ledger
from governance.people import People
from registry.approvals import read_verdicts
from registry.artifacts import artifact_folder
from registry.champion import champion_of
from registry.digest import verified_manifest
from registry.names import APPROVAL, is_reserved
from registry.proving import PROVEN
from registry.registering import Registered
from registry.suspension import resume, suspend
from registry.versions import RegisteredVersion, aliases_of, read_version, versions_of
from tests.registry.toys import Server, make_candidate, register

API, AJAX = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"
MODEL, OTHER = "no-show", "readmission-risk"


@dataclass(frozen=True)
class Watched:
    """What no attack changes.

    Attributes
    ----------
    served
        Version, digest and signers of what scoring would load.
    verdicts
        What the ledger holds of each version.
    files
        Digest of each version's files.
    tags
        The server's own tags of each version.
    aliases
        Where they point.
    """

    served: tuple[int, str, tuple[str, ...]]
    verdicts: Mapping[int, tuple[tuple[str, str], ...]]
    files: Mapping[int, str]
    tags: Mapping[int, Mapping[str, str]]
    aliases: Mapping[str, int]


@dataclass(frozen=True)
class Scene:
    """A home, its server and the versions in it.

    Attributes
    ----------
    server
        The server and everybody's password; for attacks past it, that of the home which was copied.
    settings
        Of the home that is attacked.
    served, waiting, own
        The version in use, one that awaits its sign-off, and one that the reviewer rita wrote herself.
    older
        A version that was approved and is not in use.
    folder
        Where candidates are made.
    scoring
        Asks the scoring server of the home as the CRM, where there is one.
    """

    server: Server
    settings: Settings
    served: Registered
    older: Registered
    waiting: Registered
    own: Registered
    folder: Path
    scoring: httpx.Client | None = None
    numbers: Iterator[int] = field(default_factory=count)

    def send(self, who: str, method: str, path: str, **given: Any) -> httpx.Response:
        """Send a request as `who`."""
        return self._clients.setdefault(who, self.server.client(who)).request(method, path, **given)

    def raw(self, who: str, method: str, target: str, *, body: bytes = b"", **headers: str) -> httpx.Response:
        """Send a request whose target and headers no client library has tidied."""
        place = urlsplit(self.server.url)
        line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
        password = self.server.passwords.get(who)
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        if password:
            given.setdefault("Authorization", basic(who, password))
        try:
            line.request(method, target, body=body, headers=given)
            answer = line.getresponse()
            return httpx.Response(answer.status, content=answer.read())
        finally:
            line.close()

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Ask the scoring server."""
        assert self.scoring is not None
        return self.scoring.request(method, path, **given)

    def wait_for_scoring(self) -> None:
        """Wait until scoring has looked at the registry twice: each stop of the other model has to be seen."""
        for act, seen in ((suspend, True), (resume, False)):
            act(self.settings, OTHER, reason="so that scoring is seen to look", by="test")
            while ("suspended" in self.ask("GET", "/readyz").json()["models"][OTHER]) is not seen:
                time.sleep(0.05)

    def people(self) -> People:
        """Return the home's accounts."""
        return People(self.governance)

    def ledger(self) -> Ledger:
        """Return the home's ledger."""
        return Ledger(self.governance)

    def lines_after(self, seq: int) -> list[Act]:
        """Return the ledger's lines after number `seq`."""
        return [act for act in self.ledger().read() if act.seq > seq]

    def version(self, registered: Registered) -> RegisteredVersion:
        """Return a version as MLflow's database holds it."""
        return read_version(self.registry, registered.model, registered.version)

    def path_of(self, registered: Registered) -> str:
        """Return where a version's files lie, seen from the artifact root."""
        return self.version(registered).location.removeprefix("mlflow-artifacts:/").strip("/")

    def watched(self) -> Watched:
        """Look at everything that has to stay."""
        governance, found = self.governance, versions_of(self.registry, MODEL)
        return Watched(
            served=self.in_use(),
            verdicts={
                item.version: tuple((said.verdict.value, said.by) for said in read_verdicts(governance, item.key))
                for item in found
            },
            files={
                item.version: verified_manifest(artifact_folder(self.settings, item.location)).digest for item in found
            },
            tags={item.version: {key: value for key, value in item.tags.items() if is_reserved(key)} for item in found},
            aliases=aliases_of(self.registry, MODEL),
        )

    def in_use(self) -> tuple[int, str, tuple[str, ...]]:
        """Return version, digest and signers of what scoring would load."""
        champion = champion_of(self.settings, MODEL)
        return champion.version, champion.digest, champion.standing.signed_by

    @property
    def registry(self) -> Engine:
        """MLflow's database."""
        return open_database(self.settings.registry_url)

    def fresh(self, prefix: str, **given: Any) -> Registered:
        """Register one more version, of a model of its own."""
        name = f"{prefix}-{next(self.numbers)}"
        return register(self.settings, make_candidate(self.folder / name, name, **({"model": name} | given)))

    def proven(self, version: Registered) -> Registered:
        """Say in the ledger that a version went through the serving gate: the gate is not what is attacked here."""
        subject = f"{version.model}/{version.version}"
        self.ledger().append_once("promoter", PROVEN, subject, digest=version.digest, checks={})
        return version

    def say(self, who: str, version: Registered, value: str) -> httpx.Response:
        """Give a verdict as `who`."""
        return self.send(who, "POST", f"{API}/model-versions/set-tag", json=approval(version, value))

    def said(self, version: Registered) -> list[tuple[str, str]]:
        """Return what the ledger holds of a version: verdicts, and by whom."""
        found = read_verdicts(self.governance, self.version(version).key)
        return [(item.verdict.value, item.by) for item in found]

    @property
    def governance(self) -> Engine:
        """The ledger's database."""
        return ledger_database(self.settings)

    def disarm(self) -> None:
        """Take the ledger's triggers away, as the owner of the file can."""
        with open_database(f"sqlite:///{self.ledger_file}").begin() as connection:
            for (trigger,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.execute(text(f"DROP TRIGGER {trigger}"))

    def sql(self, database: Path, *statements: str, **values: object) -> None:
        """Write into a database of the home, past every rule of the server."""
        with open_database(f"sqlite:///{database}").begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)

    @property
    def ledger_file(self) -> Path:
        """The ledger's database."""
        return self.settings.home / "ledger.db"

    @property
    def registry_file(self) -> Path:
        """MLflow's database."""
        return self.settings.mlflow_dir / "mlflow.db"

    @cached_property
    def _clients(self) -> dict[str, httpx.Client]:
        return {}

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.close()


def basic(who: str, password: str) -> str:
    """Return the header of a sign-in by password."""
    return "Basic " + b64encode(f"{who}:{password}".encode()).decode()


def approval(version: Registered, value: str = "approved", *, key: str = APPROVAL) -> dict[str, str]:
    """Return the body that sets a version's tag."""
    return {"name": version.model, "version": str(version.version), "key": key, "value": value}


@contextmanager
def copied(scene: Scene, target: Path) -> Iterator[Scene]:
    """Copy the scene's home, as its databases stand at this moment, to `target`."""
    home = scene.settings.home
    shutil.copytree(home, target, ignore=shutil.ignore_patterns("*.db", "*.db-*", "mlflow.log"))
    for database in home.rglob("*.db"):
        with sqlite3.connect(database) as old, sqlite3.connect(target / database.relative_to(home)) as new:
            old.backup(new)
        old.close()
        new.close()
    settings = scene.settings.model_copy(update={"home": target})
    other = Scene(scene.server, settings, scene.served, scene.older, scene.waiting, scene.own, target)
    yield other
    for url in (settings.ledger_url, settings.registry_url):
        open_database(url).dispose()
