"""`caregate promote`, `rollback`, `suspend`, `resume`: which version is in use."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context

Model = Annotated[str, typer.Argument(help="no-show or readmission-risk")]
Reason = Annotated[str, typer.Option(help="Why, for the ledger.")]


@guarded
def promote(
    model: Model,
    version: Annotated[int, typer.Argument(min=1, help="A version that a reviewer approved.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Put an approved version in use; `caregate up` does it by itself within seconds of the signature."""
    from registry.authorship import acting_name
    from registry.promotion import promote as promote_version

    context = open_context(home, as_json)
    _show(context, promote_version(context.settings, _known(model), version, by=acting_name(context.settings)))


@guarded
def rollback(
    model: Model,
    to: Annotated[int | None, typer.Option(min=1, help="A version that was in use; by default the one before.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Put a version that was in use before back in use, if its approval still stands."""
    from registry.authorship import acting_name
    from registry.promotion import rollback as roll_back

    context = open_context(home, as_json)
    _show(context, roll_back(context.settings, _known(model), by=acting_name(context.settings), to=to))


@guarded
def suspend(model: Model, reason: Reason, home: Home = None, as_json: AsJson = False) -> None:
    """Stop a model: every scoring server abstains within seconds. Needs no sign-in and no other service."""
    from registry.authorship import acting_name
    from registry.suspension import suspend as suspend_model

    context = open_context(home, as_json)
    incident = suspend_model(context.settings, _known(model), reason=reason, by=acting_name(context.settings))
    patients = incident.facts["patients"]
    context.terminal.result({"model": model, "suspended": True, "incident": incident.id, "patients": patients})
    context.terminal.line(f"{model} is suspended: scoring abstains")
    context.terminal.line(f"{incident.id} is open; patients scored by the version: {patients:,}")


@guarded
def resume(model: Model, reason: Reason, home: Home = None, as_json: AsJson = False) -> None:
    """Let a suspended model score again; for a signed-in reviewer, clinical reviewer or admin."""
    from governance.people import Role
    from registry.authorship import require_role
    from registry.suspension import resume as resume_model

    context = open_context(home, as_json)
    by = require_role(context.settings, Role.REVIEWER, Role.CLINICAL_REVIEWER, Role.ADMIN)
    resume_model(context.settings, _known(model), reason=reason, by=by)
    context.terminal.result({"model": model, "suspended": False})
    context.terminal.line(f"{model} scores again")


def _known(model: str) -> str:
    from models.catalogue import spec_of

    return spec_of(model).name


def _show(context: Context, champion: Any) -> None:
    standing = champion.standing
    context.terminal.result(
        {
            "model": champion.model,
            "version": champion.version,
            "digest": champion.digest,
            "signed_by": list(standing.signed_by),
            "expires_at": standing.expires_at.isoformat(),
        }
    )
    signed = ", ".join(standing.signed_by)
    context.terminal.line(
        f"{champion.model} version {champion.version} is the champion, signed by {signed} "
        f"until {standing.expires_at:%Y-%m-%d}"
    )
