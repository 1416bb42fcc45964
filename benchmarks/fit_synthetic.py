"""Fits the synthetic source's published parameters from the real files.

Run ``python -m benchmarks.fit_synthetic APPOINTMENTS ENCOUNTERS`` where the real sets or the generator changed.
What is written are shares, rates, coefficients and correlations, each from fifty rows or more; no row, no real site and
no level that fewer rows than that have.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fit_synthetic_no_show import calibrated_no_show, fit_no_show
from benchmarks.fit_synthetic_readmission import calibrated_readmission, fit_readmission
from crm.source import make_source
from crm.sources.synthetic import PARAMETERS

HEADER = """\
# Parameters of the synthetic {table}, fitted by `python -m benchmarks.fit_synthetic` from the real set.
# Shares, rates, log-odds and correlations only, each from {floor} rows or more. Not to be edited by hand.
"""


class _Plain(yaml.SafeDumper):
    """Writes a list twice rather than once with a reference to it."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def main() -> None:
    """Fit both sets of parameters and write them beside the source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("appointments", help="the real appointments, as `caregate ingest noshow-kaggle` takes them")
    parser.add_argument("encounters", help="the real encounters, as `caregate ingest diabetes-130` takes them")
    given = parser.parse_args()
    appointments = make_source("noshow-kaggle").read(given.appointments).tables
    _write("no_show", "appointments", calibrated_no_show(fit_no_show(appointments), appointments))
    encounters = make_source("diabetes-130").read(given.encounters).tables
    _write("readmission", "encounters", calibrated_readmission(fit_readmission(encounters), encounters))


def _write(name: str, table: str, parameters: Mapping[str, Any]) -> None:
    path: Path = PARAMETERS[name]
    body = yaml.dump(parameters, Dumper=_Plain, sort_keys=False, width=118, default_flow_style=None)
    path.write_text(HEADER.format(table=table, floor=50) + body, encoding="utf-8")
    print(f"{path.name}: {len(body):,} characters")


if __name__ == "__main__":
    main()
