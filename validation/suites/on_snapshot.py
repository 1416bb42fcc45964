"""The suites on a published snapshot: judged once, kept beside it, read by every run on it."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from crm.atomic_folder import write_whole
from crm.snapshot import Snapshot
from governance.ledger import digest_of
from models.run_key import code_digest
from validation.suites.result import SuiteResult
from validation.suites.rule import FOLDER, SUITES

RESULT, PAGE = "data-quality.json", "data-quality.html"
_FORM = TypeAdapter(SuiteResult)


def check_snapshot(root: Path, snapshot: Snapshot, table: str) -> Path:
    """Hold `table` of `snapshot` against its suite and return the folder with the findings and their page.

    Findings are kept under `root` by snapshot, table and the suite's own content: what was judged once is not judged
    again, and a changed suite judges anew.
    """
    target = quality_folder(root, snapshot, table)
    return write_whole(root, target.name, lambda folder: _judge(snapshot, table, folder))


def quality_folder(root: Path, snapshot: Snapshot, table: str) -> Path:
    """Return where the findings on `table` of `snapshot` are kept."""
    digest = snapshot.manifest.digest.removeprefix("sha256:")
    return root / f"{digest[:32]}-{table}-{_suite_digest(table)[7:19]}"


def read_result(folder: Path) -> SuiteResult:
    """Read what `write_quality` wrote."""
    return _FORM.validate_json((folder / RESULT).read_bytes())


def write_quality(folder: Path, result: SuiteResult) -> None:
    """Write `result` into `folder`: as JSON, and as a page for people."""
    from validation.suites.page import page

    said: Any = _FORM.dump_python(result, mode="json")
    (folder / RESULT).write_text(
        json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / PAGE).write_text(page(result), encoding="utf-8")


def suites_for(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the tables of `snapshot` that hold rows and have a suite."""
    return tuple(name for name in SUITES if snapshot.manifest.tables.get(name))


def _judge(snapshot: Snapshot, table: str, folder: Path) -> None:
    from validation.suites.validate import validate_tables  # imports Great Expectations, which takes seconds

    as_of = datetime.fromisoformat(snapshot.manifest.created_at)
    tables = {name: pl.read_parquet(snapshot.path(name)) for name in ("patients", table)}
    write_quality(folder, validate_tables(tables, [table], as_of=as_of))


@lru_cache(maxsize=8)
def _suite_digest(table: str) -> str:
    code = code_digest((Path(__file__).parent,))
    return digest_of([(FOLDER / f"{table}.yaml").read_text(encoding="utf-8"), code])
