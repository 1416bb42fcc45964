"""Synthetic bookings: which patient is booked when, and for which day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from crm.sources.synthetic_calendar import Calendar, weekday
from crm.sources.synthetic_draws import Flags, Floats, Ints, draw, place, score, shared_normal, uniform_order
from crm.sources.synthetic_people import People
from crm.sources.synthetic_sites import Sites

CLOSING = 21 * 3600
"""Second of the day after which nobody books."""


@dataclass(frozen=True)
class Bookings:
    """Appointments, shape (n,) each.

    Attributes
    ----------
    patient
        Place of the patient among the people.
    place, day, lead
        The working day's number, days since 1970, and days between booking and appointment.
    second
        Second of the day at which it was booked.
    joint
        Number of the group of patients that were booked in one act, 0 for none.
    """

    patient: Ints
    place: Ints
    day: Ints
    lead: Ints
    second: Ints
    joint: Ints

    def counts(self, *keys: Ints) -> Ints:
        """Return how many of the patient's appointments share `keys` with each."""
        _, inverse, counts = np.unique(self.codes(*keys), return_inverse=True, return_counts=True)
        return np.asarray(counts[inverse])

    def codes(self, *keys: Ints) -> Ints:
        """Return one number for each combination of patient and `keys`."""
        code = self.patient
        for key in keys:
            shifted = key - key.min()
            code = code * (int(shifted.max()) + 1) + shifted
        return code


@dataclass(frozen=True)
class _Visits:
    """A visit is all that is booked for a patient on one day: its patient, first working day, lead, second, group."""

    patient: Ints
    anchor: Ints
    lead: Ints
    second: Ints
    joint: Ints


def draw_bookings(
    parameters: Mapping[str, Any], sites: Sites, calendar: Calendar, people: People, rng: np.random.Generator
) -> Bookings:
    """Return the appointments of `people`, in the order of the patients."""
    visits = _draw_visits(parameters, sites, calendar, people, rng)
    return _draw_appointments(parameters, calendar, visits, rng)


def _draw_visits(
    parameters: Mapping[str, Any], sites: Sites, calendar: Calendar, people: People, rng: np.random.Generator
) -> _Visits:
    given = parameters["visits"]
    habit = rng.standard_normal(len(people.number)) + score(people.traits(), given["shift"])
    number = place(uniform_order(habit), given["per_patient"]) + 1
    patient = np.repeat(np.arange(len(people.number)), number)
    anchor = _draw_anchors(parameters["gaps"]["between_visits"], calendar, patient, rng)
    lead = _draw_leads(parameters["lead"], sites, calendar, people, patient, anchor, rng)
    second = _draw_seconds(parameters["hours"], people, patient, lead == 0, rng)
    alone = _Visits(patient, anchor, lead, second, np.zeros(len(patient), dtype=np.int64))
    return _gathered(parameters, calendar, alone, rng)


def _draw_anchors(gaps: list[float], calendar: Calendar, patient: Ints, rng: np.random.Generator) -> Ints:
    """Return the working day of each visit; a patient's visits come in bursts within a window of some weeks."""
    first = np.append(True, patient[1:] != patient[:-1])
    start = draw(rng, calendar.shares, len(patient))
    gap = draw(rng, gaps, len(patient))
    within = _since_start(np.where(first, start, gap), first) % calendar.window
    spare = len(calendar.days) - calendar.window
    shift = rng.integers(0, spare + calendar.window, len(patient)) if spare else np.zeros(len(patient), dtype=np.int64)
    return np.asarray((within + shift[np.flatnonzero(first)][np.cumsum(first) - 1]) % len(calendar.days))


def _draw_leads(
    given: Mapping[str, Any],
    sites: Sites,
    calendar: Calendar,
    people: People,
    patient: Ints,
    anchor: Ints,
    rng: np.random.Generator,
) -> Ints:
    """Return the days between booking and appointment; patients have habits, and nobody books on a weekend."""
    shift = score(people.traits(), given["shift"]) + sites.effect("lead", people.site)
    own = [(given["within_patient"], people.lead_habit[patient])]
    normal = shared_normal(own, rng.standard_normal(len(patient))) + shift[patient]
    return _leads(given, uniform_order(normal), weekday(calendar.days[anchor]), given["same_day"])


