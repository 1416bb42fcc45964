"""Consent: silence is none, the last sealed word counts, and the book in memory knows it from the next look on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from caregate.clock import fixed_clock
from caregate.policy_file import PolicyUnreadable
from governance import seals
from governance.consents import ConsentBook, Consents, Said
from governance.database import migrate, open_database
from governance.notices import NOTICES, UnknownNotice, UnknownPurpose, load_notices

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = b"s" * 32
ANNA, BEN = "token-of-anna", "token-of-ben"
TURNS = count()


def opened(url: str) -> Engine:
    migrate(url)
    return seals.with_key(open_database(url), KEY)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}" if request.param == "sqlite" else None
    engine = opened(url or request.getfixturevalue("postgresql_url"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A ledger that the examples of a law share, each with patients of its own."""
    engine = opened(f"sqlite:///{tmp_path_factory.mktemp('law') / 'ledger.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def consents(engine: Engine) -> Consents:
    return Consents(engine, fixed_clock(NOON))


@pytest.fixture
def book(engine: Engine) -> Iterator[ConsentBook]:
    book = ConsentBook(engine)
    yield book
    book.close()


def words(book: ConsentBook, *asked: tuple[str, str]) -> list[bool | None]:
    book.refresh()
    return [book.word(patient, purpose) for patient, purpose in asked]


class TestTheBook:
    def test_knows_each_last_word_and_tells_silence_from_no(self, consents: Consents, book: ConsentBook) -> None:
        assert words(book, (ANNA, "score")) == [None]
        consents.grant(ANNA, "score", by="ada")
        consents.revoke(BEN, "score", by="ada")
        consents.grant(BEN, "contact:sms", by="ada")
        asked = [(ANNA, "score"), (BEN, "score"), (BEN, "contact:sms"), (ANNA, "contact:sms"), (BEN, "contact")]
        assert words(book, *asked) == [True, False, True, None, None]

    def test_knows_a_revocation_from_the_next_look_on(self, consents: Consents, book: ConsentBook) -> None:
        consents.grant(ANNA, "score", by="ada")
        assert words(book, (ANNA, "score")) == [True]
        consents.revoke(ANNA, "score", by="ada")
        assert words(book, (ANNA, "score")) == [False]
        consents.grant(ANNA, "score", by="ada")
        assert words(book, (ANNA, "score")) == [True]

    def test_counts_no_line_that_somebody_wrote_past_caregate(
        self, engine: Engine, consents: Consents, book: ConsentBook
    ) -> None:
        consents.revoke(ANNA, "score", by="ada")
        forge(engine, seq=900, patient=ANNA)
        assert words(book, (ANNA, "score"), (BEN, "score")) == [False, None]

    def test_misses_no_word_behind_a_forged_line_that_is_gone_again(
        self, engine: Engine, consents: Consents, book: ConsentBook
    ) -> None:
        consents.grant(ANNA, "score", by="ada")
        forge(engine, seq=900, patient=BEN)
        assert words(book, (ANNA, "score")) == [True]
        unguard(engine)
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM acts WHERE seq = 900"))
        consents.revoke(ANNA, "score", by="ada")
        assert words(book, (ANNA, "score")) == [False]

    def test_comes_back_after_its_connection_was_lost(self, consents: Consents, book: ConsentBook) -> None:
        consents.grant(ANNA, "score", by="ada")
        assert words(book, (ANNA, "score")) == [True]
        book._session.close()
        consents.revoke(ANNA, "score", by="ada")
        assert words(book, (ANNA, "score")) == [False]


def forge(engine: Engine, *, seq: int, patient: str) -> None:
    line = {"seq": seq, "patient": patient, "detail": '{"how":"crm","notice":"2026-11","purpose":"score"}'}
    statement = (
        "INSERT INTO acts VALUES (:seq, '2026-06-02', 'ada', 'consent.grant', :patient, '', :detail, 'x', 'y', 'z')"
    )
    with engine.begin() as connection:
        connection.execute(text(statement), line)


def unguard(engine: Engine) -> None:
    """Do what only who owns the database can: take the trigger away."""
    triggers = {"sqlite": "DROP TRIGGER acts_no_delete", "postgresql": "DROP TRIGGER acts_append_only ON acts"}
    with engine.begin() as connection:
        connection.execute(text(triggers[engine.dialect.name]))


class TestTheLaw:
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        said=st.lists(
            st.tuples(st.sampled_from([ANNA, BEN]), st.sampled_from(["train", "score", "contact:sms"]), st.booleans()),
            max_size=8,
        ),
        looks=st.sets(st.integers(0, 8)),
    )
    def test_the_book_is_what_the_lines_come_to_whenever_it_looked(
        self, ledger: Engine, said: list[tuple[str, str, bool]], looks: set[int]
    ) -> None:
        consents, book = Consents(ledger, fixed_clock(NOON)), ConsentBook(ledger)
        turn = next(TURNS)
        last: dict[tuple[str, str], bool] = {}
        for at, (name, purpose, granted) in enumerate(said):
            (consents.grant if granted else consents.revoke)(f"{name}-{turn}", purpose, by="ada")
            last[f"{name}-{turn}", purpose] = granted
            if at in looks:
                book.refresh()
        book.refresh()
        for purpose in load_notices().purposes:
            spoken = consents.last_words(purpose)
            for patient in (f"{ANNA}-{turn}", f"{BEN}-{turn}"):
                assert book.word(patient, purpose) == last.get((patient, purpose))
                assert (spoken[patient].granted if patient in spoken else None) == last.get((patient, purpose))
        book.close()


class TestAWord:
    def test_is_bound_to_the_notice_that_was_shown(self, consents: Consents) -> None:
        shown = load_notices().notice("train")
        granted = consents.grant(ANNA, "train", by="ada", how=Said.PAPER)
        consents.revoke(ANNA, "train", by="carl", how=Said.VOICE)
        assert (granted.notice, granted.notice_digest) == (shown.version, shown.digest)
        assert [(word.granted, word.by, word.how) for word in consents.of(ANNA)] == [
            (True, "ada", Said.PAPER),
            (False, "carl", Said.VOICE),
        ]
        assert consents.of(BEN) == []

    def test_on_what_nobody_is_asked_is_refused(self, consents: Consents) -> None:
        with pytest.raises(UnknownPurpose, match="choose one of train, score"):
            consents.grant(ANNA, "sell", by="ada")
        with pytest.raises(UnknownPurpose):
            consents.revoke(ANNA, "sell", by="ada")
        with pytest.raises(UnknownNotice, match="train has no notice of this version"):
            consents.grant(ANNA, "train", by="ada", notice="1999-01")
        assert consents.of(ANNA) == []


class TestTheNotices:
    def test_say_for_each_purpose_what_it_allows_and_what_is_shown(self) -> None:
        notices = load_notices()
        assert set(notices.purposes) == {"train", "score", "contact", "share"} | {
            f"contact:{channel}" for channel in ("voice", "sms", "chat", "email", "whatsapp")
        }
        assert all(purpose.allows and purpose.notices[-1].text for purpose in notices.purposes.values())

    def test_that_cannot_be_used_stop_everything(self, tmp_path: Path) -> None:
        twice = NOTICES.read_text(encoding="utf-8").replace(
            "notices:\n", 'notices:\n      - {version: "2026-11", text: said twice over and over}\n', 1
        )
        (tmp_path / "notices.yaml").write_text(twice, encoding="utf-8")
        for path in (tmp_path / "notices.yaml", tmp_path / "none.yaml"):
            with pytest.raises(PolicyUnreadable):
                load_notices(path)
