"""Django's test runner, with a verdict of our own."""

from __future__ import annotations

import unittest
from typing import Any

from django.test.runner import DiscoverRunner
from expected import EXPECTED
from listening.ledger import ledger


class SuiteRunner(DiscoverRunner):
    """Fails where another test failed than those that have to, and where rows and calls differ."""

    def suite_result(self, suite: Any, result: unittest.TestResult, **kwargs: Any) -> int:
        failed = {test.id(): traceback for test, traceback in result.failures + result.errors}
        problems = [f"{name} failed" for name in failed.keys() - EXPECTED.keys()]
        for name, line in EXPECTED.items():
            if name not in failed:
                problems.append(f"{name} is expected to fail and did not")
            elif line not in failed[name]:
                problems.append(f"{name} did not fail at `{line}`")
        problems += [f"{name} passed unexpectedly" for name in map(str, result.unexpectedSuccesses)]
        problems += ledger.differences
        silent = [name for name in ("post_save", "post_delete", "m2m_changed", "user_logged_in") if not ledger.rows[name]]
        problems += [f"no row was written for {name}: nothing was shown" for name in silent]
        for problem in problems:
            self.log(f"problem: {problem}")
        written = ", ".join(f"{name} {count}" for name, count in sorted(ledger.rows.items()))
        excluded = ", ".join(f"{name} {count}" for name, count in sorted(ledger.excluded.items())) or "none"
        print(
            f"{result.testsRun} tests of Django, {len(result.skipped)} skipped by it, {len(failed)} failed, {len(EXPECTED)} of them "
            f"expected; rows written, one for each call: {written}; calls of excluded senders: {excluded}"
        )
        return len(problems)
