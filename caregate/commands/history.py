"""`caregate live` and `history`: what was live at a moment, who signed it, on what evidence."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.settings import Settings

if TYPE_CHECKING:
    from registry.live import LiveAt

Model = Annotated[str, typer.Argument(help="no-show or readmission-risk")]
At = Annotated[
    str | None,
    typer.Option(help="A moment with its zone, or a day for its end in UTC.", show_default="now"),
]


@guarded
def live(model: Model, at: At = None, home: Home = None, as_json: AsJson = False) -> None:
    """Say what was live at a moment, who signed it and on what evidence."""
    from models.catalogue import spec_of
    from registry.history import live_at, moment_of
    from registry.history_words import as_values, sentence

    context = open_context(home, as_json)
    found = live_at(context.settings, spec_of(model).name, moment_of(context.settings, at))
    context.terminal.result(as_values(found))
    context.terminal.line(sentence(found))
    for warning in found.warnings:
        context.terminal.note(f"warning: {warning}")
    if found.promotion is not None:
        _show(context, found)


@guarded
def history(model: Model, home: Home = None, as_json: AsJson = False) -> None:
    """Tell everything that happened to a model: registrations, verdicts, promotions, suspensions, incidents."""
    from models.catalogue import spec_of
    from registry.history import history_of

    context = open_context(home, as_json)
    events = history_of(context.settings, spec_of(model).name)
    context.terminal.result([asdict(event) for event in events])
    rows = [(event.line, f"{event.at:%Y-%m-%d %H:%M}", event.by, _said(event.what, event.why)) for event in events]
    context.terminal.table(f"history of {model}", ("line", "UTC", "by", "what"), rows)


def _show(context: Context, found: LiveAt) -> None:
    from registry.events import short

    rows = [
        (
            item.by,
            item.role,
            item.verdict,
            f"{item.at:%Y-%m-%d %H:%M}",
            f"{item.until:%Y-%m-%d}" if item.until else "",
            "yes" if item.counted else "no",
            item.line,
        )
        for item in found.signed
    ]
    context.terminal.table("signatures by then", ("who", "role", "said", "UTC", "until", "counts", "line"), rows)
    context.terminal.table("evidence", ("what", ""), _evidence(context.settings, found))
    lines = [
        (act.seq, act.action, act.actor, f"{act.at[:16].replace('T', ' ')}", short(act.hash)) for act in found.lines
    ]
    context.terminal.table("the ledger says so", ("line", "act", "by", "UTC", "hash"), lines)
    since = [
        (event.line, f"{event.at:%Y-%m-%d %H:%M}", event.by, _said(event.what, event.why)) for event in found.since
    ]
    if since:
        context.terminal.table("since then", ("line", "UTC", "by", "what"), since)


def _evidence(settings: Settings, found: LiveAt) -> list[tuple[str, str]]:
    from registry.pages import mlflow_address

    content, promotion = found.content, found.promotion
    rows = []
    if promotion is not None:
        rows += [("promoted", f"by {promotion.actor} at {promotion.at[:16].replace('T', ' ')} UTC")]
        rows += [("digest", promotion.digest), ("run", promotion.facts["run_key"])]
    if content is None or content.manifest is None:
        return rows
    manifest = content.manifest
    rows += [("author", f"{manifest.author} ({manifest.risk_class}, {manifest.signatures} to sign)")]
    rows += [("data", manifest.snapshot), ("policy", manifest.policy)]
    rows += [(f"gate {name}", verdict) for name, verdict in content.gates.items()]
    rows += [
        (f"waiver {item['gate']}", f"{item['check']}: {item['reason']} ({item['owner']}, until {item['until']})")
        for item in content.waivers
    ]
    rows += [("copy", content.copy), ("verifies", "no" if content.fault else "yes, today")]
    pages = {"version": content.version_page, "report": content.report_page}
    return rows + [(name, f"{mlflow_address(settings)}/{page}") for name, page in pages.items() if page]


def _said(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what
