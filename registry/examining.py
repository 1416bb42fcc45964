"""Examining a fitted model: every probe on it, one after another."""

from __future__ import annotations

from validation.probed import Probed
from validation.probes.anonymity import anonymity
from validation.probes.membership import membership
from validation.probes.memorising import memorised
from validation.probes.perturbing import perturb
from validation.probes.proxies import proxies
from validation.probes.rebuilding import rebuild
from validation.probes.refitting import refit
from validation.probes.serving import probe_serving
from validation.probes.subject import Subject


def examine(subject: Subject, unavailable: dict[str, str]) -> Probed:
    """Return what every probe found of `subject`.

    Parameters
    ----------
    subject
        The model with its rows.
    unavailable
        Why something could not be looked at, by the name that its gate asks for.
    """
    return Probed(
        rebuilt=rebuild(subject),
        perturbed=perturb(subject),
        refits=refit(subject),
        membership=membership(subject),
        memorised=memorised(subject),
        anonymity=anonymity(subject),
        served=probe_serving(subject),
        proxies=proxies(subject),
        unavailable=unavailable,
    )