def _leads(given: Mapping[str, Any], uniform: Floats, day: Ints, same_day: list[float]) -> Ints:
    ahead = np.asarray(given["ahead"])
    lead = np.zeros(len(uniform), dtype=np.int64)
    for number, share in enumerate(same_day):
        booked = (number - np.arange(1, len(ahead) + 1)) % 7
        later = ahead * np.asarray(given["booked_weekday"])[booked]
        at = day == number
        lead[at] = place(uniform[at], [share, *(later / later.sum() * (1 - share))])
    return lead


def _draw_seconds(
    given: Mapping[str, Any], people: People, patient: Ints, same_day: Flags, rng: np.random.Generator
) -> Ints:
    own = [(given["within_patient"], people.hour_habit[patient])]
    uniform = ndtr(shared_normal(own, rng.standard_normal(len(patient))))
    hour = np.where(same_day, place(uniform, given["same_day"]), place(uniform, given["ahead"]))
    return hour * 3600 + rng.integers(0, 3600, len(patient))


def _gathered(parameters: Mapping[str, Any], calendar: Calendar, visits: _Visits, rng: np.random.Generator) -> _Visits:
    """Book some visits of different patients in one act, for one day, as for a group session."""
    given = parameters["joint"]
    chosen = np.flatnonzero(rng.random(len(visits.patient)) < given["share"])
    chosen = chosen[np.argsort(visits.anchor[chosen], kind="stable")]
    extra = rng.geometric(1 / (given["mean_size"] - given["smallest"] + 1), len(chosen)) - 1
    group = np.repeat(np.arange(len(chosen)), given["smallest"] + extra)[: len(chosen)]
    leader = np.searchsorted(group, group)
    anchor, second = visits.anchor.copy(), visits.second.copy()
    anchor[chosen], second[chosen] = anchor[chosen][leader], second[chosen][leader]
    same_day = [given["same_day"]] * len(parameters["lead"]["same_day"])
    lead = visits.lead.copy()
    uniform = rng.random(len(chosen))[leader]
    lead[chosen] = _leads(parameters["lead"], uniform, weekday(calendar.days[anchor[chosen]]), same_day)
    joint = np.zeros(len(visits.patient), dtype=np.int64)
    joint[chosen] = group + 1
    return _Visits(visits.patient, anchor, lead, second, joint)


def _draw_appointments(
    parameters: Mapping[str, Any], calendar: Calendar, visits: _Visits, rng: np.random.Generator
) -> Bookings:
    given = parameters["visits"]
    size = np.where(visits.joint > 0, 0, draw(rng, given["appointments_per_visit"], len(visits.patient))) + 1
    visit = np.repeat(np.arange(len(size)), size)
    first = np.append(True, visit[1:] != visit[:-1])
    same_day = ~first & (rng.random(len(visit)) < given["same_day"])
    gap = np.where(first | same_day, 0, draw(rng, parameters["gaps"]["within_visit"], len(visit)))
    day_number = np.minimum(visits.anchor[visit] + _since_start(gap, first), len(calendar.days) - 1)
    same_call = same_day & (rng.random(len(visit)) < given["same_call"])
    apart = np.exp(rng.normal(given["log_seconds_apart"]["mean"], given["log_seconds_apart"]["sd"], len(visit))) + 1
    waited = _since_start(np.where(first | same_call, 0.0, apart), first)
    second = visits.second[visit]
    second = second + np.mod(waited, CLOSING - second).astype(np.int64)
    day = calendar.days[day_number]
    lead = day - (calendar.days[visits.anchor] - visits.lead)[visit]
    return Bookings(visits.patient[visit], day_number, day, lead, second, visits.joint[visit])


def _since_start(steps: npt.NDArray[Any], first: Flags) -> npt.NDArray[Any]:
    """Return the running sum of `steps` within each run that starts where `first` is true."""
    total = np.cumsum(steps)
    starts = np.flatnonzero(first)
    before = (total - steps)[starts]
    return np.asarray(total - np.repeat(before, np.diff(np.append(starts, len(steps)))))
