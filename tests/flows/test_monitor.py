"""The monitor flow: a champion against the rows that came in since it was trained."""

from __future__ import annotations

import pytest
from mlflow.entities.model_registry import ModelVersionTag

from caregate.settings import Settings
from flows.acting import started_by
from flows.ingest import ingest
from flows.monitor import monitor
from flows.train import train
from governance.database import ledger_database
from governance.ledger import Ledger
from monitoring.report import NothingNew
from registry.actor import acting_as
from registry.authorship import Author
from registry.connection import open_registry
from registry.promotion import promote
from registry.server.scheme import PREFIX
from registry.server.store import GuardedStore

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def champion(home: Settings, ada: Author, prefect_server: str) -> int:
    """A version that `reviewer` signed and that is in use."""
    ingest(source="synthetic", rows=12_000, seed=5)
    with started_by(ada):
        version = train(model="no-show").version
    assert version is not None
    with open_registry(home, account="pipeline"), acting_as("reviewer"):
        store = GuardedStore(PREFIX + home.registry_url, settings=home)
        store.set_model_version_tag("no-show", str(version), ModelVersionTag("approval", "approved"))
    return promote(home, "no-show", version).version


class TestARunOfWhatIsInUse:
    def test_makes_nothing_new_and_says_how_it_stands(self, champion: int, ada: Author) -> None:
        with started_by(ada):
            again = train(model="no-show")
        assert (again.version, again.state, again.signatures) == (champion, "approved", 1)


class TestMonitor:
    def test_without_newer_rows_there_is_nothing_to_look_at(self, home: Settings, champion: int) -> None:
        with pytest.raises(NothingNew, match="caregate ingest"):
            monitor(model="no-show")

    def test_newer_rows_are_held_against_those_of_training(self, home: Settings, champion: int) -> None:
        ingest(source="synthetic", rows=13_000, seed=6)  # records are numbered from 1 in every file
        seen = monitor(model="no-show")
        assert seen.version == champion
        assert seen.rows == 1_000  # those whose record the first file did not hold
        assert {"psi[score]", "psi[lead_days]", "auc", "observed/expected"} <= {item.name for item in seen.findings}
        assert {item.alarm for item in seen.findings if item.name in ("psi[age]", "auc")} == {"ok"}
        [line] = Ledger(ledger_database(home)).read(action="model.monitor")
        assert line.subject == f"no-show/{champion}"
