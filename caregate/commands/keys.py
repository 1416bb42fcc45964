"""`caregate keys`: the keys by which clients ask the scoring API."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context

if TYPE_CHECKING:
    from datetime import datetime

    from governance.client_keys import ClientKey, ClientKeys, Issued

keys = typer.Typer(help="Keys of clients of the scoring API.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The key's id, as `caregate keys list` shows it.")]


@keys.command("issue")
@guarded
def issue_key(
    client: Annotated[str, typer.Argument(help="Name of a `crm` account.")],
    scope: Annotated[list[str] | None, typer.Option(help="What it opens, may be repeated; all by default.")] = None,
    days: Annotated[int, typer.Option(help="How long it lives.")] = 365,
    rate: Annotated[float | None, typer.Option(help="Instances a second in the long run; the policy's else.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Issue one more key to a client; it is shown once."""
    from governance.client_key import Scope, scopes_of
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    scopes = scopes_of(scope) if scope else tuple(Scope)
    by = acting_name(context.settings)
    _show(context, _keys(context).issue_named(client, scopes, by=by, days=days, rate_per_second=rate))


@keys.command("list")
@guarded
def list_keys(home: Home = None, as_json: AsJson = False) -> None:
    """List all keys, ended ones too; no secret is among it."""
    from caregate.clock import system_clock

    context, now = open_context(home, as_json), system_clock()
    found = _keys(context).all()
    context.terminal.result([_facts(key, now) for key in found])
    rows = [
        (key.key_id, key.client, _state(key, now), f"{key.ends_at:%Y-%m-%d %H:%M}", ", ".join(sorted(key.scopes)))
        for key in found
    ]
    context.terminal.table("keys", ("id", "client", "state", "ends, UTC", "opens"), rows)


@keys.command("revoke")
@guarded
def revoke_key(key: Id, home: Home = None, as_json: AsJson = False) -> None:
    """End a key, from the next request on."""
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    _keys(context).revoke(key, by=acting_name(context.settings))
    context.terminal.result({"key_id": key, "revoked": True})
    context.terminal.line(f"{key} is revoked")


@keys.command("rotate")
@guarded
def rotate_key(
    key: Id,
    overlap_hours: Annotated[float, typer.Option(help="How long the old key stands beside the new one.")] = 24.0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Issue a key in the place of another, which stands a while longer; the new one is shown once."""
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    _show(context, _keys(context).rotate(key, by=acting_name(context.settings), overlap_hours=overlap_hours))


def _keys(context: Context) -> ClientKeys:
    from governance.client_keys import ClientKeys
    from governance.database import ledger_database

    return ClientKeys(ledger_database(context.settings))


def _show(context: Context, issued: Issued) -> None:
    context.terminal.result(asdict(issued))
    context.terminal.line(f"{issued.key_id} of {issued.client}; the key is shown this once: {issued.secret}")


def _state(key: ClientKey, now: datetime) -> str:
    if not key.stands(now):
        return "expired" if key.ends_at == key.expires_at else "revoked"
    return "stands" if key.ends_at == key.expires_at else "replaced"


def _facts(key: ClientKey, now: datetime) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "client": key.client,
        "state": _state(key, now),
        "scopes": sorted(key.scopes),
        "rate_per_second": key.rate_per_second,
        "issued_at": key.issued_at.isoformat(),
        "ends_at": key.ends_at.isoformat(),
    }
