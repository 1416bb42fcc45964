"""Scoring over HTTP against ``mlflow models serve``: ``python -m benchmarks.serving [--seconds N] [--rows N]``.

One home, one approved version of real size, one run: MLflow's own server on the same booster, the service as
``python -m serving`` runs it, and wrk with 8 connections against each in turn.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import numpy as np

from benchmarks.scoring_home import ENGINEER, ScoringHome, scoring_home
from benchmarks.scoring_servers import (
    Server,
    champion_model,
    free_port,
    running_bare_core,
    running_mlflow,
    running_service,
)
from benchmarks.wrk import Load, run_wrk, together
from crm.sources.synthetic import SyntheticSource
from crm.tables import TABLES
from models.features import feature_rows
from models.no_show import SPEC
from registry.promotion import rollback

MANY, BODIES, MANY_BODIES = 1000, 500, 4
ROUNDS = 3
RELOADS, RELOAD_SECONDS = 8, 1.5
OWN = ("status", "outcome_known_at", "appointment_id")
URL = f"/v1/models/{SPEC.name}/predictions"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each case")
    parser.add_argument("--rows", type=int, default=50_000, help="appointments of the snapshot")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of ours")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        home = scoring_home(folder, rows=given.rows, versions=2, port_base=free_port() - 2)
        load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"{load}, {given.rows:,} appointments, {given.workers} workers")
        peers = [servers.enter_context(running_mlflow(home, folder, whole=whole)) for whole in (True, False)]
        bare = servers.enter_context(running_bare_core(home, given.workers, folder))
        ours = servers.enter_context(running_service(home, given.workers, folder))
        _print_cases(home, peers, bare, ours, given.seconds)
        _print_reload(home, ours.address)
        print(f"load {os.getloadavg()[0]:.1f}")


@dataclass(frozen=True)
class Case:
    """One row of a table: what is asked of which server."""

    words: str
    server: Server
    path: str
    bodies: list[dict[str, Any]]
    headers: Mapping[str, str] = field(default_factory=dict)


def _print_cases(home: ScoringHome, peers: Sequence[Server], bare: Server, ours: Server, seconds: float) -> None:
    instances, table = _instances(home), _features(home)
    key = {"Authorization": f"Bearer {home.key}"}
    stock = "`mlflow models serve`, the approved model: features in, score out"
    booster = "`mlflow models serve`, its bare booster: numbers in, score out"
    core = "bare core on our transport: numbers in, score out"

    def asked(size: int, count: int, **more: Any) -> list[dict[str, Any]]:
        parts = [instances[start * size : (start + 1) * size] for start in range(count)]
        return [{"purpose": "reminder", "instances": part, **more} for part in parts]

    def split(rows: Sequence[Sequence[Any]], size: int, count: int) -> list[dict[str, Any]]:
        names = list(SPEC.feature_names)
        parts = [rows[start * size : (start + 1) * size] for start in range(count)]
        return [{"dataframe_split": {"columns": names, "data": part}} for part in parts]

    def cases(size: int, count: int, ours_alone: Sequence[Case]) -> list[Case]:
        plain, numbers = split(table.plain, size, count), split(table.numbers, size, count)
        return [
            Case(stock, peers[0], "/invocations", plain),
            Case(booster, peers[1], "/invocations", numbers),
            *ours_alone,
            Case(core, bare, "/invocations", numbers),
        ]

    five, none = "five reasons, consent, history, prediction row", "consent, history, prediction row, no reasons"
    one = [
        Case(five, ours, URL, asked(1, BODIES), key),
        Case(none, ours, URL, asked(1, BODIES, reasons=0), key),
    ]
    many = [Case(none, ours, URL, asked(MANY, MANY_BODIES, reasons=0), key)]
    _print_table("one row", cases(1, BODIES, one), seconds)
    _print_table("1,000 rows", cases(MANY, MANY_BODIES, many), seconds)


def _print_table(title: str, cases: Sequence[Case], seconds: float) -> None:
    """Run the cases in turns, so that what else the machine does falls on all of them; the first is the peer."""
    loads: list[list[Load]] = [[] for _ in cases]
    used = [0.0] * len(cases)
    for _ in range(ROUNDS):
        for place, case in enumerate(cases):
            before = case.server.processor_seconds()
            address = case.server.address + case.path
            loads[place].append(run_wrk(address, case.bodies, seconds / ROUNDS, headers=case.headers))
            used[place] += case.server.processor_seconds() - before
    print(f"\n| {title} | requests a second | times MLflow | by processor time | p50 ms | p99 ms | failed |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    whole = [together(each) for each in loads]
    each = [seconds / load.requests for seconds, load in zip(used, whole, strict=True)]
    for case, load, cost in zip(cases, whole, each, strict=True):
        times, saved = load.per_second / whole[0].per_second, each[0] / cost
        figures = f"{load.per_second:,.1f} | {times:.1f} | {saved:.1f} | {load.p50_ms:.1f} | {load.p99_ms:.1f}"
        print(f"| {case.words} | {figures} | {load.failed} |", flush=True)


def _print_reload(home: ScoringHome, address: str) -> None:
    """Roll back and forth under load, and hold every answer against what its version alone gives."""
    body = {"purpose": "reminder", "reasons": 0, "instances": _instances(home)[:1]}
    stop, answers, failed = Event(), Counter[tuple[int, float]](), Counter[int]()

    def load() -> None:
        headers = {"Authorization": f"Bearer {home.key}"}
        with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
            while not stop.is_set():
                reply = client.post(URL, json=body)
                if reply.status_code != httpx.codes.OK:
                    failed[reply.status_code] += 1
                    continue
                (answer,) = reply.json()["predictions"]
                answers[answer["model_version"], answer["score"]] += 1

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(load) for _ in range(8)]
        for _ in range(RELOADS):
            stop.wait(RELOAD_SECONDS)
            rollback(home.settings, SPEC.name, by=ENGINEER)
        stop.wait(RELOAD_SECONDS)
        stop.set()
        for client in clients:
            client.result()
    scores = Counter(version for version, _ in answers)
    mixed = sum(count - 1 for count in scores.values())
    print(
        f"\nReload under load: {RELOADS} times another champion, {sum(answers.values()):,} answers of versions "
        f"{sorted(scores)}, {sum(failed.values())} failed, {mixed} scores that are of neither version."
    )


def _instances(home: ScoringHome) -> list[dict[str, Any]]:
    rows = SyntheticSource(home.snapshot.manifest.tables["appointments"], encounters=0).read().tables["appointments"]
    wanted = [name for name in TABLES["appointments"].names if name not in OWN]
    return [
        {"record_id": row["appointment_id"]} | {name: _plain(row[name]) for name in wanted if row.get(name) is not None}
        for row in rows.tail(MANY * MANY_BODIES).iter_rows(named=True)
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


@dataclass(frozen=True)
class Features:
    """Feature rows of which no value is missing, because MLflow's server reads JSON without NaN.

    Attributes
    ----------
    plain, numbers
        As the feature table holds them, and encoded.
    """

    plain: list[list[Any]]
    numbers: list[list[float]]


def _features(home: ScoringHome) -> Features:
    files = {name: home.snapshot.path(name) for name in ("patients", "appointments")}
    table = feature_rows(SPEC, files, threads=2, memory_limit_gb=1, spill=home.settings.home)
    inputs = champion_model(home).encode(table)
    places = np.resize(np.flatnonzero(~np.isnan(inputs).any(axis=1)), MANY * MANY_BODIES)
    columns = table.select(list(SPEC.feature_names)).take(places).to_pydict().values()
    return Features([list(row) for row in zip(*columns, strict=True)], inputs[places].astype(float).tolist())


if __name__ == "__main__":
    main()
