"""The backend that builds wheels, with what stands for maturin and cargo."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

BACKEND = Path(__file__).resolve().parents[1] / "build_backend" / "with_engine.py"
HOOKS = (
    "build_wheel", "build_editable", "get_requires_for_build_editable", "get_requires_for_build_sdist",
    "get_requires_for_build_wheel", "prepare_metadata_for_build_editable", "prepare_metadata_for_build_wheel",
)  # fmt: skip


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """It, where whatever is built is called `built`; `commands` are those of cargo."""
    maturin = ModuleType("maturin")
    for name in HOOKS:
        setattr(maturin, name, lambda *arguments: "built")
    monkeypatch.setitem(sys.modules, "maturin", maturin)
    spec = importlib.util.spec_from_file_location("with_engine", BACKEND)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    engine = tmp_path / "signalpost"
    engine.write_text("the engine")
    module.commands = []

    def run(command: list[str], **kwargs: Any) -> Any:
        module.commands.append(command)
        return SimpleNamespace(returncode=0, stdout=json.dumps({"executable": str(engine)}))

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(module, "SCRIPTS", tmp_path / "scripts")
    monkeypatch.delenv("MATURIN_PEP517_ARGS", raising=False)
    return module


def test_a_wheel_has_the_engine(backend: Any) -> None:
    assert backend.build_wheel("dist") == "built"
    assert (backend.SCRIPTS / "signalpost").read_text() == "the engine"
    (command,) = backend.commands
    assert command[:2] == ["cargo", "build"] and "--target" not in command


@pytest.mark.parametrize("hook", ["build_wheel", "build_editable"])
@pytest.mark.parametrize(
    ("variable", "settings"),
    [
        ("--strip --target aarch64-unknown-linux-gnu", None),
        ("--target=aarch64-unknown-linux-gnu", {}),
        ("", {"maturin.build-args": "--target aarch64-unknown-linux-gnu --strip"}),
        ("--target other", {"build-args": ["--target", "aarch64-unknown-linux-gnu"]}),
    ],
)
def test_the_engine_is_built_for_the_machine_that_the_wheel_is_for(
    backend: Any, monkeypatch: pytest.MonkeyPatch, hook: str, variable: str, settings: Any
) -> None:
    monkeypatch.setenv("MATURIN_PEP517_ARGS", variable)
    getattr(backend, hook)("dist", settings)
    (command,) = backend.commands
    assert command[-2:] == ["--target", "aarch64-unknown-linux-gnu"]


def test_an_sdist_is_refused_with_what_to_do(backend: Any) -> None:
    with pytest.raises(SystemExit, match="has no sdist.*\nhint: .*python -m build --wheel"):
        backend.build_sdist("dist")
    assert backend.commands == []
