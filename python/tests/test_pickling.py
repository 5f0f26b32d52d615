"""Signals that are pickled and copied."""

from __future__ import annotations

import copy
import copyreg
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import ModelSignal, post_save
from django.dispatch import Signal

from signalpost import AsyncSignal, pickling, request_started

from .news import signals

protocols = pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))


@protocols
@pytest.mark.parametrize(
    "signal",
    [signals.article_published, request_started, signals.order_paid, post_save, user_logged_in],
    ids=["background", "by name", "one's own", "of models", "django's"],
)
def test_a_signal_that_a_module_holds_is_the_same_object_again(signal: Signal, protocol: int) -> None:
    assert pickle.loads(pickle.dumps(signal, protocol)) is signal
    assert copy.copy(signal) is signal
    assert copy.deepcopy({"signal": signal})["signal"] is signal


def listener(sender: Any, **kwargs: Any) -> None:
    """Stays where it was connected."""


@protocols
def test_an_anonymous_signal_is_an_empty_one_of_its_arguments(protocol: int) -> None:
    signal = AsyncSignal(providing_args=("host",), queue="mail", use_caching=True)
    signal.connect(listener)
    again = pickle.loads(pickle.dumps(signal, protocol))
    assert again is not signal
    assert type(again) is AsyncSignal
    assert (again.providing_args, again.queue, again.use_caching, again.receivers) == (("host",), "mail", True, [])


@protocols
@pytest.mark.parametrize("kind", [Signal, ModelSignal])
def test_an_anonymous_signal_of_djangos_is_an_empty_one(kind: type[Signal], protocol: int) -> None:
    signal = kind(use_caching=True)
    signal.connect(listener)
    for again in (pickle.loads(pickle.dumps(signal, protocol)), copy.copy(signal), copy.deepcopy(signal)):
        assert again is not signal
        assert type(again) is kind
        assert (again.use_caching, again.receivers) == (True, [])
        again.connect(listener)


def test_another_process_has_its_own_receivers() -> None:
    signals.order_paid.connect(listener)
    try:
        pickled = pickle.dumps([signals.order_paid, signals.article_published])
    finally:
        signals.order_paid.disconnect(listener)
    program = (
        "import os, pickle, sys, django; django.setup()\n"
        "paid, published = pickle.load(sys.stdin.buffer)\n"
        "from tests.news import signals\n"
        "assert paid is signals.order_paid and published is signals.article_published\n"
        "assert paid.receivers == []\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickled, capture_output=True, cwd=Path(__file__).parent.parent, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_a_reducer_that_somebody_else_has_registered_stays() -> None:
    def theirs(signal: Signal) -> tuple[Any, ...]:
        return Signal, ()

    with mock.patch.dict(copyreg.dispatch_table, {Signal: theirs}):
        pickling.register()
        assert copyreg.dispatch_table[Signal] is theirs


def test_nothing_of_djangos_is_patched() -> None:
    assert "__reduce__" not in vars(Signal) and "__reduce_ex__" not in vars(Signal)
