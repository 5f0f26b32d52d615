"""Runs Django's own suites, unmodified, while background receivers listen to every sender.

    SIGNALPOST_TEST_DATABASE=sqlite python run.py DIRECTORY [LABEL …]

DIRECTORY is what ``fetch.py`` has fetched. Their runner overwrites ``INSTALLED_APPS``, so ours are appended to what it puts
there. Everything else is theirs.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

LABELS = ["dispatch", "signals", "m2m_signals", "migrate_signals", "transaction_hooks", "auth_tests.test_signals"]


def main(directory: Path, labels: list[str]) -> int:
    """The number of problems."""
    sys.path.insert(0, str(directory))
    os.environ["DJANGO_SETTINGS_MODULE"] = "suite_settings"
    import runtests

    runtests.ALWAYS_INSTALLED_APPS += ["signalpost", "listening"]
    with tempfile.TemporaryDirectory(prefix="django_") as temporary:
        # As its own command line does.
        tempfile.tempdir = os.environ["TMPDIR"] = temporary
        return run(runtests, labels)


def run(runtests: Any, labels: list[str]) -> int:
    """Runs these labels, as its own command line does by default."""
    return runtests.django_tests(
        verbosity=1,
        interactive=False,
        failfast=False,
        keepdb=False,
        reverse=False,
        test_labels=labels,
        debug_sql=False,
        parallel=1,
        tags=None,
        exclude_tags=None,
        test_name_patterns=None,
        start_at=None,
        start_after=None,
        pdb=False,
        buffer=False,
        timing=False,
        shuffle=False,
    )


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1]).resolve(), sys.argv[2:] or LABELS), 1))
