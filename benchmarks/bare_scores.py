"""The bare core over HTTP: features in, score out, the same body that MLflow's server takes. For the benchmark alone.

No key, no consent, no history, no reasons and no prediction row: what is left is the model behind our transport.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from models.artifact import load_model

FOLDER = "BARE_SCORES_MODEL"


class Split(msgspec.Struct):
    """Rows as pandas splits them."""

    columns: list[str]
    data: list[list[float]]


class Body(msgspec.Struct):
    """What MLflow's server takes."""

    dataframe_split: Split


class Scores(msgspec.Struct):
    """What MLflow's server answers."""

    predictions: list[float]


class BareScores:
    """ASGI application that scores encoded rows."""

    def __init__(self, folder: Path) -> None:
        self._fitted = load_model(folder)
        self._fitted.booster.set_param({"nthread": 1})
        self._fitted.predict_encoded(np.zeros((1, len(self._fitted.columns)), dtype=np.float32))
        self._decode = msgspec.json.Decoder(Body).decode
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        rows = np.array(self._decode(b"".join(parts)).dataframe_split.data, dtype=np.float32)
        body = self._encode(Scores(self._fitted.predict_encoded(rows).tolist()))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def app() -> BareScores:
    """Return the application for the model that the environment names."""
    return BareScores(Path(os.environ[FOLDER]))
