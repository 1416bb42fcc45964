"""Where compiled functions are kept, so that a process that starts does not compile them again.

Loading what is kept is loading code. It lies in a folder that its owner alone may enter; any other folder is left
unused, and the functions are compiled in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

FOLDER = "NUMBA_CACHE_DIR"
"""The environment's variable that names the folder, Numba's own; the user's cache folder where it is not set."""

Function = Callable[..., Any]


def compiled(*signatures: str, contract: bool = False) -> Callable[[Function], Function]:
    """Compile a function when it is defined, or read it from where an earlier process kept it.

    Parameters
    ----------
    signatures
        All types that it is called with: no other is ever compiled, so that no request waits for the compiler.
    contract
        Whether a product and a sum may be rounded once; never where results are held to another's bit for bit.
    """
    folder = kept_in()

    def decorate(function: Function) -> Function:
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": folder is not None}
        config: Any = numba.config
        before = config.CACHE_DIR
        config.CACHE_DIR = str(folder or before)  # Numba asks for the folder here, and only by this variable.
        try:
            fast = {"contract"} if contract else False
            machine_code: Function = numba.njit(list(signatures), fastmath=fast, **options)(function)
        finally:
            config.CACHE_DIR = before
        return machine_code

    return decorate


def kept_in() -> Path | None:
    """Return the folder of compiled functions, made where it is not there; None where none is the owner's alone."""
    named = os.environ.get(FOLDER)
    folder = Path(named) if named else _users_cache() / "caregate"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except (OSError, RuntimeError):
        return None
    alone = found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return folder if alone and os.access(folder, os.W_OK) else None


def _users_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
