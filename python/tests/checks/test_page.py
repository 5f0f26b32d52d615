from __future__ import annotations

import re
from pathlib import Path

import signalpost.checks

PAGE = Path(__file__).resolve().parents[3] / "docs/checks.md"
NUMBER = re.compile(r"signalpost\.([EW]\d{3})")


def test_the_page_has_a_row_for_each_number_and_for_no_other() -> None:
    sources = Path(signalpost.checks.__file__).parent.glob("*.py")
    raised = sorted(number for source in sources for number in NUMBER.findall(source.read_text()))
    rows = [number for line in PAGE.read_text().splitlines() if line.startswith("| `") for number in NUMBER.findall(line)]
    assert sorted(rows) == raised


def test_each_number_has_a_test_that_fires_and_one_that_is_silent() -> None:
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    for number in NUMBER.findall(PAGE.read_text()):
        named = re.findall(rf"def test_{number.lower()}_(\w+)", tests)
        assert any("is_silent" in name for name in named), number
        assert any("is_silent" not in name for name in named), number
