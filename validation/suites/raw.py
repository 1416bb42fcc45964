"""The raw layer: a source's rows as they came, judged at ingest while they are at hand.

They hold identifiers and are written nowhere; what is kept beside the snapshot is counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import polars as pl

from crm.atomic_folder import write_whole
from crm.snapshot import Snapshot
from crm.source import RawTables
from governance.ledger import digest_of
from models.run_key import code_digest
from validation.suites.door_counts import with_door_counts
from validation.suites.on_snapshot import read_result, write_quality
from validation.suites.raw_diabetes import diabetes_view
from validation.suites.raw_noshow import noshow_view
from validation.suites.result import SuiteResult
from validation.suites.rule import FOLDER, Layer, Suite, read_suite

RAW_VIEWS: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "noshow-kaggle": noshow_view,
    "diabetes-130": diabetes_view,
}
"""Sources whose files have a suite of their own."""


@lru_cache(maxsize=8)
def raw_suite(source: str) -> Suite:
    """Return the suite of the files of `source`."""
    return read_suite(_path(source), Layer.RAW)


def judge_raw(raw: RawTables) -> SuiteResult | None:
    """Hold the rows as they came against their source's suite; None where the source has none or kept no rows."""
    if raw.text is None or raw.source not in RAW_VIEWS:
        return None
    from validation.suites.validate import judge_view  # imports Great Expectations, which takes seconds

    return with_door_counts(judge_view(RAW_VIEWS[raw.source](raw.text), raw_suite(raw.source)), raw)


def keep_raw_findings(root: Path, snapshot: Snapshot, raw: RawTables) -> Path | None:
    """Judge what `snapshot` was made from and return the folder under `root` with the findings and their page.

    What was judged once is not judged again; a changed suite judges anew. None where the source has no suite.
    """
    if raw.text is None or raw.source not in RAW_VIEWS:
        return None

    def fill(folder: Path) -> None:
        result = judge_raw(raw)
        if result is not None:
            write_quality(folder, result)

    name = f"{_prefix(snapshot)}{_suite_digest(raw.source)[7:19]}"
    return write_whole(root, name, fill)


def raw_findings(quality: Path) -> SuiteResult | None:
    """Return what was found of the file behind the snapshot whose canonical findings lie in `quality`.

    The rows themselves are gone, so findings by an earlier state of the suite are taken where there are no others; of
    several the latest.
    """
    prefix = f"{quality.name.partition('-')[0]}-{Layer.RAW}-"
    kept = sorted(quality.parent.glob(f"{prefix}*"), key=lambda folder: (folder.stat().st_mtime_ns, folder.name))
    return read_result(kept[-1]) if kept else None


def _prefix(snapshot: Snapshot) -> str:
    return f"{snapshot.manifest.digest.removeprefix('sha256:')[:32]}-{Layer.RAW}-"


@lru_cache(maxsize=8)
def _suite_digest(source: str) -> str:
    return digest_of([_path(source).read_text(encoding="utf-8"), code_digest((Path(__file__).parent,))])


def _path(source: str) -> Path:
    return FOLDER / "raw" / f"{source}.yaml"
