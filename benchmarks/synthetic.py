"""How close the synthetic rows are to the real ones, what a model learns from them, and whether they give any away.

Run ``python -m benchmarks.synthetic APPOINTMENTS ENCOUNTERS [--write]``. The parameters are fitted anew from the
training part alone, so that the held-out rows are unknown to the synthetic rows too. Those shipped, fitted from
all rows, are measured beside them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from benchmarks.distance import closeness, column_distances, encoded, propensity
from benchmarks.fit_synthetic_no_show import calibrated_no_show, fit_no_show
from benchmarks.fit_synthetic_readmission import calibrated_readmission, fit_readmission
from crm.source import make_source
from crm.sources.synthetic import appointment_tables, encounter_tables, parameters
from models.features import feature_rows, labelled
from models.no_show import SPEC as NO_SHOW
from models.readmission_risk import SPEC as READMISSION
from models.spec import ModelSpec
from models.splitting import patient_codes, split
from models.training import fit

PAGE = Path("docs/benchmarks/synthetic.md")
SEED, THREADS = 1, 2
Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Subject:
    """A model with its real source, and how its synthetic rows are fitted and drawn."""

    spec: ModelSpec
    source: str
    shipped: str
    fit: Callable[[Frames], dict[str, Any]]
    draw: Callable[[Mapping[str, Any], int, int], Frames]
    invented: tuple[str, ...]


SUBJECTS = (
    Subject(
        NO_SHOW,
        "noshow-kaggle",
        "no_show",
        lambda tables: calibrated_no_show(fit_no_show(tables), tables),
        appointment_tables,
        ("site",),
    ),
    Subject(
        READMISSION,
        "diabetes-130",
        "readmission",
        lambda tables: calibrated_readmission(fit_readmission(tables), tables),
        encounter_tables,
        (),
    ),
)


def main() -> None:
    """Print the tables; write them to the documentation where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("appointments")
    parser.add_argument("encounters")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    given = parser.parse_args()
    paths = (given.appointments, given.encounters)
    text = "# Synthetic rows beside real ones\n\n" + INTRODUCTION
    text += "".join(report(subject, path) for subject, path in zip(SUBJECTS, paths, strict=True))
    print(text)
    if given.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")


INTRODUCTION = """\
Made by `python -m benchmarks.synthetic APPOINTMENTS ENCOUNTERS --write`. "Training part" means that the parameters were
fitted without the held-out rows; "shipped" are those in the repository, fitted from all rows. Features are the model's
own; `site` is left out of all distances, because the synthetic sites are invented.
"""


def report(subject: Subject, path: str) -> str:
    """Return the Markdown section of one model."""
    tables = make_source(subject.source).read(path).tables
    rows = _features(subject.spec, tables)
    parts = split(rows, subject.spec.split, seed=SEED)
    train, test = rows.filter(pa.array(parts.train)), rows.filter(pa.array(parts.test))
    learnt = subject.fit(_only(subject.spec, tables, train))
    size = train.num_rows
    drawn = _features(subject.spec, subject.draw(learnt, size, SEED))
    shipped = _features(subject.spec, subject.draw(parameters(subject.shipped), rows.num_rows, SEED))
    quality = _quality(subject.spec, train, test, {"training part": drawn, "shipped": shipped})
    return f"\n## {subject.spec.name}: {parts.description}\n\n{quality}\n{_apart(subject, train, drawn, shipped)}"


def _features(spec: ModelSpec, tables: Frames) -> pa.Table:
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.parquet" for name in ("patients", spec.table)}
        for name, file in files.items():
            tables[name].write_parquet(file)
        return labelled(feature_rows(spec, files, threads=THREADS, memory_limit_gb=2.0, spill=Path(folder)))


def _only(spec: ModelSpec, tables: Frames, rows: pa.Table) -> Frames:
    kept = pl.Series(rows.column("record_id").to_pylist())
    chosen = tables[spec.table].filter(pl.col(spec.record_id).is_in(kept.implode()))
    return {**tables, spec.table: chosen}


def _quality(spec: ModelSpec, train: pa.Table, test: pa.Table, drawn: Mapping[str, pa.Table]) -> str:
    lines = ["| trained on | rows | missed or readmitted | AUC on real | PR-AUC | Brier |", "|---|---|---|---|---|---|"]
    label = np.asarray(test.column("label"))
    for name, rows in {"real": train, **{f"synthetic, {key}": value for key, value in drawn.items()}}.items():
        score = fit(spec, rows, seed=SEED, threads=THREADS).predict(test)
        figures = (
            roc_auc_score(label, score),
            average_precision_score(label, score),
            brier_score_loss(label, score),
        )
        rate = np.asarray(rows.column("label")).mean()
        lines.append(f"| {name} | {rows.num_rows:,} | {rate:.3f} | " + " | ".join(f"{x:.4f}" for x in figures) + " |")
    return "\n".join(lines) + "\n"


def _apart(subject: Subject, train: pa.Table, drawn: pa.Table, shipped: pa.Table) -> str:
    spec, without = subject.spec, subject.invented
    model = fit(spec, train, seed=SEED, threads=THREADS)
    one, other = _halves(train)
    real, new = encoded(model, train, without=without), encoded(model, drawn, without=without)
    first, second = encoded(model, one, without=without), encoded(model, other, without=without)
    apart = propensity(real, new, seed=SEED, threads=THREADS)
    alike = propensity(first, second, seed=SEED, threads=THREADS)
    halves, close = closeness(first, [second, new], sample=3000, seed=SEED)
    own = closeness(first, [encoded(model, shipped, without=without)], sample=3000, seed=SEED)[0]
    lines = [
        "| told apart by a classifier | AUC | pMSE |",
        "|---|---|---|",
        f"| real and synthetic | {apart[0]:.3f} | {apart[1]:.4f} |",
        f"| two halves of the real patients | {alike[0]:.3f} | {alike[1]:.4f} |",
        "",
        "| nearest row among half of the real patients | equal | median distance |",
        "|---|---|---|",
        f"| of the other half's rows | {halves[0]:.2%} | {halves[1]:.3f} |",
        f"| of synthetic rows, training part | {close[0]:.2%} | {close[1]:.3f} |",
        f"| of synthetic rows, shipped | {own[0]:.2%} | {own[1]:.3f} |",
        "",
        "| feature | distance | size |",
        "|---|---|---|",
    ]
    distances = column_distances(spec, train, drawn)
    lines += [f"| {name} | {kind} | {size:.3f} |" for name, (kind, size) in distances.items() if name not in without]
    return "\n".join(lines) + "\n"


def _halves(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    patient = patient_codes(rows)
    drawn = np.random.default_rng(SEED).random(patient.max() + 1) < 0.5
    return rows.filter(pa.array(drawn[patient])), rows.filter(pa.array(~drawn[patient]))


if __name__ == "__main__":
    main()
