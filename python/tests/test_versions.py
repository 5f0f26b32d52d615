"""What is stated to be supported, and what these tests run on."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import django

PYTHON = Path(__file__).resolve().parents[1]


def test_these_versions_are_a_pair_that_is_declared() -> None:
    declared = dict(re.findall(r'^"([\d.]+)" = \[(.*)\]$', (PYTHON / "pairs.toml").read_text(), re.MULTILINE))
    pythons = declared["{}.{}".format(*django.VERSION)]
    assert '"{}.{}"'.format(*sys.version_info) in pythons
