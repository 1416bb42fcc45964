"""What makes two runs the same: same data, same model, same code, same policy, same seed."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from governance.ledger import digest_of
from models.spec import ModelSpec

ENGINES = ("xgboost", "duckdb", "numpy")
"""Packages whose release can change what is fitted."""

CODE = {".py", ".yaml", ".j2", ".css"}
"""Endings of files that a verdict, or the page that shows it, depends on: rules of the data stand in YAML."""


def run_key(spec: ModelSpec, *, snapshot: str, policy: str, seed: int, author: str, code: str) -> str:
    """Return the key of a run: 16 hexadecimal digits.

    Parameters
    ----------
    spec
        The model.
    snapshot, policy
        Digests of the data and of the gates' policy.
    seed
        Of split and fit.
    author
        Who answers for the run: another author's run is another run, or one could take over another's version.
    code
        Digest of the code that fits and judges.
    """
    parts = [spec.name, snapshot, policy, seed, author, code, *(f"{name}=={version(name)}" for name in ENGINES)]
    return digest_of(parts).removeprefix("sha256:")[:16]


@lru_cache(maxsize=8)
def code_digest(folders: tuple[Path, ...]) -> str:
    """Return ``sha256:…`` over the files in `folders` that say what is done: Python, YAML and templates."""
    seen = hashlib.sha256()
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in CODE):
            seen.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{seen.hexdigest()}"
