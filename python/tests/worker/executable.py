"""The engine's executable, for tests of the whole worker."""

from __future__ import annotations

import sys
from pathlib import Path

from signalpost import engine as place

__all__ = ["ENGINE"]


def _executable() -> str | None:
    """Where the command finds it, or where cargo leaves it: the environments of tests lie in its target directory."""
    try:
        return place.executable()
    except place.EngineMissing:
        target = Path(sys.prefix).parents[1]
        built = [target / profile / "signalpost" for profile in ("release", "debug")]
        return next((str(path) for path in built if path.is_file()), None)


ENGINE = _executable()
