"""The pointwise engine answers as DuckDB does, or says that it cannot."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ibis import _

from models.pointwise import NotPointwise, Program, compile_rows
from models.pointwise.sql import OutOfRange

EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
SCHEMA = pa.schema(
    {
        "name": pa.string(),
        "owner": pa.string(),
        "moment": pa.int64(),
        "place": pa.int64(),
        "x": pa.int64(),
        "y": pa.int16(),
        "flag": pa.bool_(),
        "word": pa.string(),
        "day": pa.date32(),
        "at": pa.timestamp("us"),
    }
)
OWNERS = pa.schema({"owner": pa.string(), "sex": pa.string()})
KEYS = {"visits": ("name", "owner", "at"), "owners": ("owner",)}
LAW = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

VISITS = ibis.table(ibis.Schema.from_pyarrow(SCHEMA), name="visits")
PEOPLE = ibis.table(ibis.Schema.from_pyarrow(OWNERS), name="owners")

Rows = Sequence[Mapping[str, Any]]


class Both:
    """The two engines over the same rows."""

    def __init__(self, visits: Rows, owners: Rows = ()) -> None:
        self._tables = {
            "visits": pa.Table.from_pylist([dict(row) for row in visits], SCHEMA),
            "owners": pa.Table.from_pylist([dict(row) for row in owners], OWNERS),
        }

    def by_sql(self, expression: ibis.Table) -> list[dict[str, Any]]:
        with duckdb.connect() as database:
            for name, table in self._tables.items():
                database.register(name, table)
            found = database.sql(str(ibis.to_sql(expression, dialect="duckdb"))).to_arrow_table()
        return [_plain(row) for row in found.cast(expression.schema().to_pyarrow()).to_pylist()]

    def by_row(self, program: Program) -> list[dict[str, Any]]:
        held = {name: [_held(row) for row in table.to_pylist()] for name, table in self._tables.items()}

        def read(number: int, value: Any) -> list[tuple[Any, ...]]:
            access = program.accesses[number]
            rows = held[access.table]
            return [tuple(row[name] for name in access.columns) for row in rows if row[access.column] == value]

        memo: dict[Any, Any] = {}
        found = (program.row(row["name"], read, memo) for row in held["visits"])
        return [_plain(row) for row in found if row is not None]

    def agree(self, expression: ibis.Table) -> list[dict[str, Any]]:
        """Hold both to the same rows, and return them in the order of their names."""
        program = compile_rows(expression, column="name", keys=KEYS)
        by_row, by_sql = (
            sorted(rows, key=lambda row: row["name"]) for rows in (self.by_row(program), self.by_sql(expression))
        )
        assert by_row == by_sql
        return by_row


def _held(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _whole(value) for name, value in row.items()}


def _whole(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return (value - EPOCH.date()).days if isinstance(value, date) else value


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "NaN" if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def visit(name: str = "a", **values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(SCHEMA.names), "name": name, "owner": "ann", **values}


small = st.one_of(st.none(), st.integers(-3, 3))


@st.composite
def visits(draw: st.DrawFn) -> list[dict[str, Any]]:
    places = draw(st.permutations(range(7)))
    return [
        visit(
            f"v{number}",
            owner=draw(st.sampled_from(["ann", "bob", None])),
            moment=draw(small),
            place=places[number],
            x=draw(small),
            y=draw(small),
            flag=draw(st.one_of(st.none(), st.booleans())),
            word=draw(st.sampled_from(["one", "two", "", None])),
            day=draw(st.one_of(st.none(), st.dates(date(1969, 12, 1), date(1970, 2, 1)))),
            at=draw(st.one_of(st.none(), st.datetimes(datetime(1969, 12, 31), datetime(1970, 1, 2)))),  # noqa: DTZ001
        )
        for number in range(draw(st.integers(1, 6)))
    ]


whole_leaves = st.sampled_from(
    [
        VISITS.x,
        VISITS.y,
        VISITS.moment,
        ibis.literal(0),
        ibis.literal(2),
        ibis.literal(-1, "int64"),
        ibis.null("int64"),
        VISITS.day.day_of_week.index(),
        VISITS.at.hour(),
        VISITS.at.minute(),
        VISITS.at.date().day_of_week.index(),
        VISITS.at.truncate("s").epoch_seconds().cast("int64"),
        VISITS.at.truncate("h").epoch_seconds().cast("int64") // 60,
        VISITS.day.cast("timestamp").epoch_seconds() // 86_400,
        VISITS.flag.cast("int8"),
        (VISITS.x / 3).cast("int64"),
    ]
)


def _wholes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.map(lambda ab: ab[0] + ab[1]),
        pair.map(lambda ab: ab[0] - ab[1]),
        pair.map(lambda ab: ab[0] * ab[1]),
        pair.map(lambda ab: ibis.coalesce(*ab)),
        pair.map(lambda ab: ibis.greatest(*ab)),
        pair.map(lambda ab: ibis.least(*ab)),
        inner.map(lambda a: a.nullif(0)),
        inner.map(lambda a: a // 2),
        st.tuples(flags_of(inner), inner, inner).map(lambda cab: ibis.cases((cab[0], cab[1]), else_=cab[2])),
        st.tuples(flags_of(inner), inner, inner).map(lambda cab: cab[0].ifelse(cab[1], cab[2])),
    )


def flags_of(wholes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pair = st.tuples(wholes, wholes)
    plain = st.one_of(
        st.just(VISITS.flag),
        pair.map(lambda ab: ab[0] == ab[1]),
        pair.map(lambda ab: ab[0] != ab[1]),
        pair.map(lambda ab: ab[0] < ab[1]),
        pair.map(lambda ab: ab[0] >= ab[1]),
        pair.map(lambda ab: ab[0] / ab[1] <= 0.5),
        pair.map(lambda ab: ab[0] / 2 > ab[1] / 3),
        wholes.map(lambda a: a.isin([1, 2])),
        wholes.map(lambda a: a.notnull()),
        wholes.map(lambda a: a.isnull()),
        st.sampled_from(["one", "", "three"]).map(lambda word: VISITS.word == word),
        st.just(VISITS.word.isin(["one", "two"])),
    )
    return st.one_of(
        plain,
        st.tuples(plain, plain).map(lambda ab: ab[0] & ab[1]),
        st.tuples(plain, plain).map(lambda ab: ab[0] | ab[1]),
        plain.map(lambda a: ~a),
    )


wholes = st.recursive(whole_leaves, _wholes, max_leaves=5)
flags = flags_of(wholes)


class TestValues:
    @LAW
    @given(rows=visits(), whole=wholes, flag=flags, top=wholes, below=wholes)
    def test_every_expression_gives_what_sql_gives(
        self, rows: Rows, whole: Any, flag: Any, top: Any, below: Any
    ) -> None:
        expression = VISITS.select("name", n=whole, flag=flag, ratio=top / below, at=_.at)
        Both(rows).agree(expression)

    @pytest.mark.parametrize(
        ("top", "below", "ratio"),
        [(1, 0, math.inf), (-1, 0, -math.inf), (0, 0, "NaN"), (1, None, None), (3, 2, 1.5)],
    )
    def test_division_is_of_floating_numbers(self, top: int, below: int | None, ratio: Any) -> None:
        [row] = Both([visit(x=top, y=below)]).agree(VISITS.select("name", ratio=_.x / _.y))
        assert row["ratio"] == ratio

    def test_nan_is_equal_to_itself_and_the_greatest(self) -> None:
        nan = _.x / 0
        expression = VISITS.select(
            "name", same=nan == _.y / 0, most=ibis.greatest(nan, 1.0), less=nan < _.y / 0, over=nan > 5
        )
        [row] = Both([visit(x=0, y=0)]).agree(expression)
        assert (row["same"], row["most"], row["less"], row["over"]) == (True, "NaN", False, True)

    def test_fractions_of_a_second_count_as_duckdb_counts_them(self) -> None:
        moment = datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC).replace(tzinfo=None)
        [row] = Both([visit(at=moment)]).agree(VISITS.select("name", n=_.at.epoch_seconds().cast("int64")))
        assert row["n"] == -2

    def test_a_number_that_does_not_fit_is_an_error_in_both(self) -> None:
        both, expression = Both([visit(x=300)]), VISITS.select("name", n=_.x.cast("int8"))
        with pytest.raises(duckdb.ConversionException):
            both.by_sql(expression)
        with pytest.raises(OutOfRange):
            both.by_row(compile_rows(expression, column="name", keys=KEYS))


class TestRelations:
    @LAW
    @given(rows=visits(), amount=wholes, moment=wholes, kept=flags, back=st.one_of(st.none(), st.integers(0, 3)))
    def test_windows_over_unions_look_at_the_same_rows(
        self, rows: Rows, amount: Any, moment: Any, kept: Any, back: int | None
    ) -> None:
        questions = VISITS.select("name", "owner", "moment", amount=ibis.null("int64"), asked=ibis.literal(True))
        events = VISITS.filter(kept).select(
            "owner", name=ibis.null("string"), moment=moment.cast("int64"), amount=amount.cast("int64")
        )
        both = questions.union(events.mutate(asked=ibis.literal(False)).select(*questions.columns))
        window = ibis.range_window(preceding=back, following=0, group_by="owner", order_by="moment")
        expression = both.mutate(
            total=_.amount.sum().over(window).coalesce(0).cast("int64"),
            most=_.amount.max().over(window),
            least=_.amount.min().over(window),
            count=_.amount.count().over(window),
        )
        Both(rows).agree(expression.filter(_.asked).drop("asked"))

    @LAW
    @given(rows=visits(), value=wholes, sexes=st.lists(st.sampled_from(["f", "m", None]), min_size=3, max_size=3))
    def test_joins_groups_and_rows_before(self, rows: Rows, value: Any, sexes: Sequence[str | None]) -> None:
        base = VISITS.select("name", "owner", "place", "at", value=value)
        before = ibis.window(group_by="owner", order_by="place")
        lagged = base.select("name", last=_.value.lag().over(before))
        same = base.group_by("at").agg(same=_.count(), most=_.value.max())
        joined = base.join(lagged, "name").join(same, "at").left_join(PEOPLE, "owner")
        owners = [{"owner": name, "sex": sex} for name, sex in zip(("ann", "cid", None), sexes, strict=True)]
        Both(rows, owners).agree(joined.select("name", "value", "last", "same", "most", "sex", known=_.sex.notnull()))

    def test_a_record_that_is_filtered_out_has_no_row(self) -> None:
        program = compile_rows(VISITS.filter(_.flag).select("name"), column="name", keys=KEYS)
        both = Both([visit("in", flag=True), visit("out", flag=False), visit("unknown")])
        assert both.by_row(program) == [{"name": "in"}]

    def test_only_what_is_used_is_read(self) -> None:
        window = ibis.range_window(following=0, group_by="owner", order_by="moment")
        expression = VISITS.select("name", total=_.x.sum().over(window), unused=_.word).drop("unused")
        program = compile_rows(expression, column="name", keys=KEYS)
        reads = {(access.column, *sorted(access.columns)) for access in program.accesses.values()}
        assert reads == {("name", "moment", "name", "owner"), ("owner", "moment", "x")}


class TestWhatIsNotKnown:
    @pytest.fixture(
        params=[
            ("StringLength", lambda: VISITS.select("name", n=_.word.length())),
            ("Limit", lambda: VISITS.limit(1).select("name")),
            ("a union of distinct rows", lambda: _twice().select("name")),
            ("visits other than by a key", lambda: VISITS.join(VISITS.view().select("x"), "x").select("name")),
            ("descending", lambda: VISITS.select("name", n=_.x.lag().over(order_by=ibis.desc("moment")))),
            ("frame", lambda: VISITS.select("name", n=_.x.sum().over(ibis.cumulative_window(order_by="moment")))),
            ("decimals", lambda: VISITS.select("name", n=_.x * 0.1)),
            ("StandardDev", lambda: VISITS.select("name", n=_.x.std().over(ibis.window(group_by="owner")))),
        ],
        ids=lambda param: param[0],
    )
    def unknown(self, request: pytest.FixtureRequest) -> Any:
        return request.param

    def test_it_is_refused_when_it_is_compiled(self, unknown: tuple[str, Callable[[], ibis.Table]]) -> None:
        with pytest.raises(NotPointwise):
            compile_rows(unknown[1](), column="name", keys=KEYS)

    def test_the_refusal_names_the_operation(self) -> None:
        with pytest.raises(NotPointwise, match="StringLength is not known to the pointwise engine"):
            compile_rows(VISITS.select("name", n=_.word.length()), column="name", keys=KEYS)


def _twice() -> ibis.Table:
    return ibis.union(VISITS, VISITS, distinct=True)
