"""Builds a wheel as maturin does, after the engine that it carries: so that `pip install` of a checkout brings both.

The hooks are those of PEP 517 and PEP 660. Run as a program, it builds the engine alone, for a wheel that maturin is then told
to build.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import maturin
from maturin import (
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
    bring_engine(target_of(config_settings))
    return str(maturin.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """As `build_wheel`, for `pip install --editable`."""
    bring_engine(target_of(config_settings))
    return str(maturin.build_editable(wheel_directory, config_settings, metadata_directory))


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """None: exits with a message. maturin packs the crate of the module and what that depends on; the engine is not among it, so
    nothing could be installed from it."""
    sys.exit(
        "error: signalpost has no sdist, as maturin would leave the engine out of it\n"
        "hint: `pip wheel .` or `python -m build --wheel` in a checkout makes a wheel; an index of your own can have that"
    )


def target_of(config_settings: Any) -> str | None:
    """For which machine maturin is told to build; None: it was not told. `CARGO_BUILD_TARGET` cargo sees by itself."""
    settings = config_settings or {}
    given = settings.get("maturin.build-args", settings.get("build-args", os.environ.get("MATURIN_PEP517_ARGS", "")))
    told = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    told.add_argument("--target")
    known, _ = told.parse_known_args(shlex.split(given) if isinstance(given, str) else list(given))
    return known.target


def bring_engine(target: str | None = None) -> None:
    """Builds the engine, for the machine `target` where it is given, and puts it where the wheel takes it from. Exits with a message
    if it cannot be built."""
    build = ["cargo", "build", "--release", "--package", "signalpost-engine", "--message-format=json-render-diagnostics"]
    if target is not None:
        build += ["--target", target]
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
