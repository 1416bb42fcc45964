"""What answers for a model at this moment, for a command that does not watch."""

from __future__ import annotations

from caregate.clock import Clock, system_clock
from caregate.settings import Settings
from models.catalogue import spec_of
from serving.champions import NotServed
from serving.known.snapshots import snapshot_history
from serving.registry_champions import RegistryChampions
from serving.served import load_served
from serving.shelf import Standing
from validation.policy import load_policy


def standing_now(settings: Settings, model: str, clock: Clock = system_clock) -> Standing:
    """Return the version of `model` that may be served, with what is known to ask it with, or why none may."""
    spec = spec_of(model)
    history = snapshot_history(settings).history(spec.table)
    try:
        champion = RegistryChampions(settings, clock=clock).champion(model)
        return Standing(load_served(champion, spec, load_policy(model)), history)
    except NotServed as refusal:
        return Standing(None, history, refusal.why)
