"""Builds a wheel as maturin does, after the engine that it carries: so that `pip install` of a checkout brings both.

The hooks are those of PEP 517 and PEP 660. Run as a program, it builds the engine alone, for a wheel that maturin is then told
to build.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import maturin
from maturin import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

PACKAGE = Path(__file__).resolve().parents[1]
#: Where maturin looks for what is installed among the interpreter's scripts.
SCRIPTS = PACKAGE / "signalpost._native.data" / "scripts"


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """The wheel, with the engine in it. Exits with a message if that cannot be built."""
    bring_engine()
    return str(maturin.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """As `build_wheel`, for `pip install --editable`."""
    bring_engine()
    return str(maturin.build_editable(wheel_directory, config_settings, metadata_directory))


def bring_engine() -> None:
    """Builds the engine, and puts it where the wheel takes it from. Exits with a message if it cannot be built."""
    build = ["cargo", "build", "--release", "--package", "signalpost-engine", "--message-format=json-render-diagnostics"]
    try:
        built = subprocess.run(build, cwd=PACKAGE.parent, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        sys.exit("error: building signalpost needs Rust, and there is no cargo\nhint: https://rustup.rs")
    if built.returncode != 0:
        sys.exit("error: signalpost's engine could not be built; cargo says why")
    executables = [json.loads(line).get("executable") for line in built.stdout.splitlines()]
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    shutil.copy2(next(path for path in executables if path), SCRIPTS / "signalpost")


if __name__ == "__main__":
    bring_engine()
