"""The plain script that `caregate run no-show` is timed against: the same work without the lifecycle around it.

It reads the same snapshot, makes the same features, fits the same model, compares the same splits, makes the same
probes, computes the same metrics with the same bootstrap and saves the model. What it lacks is what the lifecycle adds:
orchestration, contracts, suites, gates' verdicts, evidence, registration and ledger. A script with features, probes and
bootstraps of its own would be slower; that would flatter the product.

    python -m benchmarks.plain_no_show SNAPSHOT_FOLDER OUTPUT_FOLDER SEED
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pyarrow as pa

from models.baselines import baseline_scores
from models.catalogue import spec_of
from models.features import feature_rows, labelled
from models.spec import Split
from models.splitting import patient_codes, split
from models.training import fit, importance
from registry.examining import examine
from registry.judging import COMPARED, EXPLAINED, scored_rows
from validation.measuring import measure
from validation.parts import Parts
from validation.policy import load_policy
from validation.probes.subject import Subject
from validation.quality import split_quality


def main(snapshot: Path, output: Path, seed: int) -> None:
    """Do the work."""
    output.mkdir(parents=True, exist_ok=True)
    spec, policy, threads = spec_of("no-show"), load_policy("no-show"), os.cpu_count() or 1
    files = {name: snapshot / f"{name}.parquet" for name in ("patients", "appointments")}
    rows = labelled(feature_rows(spec, files, threads=threads, memory_limit_gb=4.0, spill=output / "spill"))
    parts = split(rows, spec.split, seed=seed)
    train, test = rows.filter(pa.array(parts.train)), rows.filter(pa.array(parts.test))
    model = fit(spec, train, seed=seed, threads=threads)
    baselines = baseline_scores(spec, model, train, test, seed=seed)
    scored = scored_rows(spec, test, model.predict(test), baselines)
    patient, inputs = patient_codes(rows), model.encode(rows)
    sides = Parts(
        split=spec.split.by,
        names=spec.feature_names,
        train_patient=patient[parts.train],
        test_patient=patient[parts.test],
        train_inputs=inputs[parts.train],
        test_inputs=inputs[parts.test],
    )
    model.save(output)
    subject = Subject(
        spec, policy, model, output, rows, parts.train, parts.test, files=files, seed=seed, threads=threads
    )
    measured = measure(scored, policy, sides, examine(subject, {})).overall
    compared = rows.slice(0, COMPARED)
    chance = split(compared, Split("random", spec.split.test_share), seed=seed)
    other = fit(spec, compared.filter(pa.array(chance.train)), seed=seed, threads=threads)
    held = compared.filter(pa.array(chance.test))
    flattering = split_quality("random", scored_rows(spec, held, other.predict(held)).label, other.predict(held))
    said = {name: float(draws.sample[0]) for name, draws in measured.metrics.items()}
    said |= {"auc, random split": flattering.auc, **importance(model, test.slice(0, EXPLAINED))}
    (output / "metrics.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
