"""Pages of the documentation whose blocks of Python make a project: each begins with the file that it stands in."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write_project(page: str, settings: str, into: Path) -> None:
    """Writes the files of a page, each of them made of its blocks in their order, behind the settings that it leaves out."""
    files = {"project/__init__.py": "", "shop/__init__.py": "", "project/settings.py": settings}
    for block in _BLOCK.findall((DOCS / page).read_text()):
        name, _, code = block.partition("\n")
        assert re.fullmatch(r"# [a-z_/]+\.py", name), f"a block of {page} does not say where it stands: {name}"
        files[name[2:]] = files.get(name[2:], "") + code
    for name, code in files.items():
        path = into / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
