"""Looking a home over: what an operator checks before asking for help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from caregate.errors import CaregateError
from caregate.faults import fault_in_words
from caregate.secret_store import read_secrets
from caregate.settings import Settings
from crm.snapshot import open_snapshot
from governance.anchor_file import verify_ledger
from registry.address import running_stack
from registry.databases import check_direct_sql
from registry.holdings import check_approved, check_registered


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, ``passed`` or ``failed``, and what was found."""

    what: str
    verdict: str
    finding: str


def check_home(settings: Settings) -> list[Finding]:
    """Check the home's parts, each by itself, so that one fault does not hide another."""
    checks: dict[str, Callable[[Settings], str]] = {
        "secrets": _secrets,
        "ledger": _ledger,
        "direct SQL": check_direct_sql,
        "snapshots": _snapshots,
        "approved copies": check_approved,
        "registered versions": check_registered,
        "servers": _servers,
    }
    return [_look(name, check, settings) for name, check in checks.items()]


def _look(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, "passed", check(settings))
    except CaregateError as error:
        return Finding(name, "failed", str(error))
    except Exception as error:
        return Finding(name, "failed", fault_in_words(error))


def _secrets(settings: Settings) -> str:
    read_secrets(settings.secrets_file)
    mode = settings.secrets_file.stat().st_mode & 0o077
    if mode:
        raise CaregateError(f"{settings.secrets_file.name} can be read by others: chmod 600 it")
    return "complete, and the owner's alone"


def _ledger(settings: Settings) -> str:
    length = verify_ledger(settings, []).seq
    return f"{length:,} lines, the chain holds, and all that the home remembers of it"


def _snapshots(settings: Settings) -> str:
    folders = sorted(path.parent.name for path in settings.snapshots_dir.glob("*/manifest.json"))
    for digest in folders:
        open_snapshot(settings.snapshots_dir, digest).verify()
    return f"{len(folders)} published, all as their manifests say"


def _servers(settings: Settings) -> str:
    stack = running_stack(settings)
    return f"up: {stack.mlflow}, {stack.prefect}, {stack.scoring}" if stack else "not up"
