"""The engine: where its executable is, and how it is started."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from subprocess import _args_from_interpreter_flags  # type: ignore[attr-defined]
from typing import Any

from . import conf

__all__ = ["EngineMissing", "child_command", "executable", "file_of_settings"]

#: What says where it is, before the setting does.
VARIABLE = "SIGNALPOST_ENGINE"


class EngineMissing(Exception):
    """There is no executable: the message says where it was looked for, and how it gets there."""


def executable() -> str:
    """The path of the `signalpost` executable.

    It is what the environment variable `SIGNALPOST_ENGINE` says, else `SIGNALPOST["ENGINE"]`, else the one beside the
    interpreter's scripts, where the wheel puts it.

    Raises `EngineMissing`.
    """
    for origin, path in ((VARIABLE, os.environ.get(VARIABLE)), ("SIGNALPOST['ENGINE']", conf.current().engine)):
        if path:
            if _can_run(path):
                return os.path.abspath(path)
            raise EngineMissing(f"{origin} says {path!r}, and that is no file that can be run")
    directories = dict.fromkeys([sysconfig.get_path("scripts"), os.path.dirname(sys.executable)])
    for directory in directories:
        path = os.path.join(directory, "signalpost")
        if _can_run(path):
            return path
    raise EngineMissing(
        f"signalpost's engine is missing: there is no executable `signalpost` in {' or '.join(directories)}.\n"
        "hint: a wheel of signalpost has it. In a checkout `cargo build --release -p signalpost-engine` makes it; say where it is "
        f"with {VARIABLE} or SIGNALPOST['ENGINE']."
    )


def _can_run(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def child_command(settings_module: str, *more: str) -> list[str]:
    """How the engine starts a child: by this interpreter, with its flags, and with what it finds modules by."""
    paths = [os.path.abspath(path) for path in dict.fromkeys(sys.path)]
    return [
        sys.executable,
        *_args_from_interpreter_flags(),
        *_unbuffered(),
        "-m",
        "signalpost.child",
        f"--settings={settings_module}",
        *(f"--pythonpath={path}" for path in paths),
        *more,
    ]


def _unbuffered() -> list[str]:
    # The one flag that no list of the interpreter's has: it is what standard output is like.
    return ["-u"] if getattr(sys.__stdout__, "write_through", False) else []


def file_of_settings(settings: dict[str, Any]) -> int:
    """A descriptor that the engine inherits, from which it reads `settings`. No file has a name that they could be found by."""
    text = json.dumps(settings).encode()
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("signalpost-settings", 0)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.set_inheritable(descriptor, True)
    _write(descriptor, text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


def options_of(given: dict[str, Any], names: Sequence[str]) -> list[str]:
    """Those of the command's options that were given, as the engine takes them."""
    found: list[str] = []
    for name in names:
        value = given.get(name)
        option = f"--{name.replace('_', '-')}"
        if value is True:
            found.append(option)
        elif isinstance(value, list):
            for each in value:
                found += [option, str(each)]
        elif value is not None and value is not False:
            found += [option, str(value)]
    return found
