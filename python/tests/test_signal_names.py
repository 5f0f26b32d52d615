"""Names of signals."""

from __future__ import annotations

import sys
import types

import django
import pytest
from django.core import signals as core_signals
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.utils.module_loading import import_string

from signalpost import AsyncSignal, DeclarationError, name_signal, signal_names
from signalpost.signal_names import _BUILT_IN, UnknownSignal, name_of, names_of, signal_named

from .news import signals
from .news.signals import order_paid as order_paid_as_imported


def module(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> None:
    made = types.ModuleType(name)
    vars(made).update(members)
    monkeypatch.setitem(sys.modules, name, made)


def test_djangos_signals_are_named_by_their_home() -> None:
    # It is imported into many modules, this one among them.
    assert name_of(post_save) == "django.db.models.signals.post_save"
    assert name_of(core_signals.request_started) == "django.core.signals.request_started"
    assert signal_named("django.db.models.signals.post_save") is post_save


def test_every_signal_of_djangos_is_known_by_its_name() -> None:
    for name in _BUILT_IN:
        if name.startswith("django.tasks.") and django.VERSION < (6, 0):
            continue
        signal = import_string(name)
        assert name_of(signal) == name
        assert signal_names.built_in(signal) is _BUILT_IN[name]


def test_a_signal_of_ones_own_is_named_by_the_module_called_signals() -> None:
    assert order_paid_as_imported is signals.order_paid
    assert name_of(signals.order_paid) == "tests.news.signals.order_paid"
    assert signal_named("tests.news.signals.order_paid") is signals.order_paid
    assert signal_names.built_in(signals.order_paid) is None


def test_among_other_modules_the_shortest_name_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = Signal()
    module(monkeypatch, "shop_of_names.events.inner", paid=signal)
    module(monkeypatch, "shop_of_names.views", paid=signal)
    assert name_of(signal) == "shop_of_names.views.paid"


def test_a_background_signal_knows_where_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = AsyncSignal()
    module(monkeypatch, "a_short_name.signals", paid=signal)
    globals()["paid_in_this_module"] = signal
    try:
        assert name_of(signal) == f"{__name__}.paid_in_this_module"
    finally:
        del globals()["paid_in_this_module"]


def test_the_main_program_is_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = Signal()
    monkeypatch.setattr(sys.modules["__main__"], "paid", signal, raising=False)
    with pytest.raises(DeclarationError, match="has no name"):
        name_of(signal)


def test_a_name_can_be_given_with_former_ones() -> None:
    signal = Signal()
    name_signal(signal, "shop.order_paid", aliases=["shop.paid"])
    assert names_of(signal) == ("shop.order_paid", "shop.paid")
    assert signal_named("shop.order_paid") is signal_named("shop.paid") is signal
    with pytest.raises(DeclarationError, match=rf"{__file__}:\d+: two signals are called 'shop.paid'"):
        name_signal(Signal(), "shop.paid")
    with pytest.raises(DeclarationError, match="the name of a signal is empty"):
        name_signal(Signal(), "")


def test_a_name_that_nobody_has_imports_nothing() -> None:
    assert "colorsys" not in sys.modules
    for name in ("colorsys.rgb_to_hls", "nowhere.at_all", "no_dots", "tests.news.signals.never", "tests.news.signals.Signal"):
        with pytest.raises(UnknownSignal, match="Is the module that makes it imported"):
            signal_named(name)
    assert "colorsys" not in sys.modules
    assert names_of(Signal()) == ()
