from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from caregate.clock import fixed_clock, system_clock
from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from governance.people import People
from governance.seals import with_key
from models.spec import RiskClass
from registry import names, promotion
from registry.artifacts import artifact_folder
from registry.champion import NoChampion, NotApproved, approved_folder, champion_of
from registry.digest import DigestMismatch
from registry.incumbent import incumbent_of
from registry.promotion import CameOutOfUse, NoPrevious, Outdated, pending_promotions, promote, rollback
from registry.promotions import PROMOTED
from registry.proving import require_proof
from registry.registering import Registered
from registry.server.signing import SigningDesk
from registry.versions import UnknownVersion, aliases_of, read_version
from tests.registry.conftest import CandidateFactory, Template, copy_home
from tests.registry.toys import make_candidate, register


@pytest.fixture
def home(fresh_home: Settings) -> Settings:
    """A home of its own for each test: here the order of versions matters."""
    return fresh_home


@dataclass(frozen=True)
class InUse:
    """A home of the test's own, and the version that is in use in it."""

    home: Settings
    version: Registered


@pytest.fixture(scope="module")
def template_in_use(template: Template, tmp_path_factory: pytest.TempPathFactory) -> InUse:
    """A home whose first version is in use, made once: each promotion scores in a process of its own."""
    folder = tmp_path_factory.mktemp("in-use")
    home = copy_home(template[0], folder / "home")
    use(home, version := register(home, make_candidate(folder / "one", "one", recipe="r1")))
    return InUse(home, version)


@pytest.fixture
def in_use(template_in_use: InUse, tmp_path: Path) -> InUse:
    return InUse(copy_home(template_in_use.home, tmp_path / "in-use"), template_in_use.version)


def sign(home: Settings, version: Registered, by: str, value: str = "approved") -> None:
    governance = ledger_database(home)
    actor = People(governance).find(by)
    assert actor is not None
    found = read_version(open_database(home.registry_url), version.model, version.version)
    decision = SigningDesk(home, governance, system_clock).take(actor, found, value)
    assert decision.allowed, decision.why


def use(home: Settings, version: Registered) -> None:
    sign(home, version, "rita")
    promote(home, version.model, version.version)


