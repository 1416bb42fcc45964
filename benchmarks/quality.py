"""Honest quality on the real files: the declared split of each model over several seeds, beside a random one.

    python -m benchmarks.quality APPOINTMENTS ENCOUNTERS [--write]

The time split has no chance in it but the fit's; patients are drawn anew for each seed. Hyperparameters, and which
candidate features stayed, were decided on folds inside the training part. While candidates for `no-show` were being
thought up, figures on the last days were seen too, so its figure may flatter by a little.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from caregate.clock import system_clock
from caregate.home import make_home
from caregate.settings import Settings, load_settings
from crm.deidentify import deidentify
from crm.snapshot import publish
from crm.source import make_source
from governance.vault import vault_of
from models.catalogue import spec_of
from models.features import feature_rows, labelled
from models.spec import Split
from models.splitting import split
from models.training import fit
from registry.judging import scored_rows
from validation.quality import SplitQuality, split_quality

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks" / "quality.md"
SEEDS = range(5)


def rows_of(settings: Settings, model: str, source: str, path: str) -> pa.Table:
    """Return the labelled feature rows of a real file."""
    spec = spec_of(model)
    vault = vault_of(settings)
    draft = deidentify(make_source(source).read(path), vault, owner="benchmark")
    snapshot = publish(settings.snapshots_dir, draft, clock=system_clock)
    files = {name: snapshot.path(name) for name in ("patients", spec.table)}
    spill = settings.home / "spill"
    return labelled(feature_rows(spec, files, threads=os.cpu_count() or 1, memory_limit_gb=4.0, spill=spill))


def quality(model: str, rows: pa.Table, how: Split, seed: int) -> SplitQuality:
    """Fit on one part and measure on the other."""
    spec = spec_of(model)
    parts = split(rows, how, seed=seed)
    fitted = fit(spec, rows.filter(pa.array(parts.train)), seed=seed, threads=os.cpu_count() or 1)
    test = rows.filter(pa.array(parts.test))
    score = fitted.predict(test)
    return split_quality(how.by, scored_rows(spec, test, score).label, score)


def line(model: str, found: list[SplitQuality]) -> str:
    """Return mean and standard deviation over the seeds as a line of the table."""
    cells = []
    for name in ("auc", "pr_auc", "brier"):
        values = np.array([getattr(item, name) for item in found])
        cells.append(f"{values.mean():.4f} ± {values.std(ddof=1):.4f}")
    return f"| {model} | {found[0].split} | {len(found)} | {' | '.join(cells)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("appointments")
    parser.add_argument("encounters")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    given = parser.parse_args()
    lines = ["| model | split | seeds | AUC | PR-AUC | Brier |", "|---|---|---:|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(home=Path(folder) / "home")
        make_home(settings)
        for model, source, path in (
            ("no-show", "noshow-kaggle", given.appointments),
            ("readmission-risk", "diabetes-130", given.encounters),
        ):
            rows = rows_of(settings, model, source, path)
            lines += [
                line(model, [quality(model, rows, how, seed) for seed in SEEDS])
                for how in (spec_of(model).split, Split("random"))
            ]
    text = "\n".join(lines) + "\n"
    print(text)
    if given.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(
            f"# Quality on the real files\n\n{__doc__.split('[--write]')[1].strip()}\n\n{text}", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
