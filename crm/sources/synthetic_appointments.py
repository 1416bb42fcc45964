"""Synthetic appointments: patients, their visits, bookings, reminders and outcomes, drawn from fitted parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from crm.sources.synthetic_bookings import Bookings, draw_bookings
from crm.sources.synthetic_calendar import Calendar, draw_calendar, weekday
from crm.sources.synthetic_draws import Flags, Floats, Ints, happens, logistic, score, shared_normal
from crm.sources.synthetic_people import People, draw_people
from crm.sources.synthetic_sites import Sites, draw_sites

Parameters = Mapping[str, Any]
CHUNK = 200_000
"""Patients drawn at a time, so that memory grows with the rows handed out and not with what they are made of."""
DAY_SECONDS = 86_400


def draw_appointments(parameters: Parameters, rows: int, seed: int) -> pl.DataFrame:
    """Return `rows` appointments with their patients' traits, ordered by day and booking.

    Columns are those of the canonical appointments, with ``patient`` (a number), ``female``, ``missed`` and
    ``reminded``. Past the size of the real set patients and weeks grow with the rows, so that each patient's history
    and each day's load stay what they are there.
    """
    world, people = np.random.SeedSequence(seed).spawn(2)
    rng = np.random.default_rng(world)
    sites = draw_sites(parameters["sites"], rows, rng)
    calendar = draw_calendar(parameters["calendar"], rows, rng)
    chunks, total = [], 0
    for number, chunk_seed in _chunks(people, rows):
        chunk = _chunk(parameters, sites, calendar, number, np.random.default_rng(chunk_seed))
        chunks.append(chunk)
        total += len(chunk)
        if total >= rows:
            break
    return pl.concat(chunks).head(rows).sort("day", "booked_at", "patient")


def _chunks(seed: np.random.SeedSequence, rows: int) -> Iterator[tuple[Ints, np.random.SeedSequence]]:
    """Yield patients' numbers with a seed of their own, without end."""
    size = min(CHUNK, rows // 2 + 50)
    start = 0
    while True:
        yield np.arange(start, start + size, dtype=np.int64), seed.spawn(1)[0]
        start += size


def _chunk(
    parameters: Parameters, sites: Sites, calendar: Calendar, number: Ints, rng: np.random.Generator
) -> pl.DataFrame:
    people = draw_people(parameters["patients"], sites, number, rng)
    bookings = draw_bookings(parameters, sites, calendar, people, rng)
    reminded = _draw_reminders(parameters["reminder"], bookings, rng)
    missed = _draw_misses(parameters, sites, calendar, people, bookings, reminded, rng)
    return _frame(sites, people, bookings, reminded, missed)


def _draw_reminders(given: Parameters, bookings: Bookings, rng: np.random.Generator) -> Flags:
    band = np.searchsorted(given["lead_edges"], bookings.lead, side="right")
    return np.asarray(rng.random(len(band)) < np.asarray(given["rates"])[band])


def _draw_misses(
    parameters: Parameters,
    sites: Sites,
    calendar: Calendar,
    people: People,
    bookings: Bookings,
    reminded: Flags,
    rng: np.random.Generator,
) -> Flags:
    """Return who does not come.

    The chance is logistic in what is known at booking; what patients, one visit's appointments and patients booked
    together have in common enters through a shared normal, so that the fitted chance stays the marginal one.
    """
    given = parameters["outcome"]
    columns = _columns(people, bookings) | {"reminded": reminded.astype(np.int64)}
    shift = sites.effect("missed", people.site)[bookings.patient] + calendar.effects[bookings.place]
    chance = logistic(given["intercept"] + score(columns, given["terms"]) + shift)
    shared = [
        (given["within_patient"], people.frailty[bookings.patient]),
        (given["within_visit_day"], _group_normal(bookings.codes(bookings.day, bookings.lead), rng)),
    ]
    alone = shared_normal(shared, rng.standard_normal(len(chance)))
    together = [(parameters["joint"]["within_group"], _group_normal(bookings.joint, rng))]
    joint = shared_normal(together, rng.standard_normal(len(chance)))
    return happens(chance, np.where(bookings.joint > 0, joint, alone))


def _group_normal(group: Ints, rng: np.random.Generator) -> Floats:
    """Return one standard normal for each group, at each of its rows."""
    place = np.unique(group, return_inverse=True)[1]
    return rng.standard_normal(int(place.max()) + 1)[place]


def _columns(people: People, bookings: Bookings) -> dict[str, npt.NDArray[Any]]:
    booked = bookings.day - bookings.lead
    columns = {name: values[bookings.patient] for name, values in people.traits().items()}
    return columns | {
        "lead": bookings.lead,
        "hour": bookings.second // 3600,
        "weekday": weekday(bookings.day) + 1,
        "booked_weekday": weekday(booked) + 1,
        "visit_size": bookings.counts(booked),
        "day_size": bookings.counts(bookings.day),
        "call_size": bookings.counts(booked, bookings.second),
        "call_day_size": bookings.counts(booked, bookings.second, bookings.day),
        "joint": (bookings.joint > 0).astype(np.int64),
    }


def _frame(sites: Sites, people: People, bookings: Bookings, reminded: Flags, missed: Flags) -> pl.DataFrame:
    owner = bookings.patient
    second = (bookings.day - bookings.lead) * DAY_SECONDS + bookings.second
    flags = {name: values[owner] for name, values in people.flags.items()}
    return pl.DataFrame(
        flags
        | {
            "patient": people.number[owner],
            "booked_at": pl.Series(second * 1_000_000).cast(pl.Datetime("us")),
            "day": pl.Series(bookings.day.astype(np.int32)).cast(pl.Date),
            "site": sites.names.gather(people.site[owner]),
            "age": people.age[owner].astype(np.int16),
            "missed": missed,
            "reminded": reminded,
        }
    )
