"""Who may write what into the registry beside a verdict: versions, tags, aliases, models. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from governance.people import Person, Role
from registry.names import APPROVAL, CHALLENGER, PIPELINE, REQUIRED_AT_CREATION, is_reserved
from registry.policy import ALLOW, HOW_TO, Decision, State, refuse

LOGGED_MODEL = re.compile(r"models:/m-[0-9a-f]+")


def may_create_version(actor: Person, source: str, tags: Mapping[str, str]) -> Decision:
    """Decide whether a version may be registered from `source` with these tags."""
    if not is_pipeline(actor):
        return refuse("versions are registered by `caregate run` alone, after the gates; copies carry no sign-off")
    if not LOGGED_MODEL.fullmatch(source):
        return refuse("a version is registered from a logged model, never from another version or a path")
    missing = [key for key in REQUIRED_AT_CREATION if not tags.get(key)]
    if missing:
        return refuse(f"a version is registered with the tags {', '.join(missing)}")
    if tags[APPROVAL] != State.PENDING or any(key.startswith(f"{APPROVAL}.") for key in tags):
        return refuse("a version starts as pending")
    if "failed" in [value for key, value in tags.items() if key.startswith("gate.")]:
        return refuse("a version with a failed gate is not registered")
    return ALLOW


def may_set_tag(actor: Person, key: str) -> Decision:
    """Decide whether a tag other than the approval may be set."""
    if is_reserved(key):
        return refuse(f"'{key}' is written by the server, once; the verdict goes into '{APPROVAL}': {HOW_TO}")
    if actor.disabled:
        return refuse(f"the account {actor.name} is disabled")
    return ALLOW


def may_delete_tag(actor: Person, key: str) -> Decision:
    """Decide whether a tag may be taken away."""
    return refuse(f"'{APPROVAL}' is not deleted: {HOW_TO}") if key == APPROVAL else may_set_tag(actor, key)


def may_set_alias(actor: Person, alias: str, *, standing: bool) -> Decision:
    """Decide whether an alias may point to a version that has, or has not, a standing approval."""
    if alias == CHALLENGER and is_pipeline(actor):
        return ALLOW
    if not is_promoter(actor):
        return refuse(f"the alias '{alias}' is set by the promote flow alone, once the version is approved")
    if not standing:
        return refuse(f"the alias '{alias}' needs a version with a standing approval of these very files")
    return ALLOW


def may_delete_alias(actor: Person) -> Decision:
    """Decide whether an alias may be taken away."""
    return ALLOW if is_promoter(actor) else refuse("aliases are taken away by the promoter alone")


def may_keep_house(actor: Person) -> Decision:
    """Decide whether a registered model may be made or described."""
    return ALLOW if is_pipeline(actor) else refuse("registered models are made and described by `caregate run` alone")


def is_pipeline(actor: Person) -> bool:
    """Tell whether `actor` is the service that registers."""
    return actor.name == PIPELINE and actor.service and not actor.disabled


def is_promoter(actor: Person) -> bool:
    """Tell whether `actor` is a service that promotes."""
    return actor.role is Role.PROMOTER and actor.service and not actor.disabled
