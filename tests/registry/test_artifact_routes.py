"""Every way by which a file could come into the artifact store, go from it or be read past it, over HTTP."""

from __future__ import annotations

import base64
import http.client
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Act, Ledger
from registry.artifacts import artifact_folder, open_artifacts, path_of
from registry.digest import verified_manifest
from registry.registering import Registered
from registry.versions import read_version
from tests.registry.buckets import make_bucket, storage
from tests.registry.toys import Server, make_candidate, register, running_server

PREFIXES = ("/api/2.0", "/ajax-api/2.0")
FILES = "/mlflow-artifacts/artifacts"
EVERYBODY = ("ada", "rita", "otto", "admin", "promoter", "pipeline")
STRONGEST = ("admin", "pipeline")


SPELLINGS = (
    "/",
    "//model.ubj",
    "/./model.ubj",
    "/model.ubj/",
    "/model.ubj/inside",
    "/model.ubj%00.txt",
    "/%00",
    "/%0a",
    "/model%2eubj",
    "/model%252eubj",
    "/evidence%2Fcard.md",
    "/evidence%5Ccard.md",
    "/../artifacts/model.ubj",
    "/%2e%2e/artifacts/model.ubj",
    "/%252e%252e/artifacts/model.ubj",
    "/%25252e%25252e/artifacts/model.ubj",
    "/..%2fartifacts%2fmodel.ubj",
    "/..%5cartifacts%5cmodel.ubj",
    "/../frozen",
    "/%2e%2e/frozen",
    "/" + quote("．．/model.ubj"),
    "/" + quote("mоdel.ubj"),
    "/" + quote("model.ubj\u200b"),
    "/" + "n" * 300,
    "/" + "deep/" * 400 + "x",
    "#/x",
    "/x?path=/etc",
)
"""Of a registered file, or of one beside it."""
WAYS_OUT = (
    "../planted",
    "../../planted",
    "%2e%2e/planted",
    "%252e%252e/planted",
    "%2e%2e%2f%2e%2e%2fplanted",
    "..%5cplanted",
    "%2Fvar%2Fplanted",
    "file:///var/planted",
    "file:%2F%2F%2Fvar%2Fplanted",
    "C:%5Cplanted",
    "a/../../planted",
)
MARKS = ("frozen", "x/frozen", "x/FROZEN/y", "%66rozen", "")
"""Of closed folders; and no name at all."""


def _is_refusal(status: int) -> bool:
    return http.client.BAD_REQUEST <= status < http.client.INTERNAL_SERVER_ERROR


