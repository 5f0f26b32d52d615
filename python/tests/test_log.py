"""The log, where the project's own logging has a bug."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from signalpost.log import log


class Broken(logging.Handler):
    """As `AdminEmailHandler` is, where no mail can be sent."""

    def emit(self, record: logging.LogRecord) -> None:
        raise ConnectionError("there is no mail server")


@pytest.fixture
def _broken() -> Iterator[None]:
    handler = Broken()
    logging.getLogger("signalpost").addHandler(handler)
    yield
    logging.getLogger("signalpost").removeHandler(handler)


@pytest.mark.usefixtures("_broken")
def test_what_logging_raises_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log(logging.WARNING, "Task %s is dead", 7)
    said = capsys.readouterr().err
    assert "the logging of this project has failed for 'Task %s is dead'" in said
    assert "ConnectionError: there is no mail server" in said


@pytest.mark.usefixtures("_broken")
def test_where_nothing_can_be_written_at_all_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, text: str) -> Any:
            raise OSError("no space left on device")

    monkeypatch.setattr("sys.stderr", Closed())
    log(logging.WARNING, "Task %s is dead", 7)


def test_who_has_logged_stands_in_the_record(caplog: pytest.LogCaptureFixture) -> None:
    log(logging.WARNING, "Task %s is dead", 7)
    (record,) = caplog.records
    assert (record.name, record.getMessage(), record.pathname) == ("signalpost", "Task 7 is dead", __file__)
