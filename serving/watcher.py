"""The watcher: notices within a second that another version, or none, is to be served, and swaps it whole."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

from caregate.errors import CaregateError
from models.artifact import FittedModel
from registry.champion import Champion
from serving.champions import ChampionSource, NotServed
from serving.known.snapshots import HistorySource
from serving.policy import Watch
from serving.served import Served, load_served
from serving.shelf import Offer, Shelf, Standing

Content = tuple[int, str]
"""Version and digest."""
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
        self._warm: dict[str, dict[Content, FittedModel]] = {}
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
            changed = [model for model, offer in self.shelf.offers.items() if self._look_at(model, offer)]
            for model in changed:
                self._keep_warm(model)
            self._seen = self._ticks()
        except Exception as error:
            log.warning("the registry could not be read: %s", type(error).__name__)
            if not self.fresh:
                self._withdraw()

    def _run(self) -> None:
        while not self._stop.wait(self._watch.every_seconds):
            self.look()

    def _look_at(self, model: str, offer: Offer) -> bool:
        marks = self._champions.mark(model), self._histories.mark()
        if self._marks.get(model) == marks:
            return False
        standing = self._standing(model, offer)
        self.shelf.put(model, standing)
        self._marks[model] = marks
        version = standing.served.version if standing.served else None
        log.info("%s: version %s answers%s", model, version, f" ({standing.why})" if standing.why else "")
        return True

    def _standing(self, model: str, offer: Offer) -> Standing:
        history = self.shelf.standing(model).history
        try:
            history = self._histories.history(offer.spec.table)
            timeline = offer.spec.timeline
            newest = self._histories.newest(offer.spec.table, timeline.began) if timeline else None
            served = self._load(self._champions.champion(model), offer)
            history.prepare(offer.spec)
            return Standing(served, history, newest=newest)
        except NotServed as none:
            return Standing(None, history, none.why)
        except CaregateError as error:
            log.error("%s is not served: %s", model, error)  # noqa: TRY400 - a trace would add nothing
            return Standing(None, history, UNUSABLE)

    def _load(self, champion: Champion, offer: Offer) -> Served:
        """Return `champion`, whose files were hashed just now; weights of the same content are not read again."""
        warm = self._warm.setdefault(champion.model, {})
        content = champion.version, champion.digest
        served = load_served(champion, offer.spec, offer.policy, threads=1, fitted=warm.get(content))
        if content not in warm:
            served.warm_up()
            warm[content] = served.fitted
        return served

    def _keep_warm(self, model: str) -> None:
        """Have the version before the one that answers in memory, so that a rollback reads nothing, and no other."""
        served = self.shelf.standing(model).served
        previous = self._champions.previous(model)
        if served is None or previous is None:
            return
        try:
            self._load(previous, self.shelf.offer(model))
        except CaregateError as error:
            log.warning("the version before of %s is not kept warm: %s", model, type(error).__name__)
        warm, kept = self._warm[model], (served.version, previous.version)
        self._warm[model] = {content: fitted for content, fitted in warm.items() if content[0] in kept}

    def _withdraw(self) -> None:
        for model in self.shelf.offers:
            self.shelf.put(model, Standing(None, self.shelf.standing(model).history, STALE))
        self._marks.clear()
