"""Fetches what Django's own suites need of its tests, unmodified, from the source distribution of that version.

    python fetch.py VERSION DIRECTORY

Run by the Python that has pip. The rest of the distribution, ten times as large, is not kept.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

#: The packages of Django's tests that are run, with what they draw on.
KEPT = {"auth_tests", "dispatch", "m2m_signals", "migrate_signals", "signals", "templates", "transaction_hooks"}


def is_kept(member: tarfile.TarInfo) -> bool:
    """True for the files of the suites and those beside them, as ``runtests.py``."""
    parts = PurePosixPath(member.name).parts[1:]
    if len(parts) < 2 or parts[0] != "tests" or ".." in parts or not member.isfile():
        return False
    return len(parts) == 2 or parts[1] in KEPT


def fetch(version: str, directory: Path) -> None:
    """Puts the tests of this version into a directory that does not exist yet."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as temporary:
        pip = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        source = ["--no-binary", "django", "--no-deps", "--dest", temporary, f"django=={version}"]
        subprocess.run(pip + source, check=True)
        (archive,) = Path(temporary).glob("*.tar.gz")
        fetched = Path(temporary, "tests")
        with tarfile.open(archive) as distribution:
            for member in filter(is_kept, distribution.getmembers()):
                file = fetched.joinpath(*PurePosixPath(member.name).parts[2:])
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(distribution.extractfile(member).read())
        # At once: a directory that is there is complete.
        fetched.rename(directory)


if __name__ == "__main__":
    fetch(sys.argv[1], Path(sys.argv[2]).resolve())