@dataclass(frozen=True)
class Target:
    """A server and a version that is registered on it."""

    server: Server
    version: Registered
    path: str

    def ask(self, who: str, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send a request as it stands: no client of ours puts its path in order."""
        where = urlsplit(self.server.url)
        signed = base64.b64encode(f"{who}:{self.server.passwords[who]}".encode()).decode()
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        try:
            headers = {"Authorization": f"Basic {signed}", "Content-Type": "application/json"}
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @property
    def settings(self) -> Settings:
        """Of the server's home."""
        return self.server.settings

    def digest(self) -> str:
        """Return what the version is made of now."""
        return verified_manifest(artifact_folder(self.settings, f"mlflow-artifacts:/{self.path}")).digest

    def refusals(self) -> list[Act]:
        """Return the ledger's lines of refusals."""
        acts = Ledger(ledger_database(self.settings)).read()
        return [act for act in acts if act.action in ("artifact.refuse", "request.refuse")]


@pytest.fixture(scope="session")
def bucket_server(
    object_storage: None,
    template: tuple[Settings, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """A server whose artifacts are kept in a bucket."""
    url = make_bucket("served")
    home = tmp_path_factory.mktemp("bucket-server") / "home"
    shutil.copytree(template[0].home, home)
    settings = template[0].model_copy(update={"home": home, "artifacts_url": url})
    with running_server(settings, template[1]) as started:
        yield started


@pytest.fixture(scope="module", params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """A registered version on each kind of store."""
    started = request.getfixturevalue("server" if request.param == "folder" else "bucket_server")
    candidate = make_candidate(tmp_path_factory.mktemp("attacked") / "candidate", f"attacked-{request.param}")
    version = register(started.settings, candidate)
    found = read_version(open_database(started.settings.registry_url), version.model, version.version)
    return Target(started, version, path_of(found.location))


@pytest.fixture
def unharmed(target: Target) -> Iterator[None]:
    """Whatever is tried, the version holds and nothing was planted outside of the store."""
    before, outside = target.digest(), set(_outside(target.settings))
    yield
    assert target.digest() == before == target.version.digest
    assert set(_outside(target.settings)) == outside


def _outside(settings: Settings) -> list[Path]:
    changing = (settings.artifacts_dir, settings.fetched_dir, settings.uploads_dir)
    found = (path for path in settings.home.parent.rglob("*") if not any(folder in path.parents for folder in changing))
    return [path for path in found if path.suffix not in (".db-wal", ".db-shm", ".db-journal")]


@pytest.mark.usefixtures("unharmed")
class TestARegisteredVersionsFiles:
    @pytest.mark.parametrize("who", EVERYBODY)
    def test_are_not_overwritten_or_added_to(self, target: Target, who: str) -> None:
        for prefix, name in product(PREFIXES, ("model.ubj", "MODEL.UBJ", "evidence/card.md", "code/new.py")):
            status, _ = target.ask(who, "PUT", f"{prefix}{FILES}/{target.path}/{name}", b"others")
            assert (name, status) == (name, http.client.FORBIDDEN)

    @pytest.mark.parametrize("who", EVERYBODY)
    def test_are_not_deleted(self, target: Target, who: str) -> None:
        model = target.path.removesuffix("/artifacts")
        above = model.rpartition("/")[0]
        inside = (f"{target.path}/model.ubj", f"{model}/frozen")
        for path in (*inside, target.path, model, above, above.replace("/", "//") + "/."):
            status, _ = target.ask(who, "DELETE", f"{PREFIXES[len(path) % 2]}{FILES}/{path}")
            assert (path, status) == (path, http.client.FORBIDDEN)

    @pytest.mark.parametrize("who", STRONGEST)
    def test_are_reached_by_no_other_spelling(self, target: Target, who: str) -> None:
        for prefix, tail in product(PREFIXES, SPELLINGS):
            status, _ = target.ask(who, "PUT", f"{prefix}{FILES}/{target.path}{tail}", b"others")
            assert (tail, _is_refusal(status)) == (tail, True)

    @pytest.mark.parametrize("who", STRONGEST)
    def test_are_not_uploaded_in_parts(self, target: Target, who: str) -> None:
        body = b'{"path": "model.ubj", "num_parts": 1, "upload_id": "1", "parts": [{"part_number": 1, "etag": "e"}]}'
        for prefix, step in product(PREFIXES, ("create", "complete", "abort")):
            status, answer = target.ask(who, "POST", f"{prefix}/mlflow-artifacts/mpu/{step}/{target.path}", body)
            assert status in (http.client.FORBIDDEN, http.client.NOT_IMPLEMENTED)
            assert b"X-Amz" not in answer

    @pytest.mark.parametrize("who", STRONGEST)
    def test_have_no_address_that_passes_the_server_by(self, target: Target, who: str) -> None:
        run, model = target.version.run_id, target.version.model_id
        tries = (
            ("GET", f"/mlflow-artifacts/presigned/{target.path}/model.ubj", ""),
            ("POST", "/mlflow/artifacts/presigned-upload-url", f'{{"run_id": "{run}", "path": "model.ubj"}}'),
            ("POST", "/mlflow/artifacts/presigned-upload-url", f'{{"model_id": "{model}", "path": "model.ubj"}}'),
            ("POST", "/mlflow/artifacts/presigned-download-url", f'{{"run_id": "{run}", "path": "model.ubj"}}'),
        )
        for prefix, (method, route, body) in product(PREFIXES, tries):
            status, answer = target.ask(who, method, f"{prefix}{route}", body.encode() or None)
            assert status >= http.client.BAD_REQUEST
            assert b"X-Amz" not in answer

    @pytest.mark.parametrize("who", EVERYBODY)
    def test_are_not_uploaded_by_the_page(self, target: Target, who: str) -> None:
        inner = target.path.split("/", 1)[1]
        for path in ("planted", f"../../{inner}/code.py", f"%2e%2e/%2e%2e/{inner}/x"):
            route = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={target.version.run_id}&path={path}"
            status, _ = target.ask(who, "POST", route, b"others")
            assert _is_refusal(status)


@pytest.mark.usefixtures("unharmed")
class TestTheRestOfTheStore:
    @pytest.mark.parametrize("who", [who for who in EVERYBODY if who != "pipeline"])
    def test_is_written_by_the_pipeline_alone(self, target: Target, who: str) -> None:
        experiment = target.path.split("/", 1)[0]
        for path in (f"{experiment}/{target.version.run_id}/artifacts/evidence/card.md", "note.md", "9/x/y"):
            status, _ = target.ask(who, "PUT", f"/api/2.0{FILES}/{path}", b"read this instead")
            assert status == http.client.FORBIDDEN

    def test_is_not_left_even_by_the_pipeline(self, target: Target) -> None:
        for path in WAYS_OUT + MARKS:
            status, _ = target.ask("pipeline", "PUT", f"/api/2.0{FILES}/{path}", b"x")
            assert (path, _is_refusal(status)) == (path, True)

    def test_takes_a_file_once_whoever_is_faster(self, target: Target) -> None:
        route = f"/api/2.0{FILES}/1/models/m-raced/artifacts/model.ubj"
        contents = [bytes([65 + number]) * 5_000 for number in range(6)]
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda content: target.ask("pipeline", "PUT", route, content)[0], contents))
        assert sorted(answers) == [http.client.OK] + [http.client.FORBIDDEN] * 5
        assert target.ask("pipeline", "GET", route)[1] == contents[answers.index(http.client.OK)]


class TestReading:
    def routes(self, target: Target, path: str) -> list[str]:
        model, number = target.version.model, target.version.version
        return [
            f"/api/2.0{FILES}/{target.path}/{path}",
            f"/ajax-api/2.0{FILES}/{target.path}/{path}",
            f"/get-artifact?run_uuid={target.version.run_id}&path={path}",
            f"/model-versions/get-artifact?name={model}&version={number}&path={path}",
            f"/ajax-api/2.0/mlflow/logged-models/{target.version.model_id}/artifacts/files?artifact_file_path={path}",
        ]

    def test_gives_the_reviewer_the_evidence(self, target: Target) -> None:
        for route in self.routes(target, "evidence/card.md"):
            if route.startswith("/get-artifact"):
                continue  # of the run: a version's files are those of its logged model
            status, answer = target.ask("rita", "GET", route)
            assert (status, answer) == (http.client.OK, b"# A toy, seed 0\n")

    def test_lists_the_files(self, target: Target) -> None:
        status, answer = target.ask("rita", "GET", f"/api/2.0{FILES}?path={target.path}")
        assert status == http.client.OK
        assert {b"model.ubj", b"evidence", b"manifest.json"} <= set(answer.replace(b'"', b" ").split())

    @pytest.mark.parametrize("who", ["ada", "admin"])
    def test_does_not_leave_the_store(self, target: Target, who: str) -> None:
        secret = read_secrets(target.settings.secrets_file).seal_key.encode()
        home = quote(str(target.settings.home), safe="")
        for path in (
            "../" * 6 + "secrets.toml",
            "..%2f" * 6 + "secrets.toml",
            "%252e%252e/" * 6 + "secrets.toml",
            "..%5c" * 6 + "secrets.toml",
            f"{home}/secrets.toml",
            f"file://{home}/secrets.toml",
        ):
            for route in self.routes(target, path):
                status, answer = target.ask(who, "GET", route)
                assert _is_refusal(status)
                assert secret not in answer


class TestARefusal:
    @pytest.mark.parametrize("who", EVERYBODY)
    def test_leaves_a_line_that_says_who(self, target: Target, who: str) -> None:
        before = len(target.refusals())
        target.ask(who, "PUT", f"/api/2.0{FILES}/{target.path}/model.ubj", b"others")
        target.ask(who, "DELETE", f"/api/2.0{FILES}/{target.path}")
        assert [act.actor for act in target.refusals()[before:]] == [who, who]

    @pytest.mark.parametrize("who", STRONGEST)
    def test_by_the_store_says_which_file_and_why(self, target: Target, who: str) -> None:
        status, answer = target.ask(who, "PUT", f"/ajax-api/2.0{FILES}/{target.path}/model.ubj", b"others")
        line = target.refusals()[-1]
        assert (status, line.action) == (http.client.FORBIDDEN, "artifact.refuse")
        assert (line.actor, line.subject) == (who, f"{target.path}/model.ubj")
        assert b"PERMISSION_DENIED" in answer
        assert ("registered version" if who == "pipeline" else "caregate run") in line.detail


@pytest.mark.parametrize("target", ["bucket"], indirect=True)
class TestWhoHasTheBucketsCredentials:
    def test_changes_nothing_that_is_read(self, target: Target) -> None:
        key = {"Bucket": "served", "Key": f"homes/one/{target.path}/evidence/card.md"}
        storage().put_object(**key, Body=b"# All is well\n")
        answer = target.ask("rita", "GET", f"/api/2.0{FILES}/{target.path}/evidence/card.md")
        assert answer == (http.client.OK, b"# A toy, seed 0\n")
        storage().delete_object(**key)
        assert target.digest() == target.version.digest
        assert open_artifacts(target.settings).is_closed(target.path)