def later(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


class TestPromoting:
    def test_makes_the_approved_version_the_champion(self, home: Settings, candidate: CandidateFactory) -> None:
        version = register(home, candidate("one"))
        sign(home, version, "rita")
        champion = promote(home, "no-show", version.version)
        assert (champion.version, champion.digest) == (version.version, version.digest)
        assert champion.standing.signed_by == ("rita",)
        assert champion.folder == home.approved_dir / version.digest.replace(":", "-")

    def test_twice_changes_nothing(self, home: Settings, candidate: CandidateFactory) -> None:
        version = register(home, candidate("one"))
        sign(home, version, "rita")
        before = promote(home, "no-show", version.version)
        lines = len(list(Ledger(ledger_database(home)).read()))
        assert promote(home, "no-show", version.version) == before
        assert len(list(Ledger(ledger_database(home)).read())) == lines

    @pytest.mark.parametrize("value", [None, "rejected: not on winter data"])
    def test_needs_an_approval(self, home: Settings, candidate: CandidateFactory, value: str | None) -> None:
        version = register(home, candidate("one"))
        if value:
            sign(home, version, "rita", value)
        with pytest.raises(NotApproved):
            promote(home, "no-show", version.version)
        with pytest.raises(NoChampion):
            champion_of(home, "no-show")

    def test_of_a_clinical_model_needs_two(self, home: Settings, candidate: CandidateFactory) -> None:
        version = register(home, candidate("one", risk_class=RiskClass.CLINICAL))
        sign(home, version, "clara")
        with pytest.raises(NotApproved):
            promote(home, "no-show", version.version)
        sign(home, version, "rita")
        assert promote(home, "no-show", version.version).standing.signed_by == ("clara", "rita")

    def test_hashes_the_files_again(self, home: Settings, candidate: CandidateFactory) -> None:
        version = register(home, candidate("one"))
        sign(home, version, "rita")
        location = read_version(open_database(home.registry_url), "no-show", version.version).location
        (artifact_folder(home, location) / "model.ubj").write_bytes(b"others")
        with pytest.raises(DigestMismatch):
            promote(home, "no-show", version.version)

    def test_of_an_unknown_version_says_so(self, home: Settings, candidate: CandidateFactory) -> None:
        register(home, candidate("one"))
        with pytest.raises(UnknownVersion):
            promote(home, "no-show", 7)


class TestWhatAwaitsPromotion:
    def test_is_what_was_approved_last_and_never_promoted(self, home: Settings, candidate: CandidateFactory) -> None:
        first, second = register(home, candidate("one")), register(home, candidate("two", seed=1))
        assert pending_promotions(home) == []
        sign(home, first, "rita")
        sign(home, second, "rita")
        assert [key.version for key in pending_promotions(home)] == [second.version]
        promote(home, "no-show", second.version)
        assert pending_promotions(home) == []

    def test_is_nothing_that_was_revoked(self, home: Settings, candidate: CandidateFactory) -> None:
        version = register(home, candidate("one"))
        sign(home, version, "rita")
        sign(home, version, "ron", "revoked: signed by mistake")
        assert pending_promotions(home) == []

    def test_does_not_undo_a_rollback(self, in_use: InUse, candidate: CandidateFactory) -> None:
        home, first = in_use.home, in_use.version
        use(home, register(home, candidate("two", seed=1, compared_with=first.digest)))
        assert rollback(home, "no-show", by="ada").version == 1
        assert pending_promotions(home) == []
        assert aliases_of(open_database(home.registry_url), "no-show") == {names.CHAMPION: 1, names.PREVIOUS: 2}

    def test_any_version_that_was_in_use_comes_back_while_its_approval_stands(
        self, in_use: InUse, candidate: CandidateFactory
    ) -> None:
        home, first = in_use.home, in_use.version
        use(home, second := register(home, candidate("two", seed=1, compared_with=first.digest)))
        use(home, register(home, candidate("three", seed=2, compared_with=second.digest)))
        assert rollback(home, "no-show", by="ada", to=1).version == 1
        sign(home, second, "ron", "revoked: wrong on new sites")
        with pytest.raises(NotApproved):
            rollback(home, "no-show", by="ada", to=2)
        register(home, candidate("four", seed=3))
        with pytest.raises(NoPrevious, match="never had version 4 in use"):
            rollback(home, "no-show", by="ada", to=4)

    def test_a_version_that_was_in_use_is_brought_back_by_a_person_and_not_by_the_promoter(
        self, in_use: InUse, candidate: CandidateFactory
    ) -> None:
        """Prefect's promote flow acts as the promoter, for whoever holds the one password."""
        home, first = in_use.home, in_use.version
        use(home, register(home, candidate("two", seed=1, compared_with=first.digest)))
        with pytest.raises(CameOutOfUse, match="caregate rollback no-show --to 1"):
            promote(home, "no-show", first.version)
        assert champion_of(home, "no-show").version == 2
        assert promote(home, "no-show", first.version, by="ron").version == 1

    def test_without_a_previous_nothing_rolls_back(self, home: Settings, candidate: CandidateFactory) -> None:
        register(home, candidate("one"))
        with pytest.raises(NoPrevious):
            rollback(home, "no-show", by="ada")


class TestWhatWasNotComparedWithTheVersionInUse:
    @pytest.fixture
    def side_by_side(self, home: Settings, candidate: CandidateFactory) -> Registered:
        """A version that was judged before another one, judged beside it, came into use."""
        other, second = register(home, candidate("one")), register(home, candidate("two", seed=1))
        sign(home, second, "rita")
        use(home, other)
        return second

    def test_does_not_follow_it(self, home: Settings, side_by_side: Registered) -> None:
        with pytest.raises(Outdated, match="run no-show again"):
            promote(home, "no-show", side_by_side.version)
        assert pending_promotions(home) == []
        assert champion_of(home, "no-show").version == 1

    def test_is_not_signed_either(self, home: Settings, candidate: CandidateFactory) -> None:
        other, second = register(home, candidate("one")), register(home, candidate("two", seed=1))
        use(home, other)
        with pytest.raises(AssertionError, match="version 1 came into use since this one was judged"):
            sign(home, second, "rita")

    def test_follows_it_once_it_was(
        self, home: Settings, side_by_side: Registered, candidate: CandidateFactory
    ) -> None:
        again = register(home, candidate("again", seed=1, compared_with=champion_of(home, "no-show").digest))
        sign(home, again, "rita")
        assert [key.version for key in pending_promotions(home)] == [again.version]
        assert promote(home, "no-show", again.version).version == again.version

    def test_comes_back_if_it_was_in_use_before(self, in_use: InUse, candidate: CandidateFactory) -> None:
        home, first = in_use.home, in_use.version
        use(home, register(home, candidate("two", seed=1, compared_with=first.digest)))
        assert promote(home, "no-show", first.version, by="ron").version == first.version

    def test_does_not_follow_it_where_both_are_promoted_at_once(
        self, home: Settings, candidate: CandidateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = register(home, candidate("one")), register(home, candidate("two", seed=1))
        sign(home, first, "rita")
        sign(home, second, "rita")

        def prove(*given: object) -> None:
            """Let the other come into use when this one is all but there."""
            monkeypatch.setattr(promotion, "require_proof", require_proof)
            promote(home, "no-show", first.version)
            require_proof(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(promotion, "require_proof", prove)
        with pytest.raises(Outdated, match="version 1 came into use"):
            promote(home, "no-show", second.version)
        assert champion_of(home, "no-show").version == first.version


class TestTheVersionThatARunIsComparedWith:
    def test_is_none_before_the_first(self, home: Settings) -> None:
        assert incumbent_of(home, "no-show") is None

    def test_is_the_one_in_use(self, in_use: InUse) -> None:
        home, first = in_use.home, in_use.version
        found = incumbent_of(home, "no-show")
        assert found is not None
        assert (found.digest, found.run_key, found.recipe, found.why) == (first.digest, "one", "r1", "")

    def test_is_named_and_not_left_out_once_its_approval_ended(self, in_use: InUse) -> None:
        home, version = in_use.home, in_use.version
        sign(home, version, "ron", "revoked: wrong on new sites")
        found = incumbent_of(home, "no-show")
        assert found is not None
        assert "ended or was revoked" in found.why

    def test_is_named_and_not_left_out_once_its_files_changed(self, in_use: InUse) -> None:
        home, version = in_use.home, in_use.version
        (approved_folder(home, version.digest) / "calibration.json").write_text("{}", encoding="utf-8")
        found = incumbent_of(home, "no-show")
        assert found is not None
        assert "not those that were signed" in found.why


class TestAVersionThatStandsOnAWaiver:
    def test_is_signed_until_the_waiver_ends_at_most(self, home: Settings, candidate: CandidateFactory) -> None:
        tomorrow = later(1).date()
        use(home, register(home, candidate("one", valid_until=tomorrow)))
        assert champion_of(home, "no-show").standing.expires_at.date() == tomorrow + timedelta(days=1)
        with pytest.raises(NotApproved):
            champion_of(home, "no-show", clock=fixed_clock(later(3)))

    def test_cannot_be_signed_after_it(self, home: Settings, candidate: CandidateFactory) -> None:
        version = register(home, candidate("one", valid_until=later(-2).date()))
        with pytest.raises(AssertionError, match="a waiver that it stands on ended"):
            sign(home, version, "rita")

    def test_names_the_day_on_its_page(self, home: Settings, candidate: CandidateFactory) -> None:
        version = register(home, candidate("one", valid_until=date(2100, 1, 31)))
        tags = read_version(open_database(home.registry_url), "no-show", version.version).tags
        assert tags[names.VALID_UNTIL] == "2100-01-31"


class TestTheChampion:
    @pytest.fixture
    def home(self, in_use: InUse) -> Settings:
        return in_use.home

    @pytest.fixture
    def version(self, in_use: InUse) -> Registered:
        """A promoted version."""
        return in_use.version

    def test_is_none_in_a_home_that_never_had_one(self, fresh_home: Settings) -> None:
        with pytest.raises(NoChampion):
            champion_of(fresh_home, "no-show")

    def test_ends_with_its_approval(self, home: Settings, version: Registered) -> None:
        clock = fixed_clock(later(home.approval_days + 1))
        with pytest.raises(NotApproved):
            champion_of(home, "no-show", clock=clock)

    def test_ends_when_it_is_revoked(self, home: Settings, version: Registered) -> None:
        sign(home, version, "ron", "revoked: wrong on new sites")
        with pytest.raises(NotApproved):
            champion_of(home, "no-show")

    def test_is_not_what_a_forged_alias_says(
        self, home: Settings, version: Registered, candidate: CandidateFactory
    ) -> None:
        forged = register(home, candidate("forged", seed=2))
        with open_database(home.registry_url).begin() as connection:
            connection.execute(text(f"UPDATE registered_model_aliases SET version = {forged.version}"))  # noqa: S608
            connection.execute(text("UPDATE model_version_tags SET value = 'approved' WHERE key = 'approval'"))
            connection.execute(
                text("UPDATE model_version_tags SET value = :digest WHERE key = 'digest'"), {"digest": version.digest}
            )
        assert champion_of(home, "no-show").version == version.version
        with pytest.raises(NotApproved):
            promote(home, "no-show", forged.version)

    def test_is_not_what_a_forged_line_says(
        self, home: Settings, version: Registered, candidate: CandidateFactory
    ) -> None:
        forged = register(home, candidate("forged", seed=2))
        engine = with_key(open_database(home.ledger_url), b"somebody else's key")
        created = read_version(open_database(home.registry_url), "no-show", forged.version).key.created_ms
        said = {"created_ms": created, "reason": "", "role": "reviewer", "expires": later(9).isoformat()}
        Ledger(engine).append("rita", "approval.approve", "no-show/2", digest=forged.digest, **said)
        Ledger(engine).append("promoter", PROMOTED, "no-show/2", digest=forged.digest, **said, run_key="", recipe="")
        assert champion_of(home, "no-show").version == version.version
        assert pending_promotions(home) == []
        with pytest.raises(NotApproved):
            promote(home, "no-show", forged.version)

    def test_is_not_a_changed_copy(self, home: Settings, version: Registered) -> None:
        (approved_folder(home, version.digest) / "calibration.json").write_text("{}", encoding="utf-8")
        with pytest.raises(DigestMismatch):
            champion_of(home, "no-show")
        promote(home, "no-show", version.version)
        assert champion_of(home, "no-show").version == version.version

    def test_is_found_without_mlflow(self, home: Settings, version: Registered) -> None:
        code = (
            "import sys; from caregate.settings import load_settings; from registry.champion import champion_of;"
            "champion_of(load_settings(home=sys.argv[1]), 'no-show'); sys.exit('mlflow' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code, str(home.home)], check=False).returncode == 0
