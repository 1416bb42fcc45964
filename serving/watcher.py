"""The watcher: notices within a second that another version, or none, is to be served, and swaps it whole."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

from caregate.errors import CaregateError
from serving.champions import ChampionSource, NotServed
from serving.policy import Watch
from serving.served import load_served
from serving.shelf import Offer, Shelf, Standing
from serving.snapshots import HistorySource

UNUSABLE = "the approved copy cannot be used: see the service's log"
STALE = "the registry cannot be read, so that a suspension might go unseen"

log = logging.getLogger(__name__)


class Watcher:
    """Keeps a shelf true to the registry and to the newest snapshot.

    Parameters
    ----------
    shelf
        What it keeps.
    champions, histories
        Where versions and history come from.
    watch
        How often to look, and when what was last seen is too old.
    ticks
        A clock that only rises, in seconds.
    """

    def __init__(
        self,
        shelf: Shelf,
        champions: ChampionSource,
        histories: HistorySource,
        watch: Watch,
        *,
        ticks: Callable[[], float] = monotonic,
    ) -> None:
        self.shelf = shelf
        self._champions = champions
        self._histories = histories
        self._watch = watch
        self._ticks = ticks
        self._marks: dict[str, tuple[str, str]] = {}
        self._seen = ticks()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Look once, then go on looking in the background."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()

    @property
    def fresh(self) -> bool:
        """Whether what stands on the shelf was confirmed of late."""
        return self._ticks() - self._seen < self._watch.stale_after_seconds

    def look(self) -> None:
        """Bring the shelf up to date."""
        try:
            for model, offer in self.shelf.offers.items():
                self._look_at(model, offer)
            self._seen = self._ticks()
        except Exception as error:
            log.warning("the registry could not be read: %s", type(error).__name__)
            if not self.fresh:
                self._withdraw()

    def _run(self) -> None:
        while not self._stop.wait(self._watch.every_seconds):
            self.look()

    def _look_at(self, model: str, offer: Offer) -> None:
        marks = self._champions.mark(model), self._histories.mark()
        if self._marks.get(model) == marks:
            return
        standing = self._standing(model, offer)
        self.shelf.put(model, standing)
        self._marks[model] = marks
        version = standing.served.version if standing.served else None
        log.info("%s: version %s answers%s", model, version, f" ({standing.why})" if standing.why else "")

    def _standing(self, model: str, offer: Offer) -> Standing:
        history = self.shelf.standing(model).history
        try:
            history = self._histories.history(offer.spec.table)
            champion = self._champions.champion(model)
            return Standing(load_served(champion, offer.spec, offer.policy, threads=1), history)
        except NotServed as none:
            return Standing(None, history, none.why)
        except CaregateError as error:
            log.error("%s is not served: %s", model, error)  # noqa: TRY400 - a trace would add nothing
            return Standing(None, history, UNUSABLE)

    def _withdraw(self) -> None:
        for model in self.shelf.offers:
            self.shelf.put(model, Standing(None, self.shelf.standing(model).history, STALE))
        self._marks.clear()
