"""What travels beside the arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal
from django.test import override_settings
from django.utils import timezone, translation

from signalpost import async_receiver, carrier, carriers, current_task, task
from signalpost.carriers import HeaderError, headers_json, request_id, tenant
from signalpost.current import context_for_send
from signalpost.models import HistoryEntry
from signalpost.testing import run_tasks

order_paid, order_shipped = Signal(), Signal()
shop_id: ContextVar[str | None] = ContextVar("shop_id", default=None)


@pytest.fixture
def declared() -> Iterator[None]:
    """Carriers that a test declares are forgotten at its end."""
    yield
    carriers._declared.clear()
    carriers._used.cache_clear()


@pytest.fixture
def shop(declared: None) -> Any:
    """A carrier of a project's own."""

    @carrier("shop")
    def shop() -> str | None:
        return shop_id.get()

    @shop.restore
    @contextmanager
    def use_shop(value: str | None) -> Iterator[None]:
        token = shop_id.set(value)
        try:
            yield
        finally:
            shop_id.reset(token)

    return shop


@contextmanager
def _set(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def _headers() -> Any:
    return json.loads(headers_json())


def test_nothing_is_carried_where_everything_is_as_the_project_has_it() -> None:
    assert headers_json() == "{}"


def test_language_time_zone_request_id_and_tenant_are_carried() -> None:
    with translation.override("de"), timezone.override("Asia/Tokyo"), _set(request_id, "r-1"), _set(tenant, "north"):
        assert _headers() == {"language": "de", "time-zone": "Asia/Tokyo", "request-id": "r-1", "tenant": "north"}


def test_a_time_zone_without_a_name_is_not_carried() -> None:
    with timezone.override(timezone.get_fixed_timezone(90)):
        assert _headers() == {}


@override_settings(USE_I18N=False, USE_TZ=False)
def test_without_translation_and_time_zones_neither_is_carried() -> None:
    assert _headers() == {}


@pytest.mark.django_db
def test_they_are_there_again_where_the_receiver_runs() -> None:
    seen: list[Any] = []

    @async_receiver(order_paid, name="bill")
    def bill(**kwargs: Any) -> None:
        zone = timezone.get_current_timezone_name()
        seen.append((translation.get_language(), zone, request_id.get(), tenant.get()))

    order_paid.send(None)
    with translation.override("de"), timezone.override("Asia/Tokyo"), _set(request_id, "r-1"), _set(tenant, "north"):
        order_paid.send(None)
        run_tasks()

    assert seen == [("en-us", "America/Chicago", None, None), ("de", "Asia/Tokyo", "r-1", "north")]


@pytest.mark.django_db
def test_an_asynchronous_receiver_has_them_too() -> None:
    seen: list[Any] = []

    @async_receiver(order_paid, name="bill")
    async def bill(**kwargs: Any) -> None:
        seen.append((translation.get_language(), tenant.get()))

    with translation.override("de"), _set(tenant, "north"):
        order_paid.send(None)
    run_tasks()

    assert seen == [("de", "north")]


@pytest.mark.django_db
def test_what_a_receiver_sends_carries_them_on() -> None:
    seen: list[Any] = []
    async_receiver(order_paid, name="bill")(lambda **kwargs: order_shipped.send(None) and None)
    async_receiver(order_shipped, name="thank")(lambda **kwargs: seen.append((translation.get_language(), tenant.get())))

    with translation.override("de"), _set(tenant, "north"):
        order_paid.send(None)
    run_tasks()

    assert seen == [("de", "north")]


@pytest.mark.django_db
def test_a_receiver_that_changes_one_changes_it_for_what_it_sends() -> None:
    seen: list[Any] = []

    @async_receiver(order_paid, name="bill")
    def bill(**kwargs: Any) -> None:
        with translation.override("fr"):
            order_shipped.send(None)
        with translation.override("en-us"):
            order_shipped.send(None)

    async_receiver(order_shipped, name="thank")(lambda **kwargs: seen.append(translation.get_language()))
    with translation.override("de"):
        order_paid.send(None)
    run_tasks()

    assert seen == ["fr", "en-us"]


@pytest.mark.django_db
def test_a_header_that_nobody_reads_is_carried_on() -> None:
    seen: list[Any] = []

    @task(name="bill")
    def bill() -> None:
        headers, parent, depth = context_for_send("shop.order_shipped")
        seen.append(json.loads(headers)["traceparent"])

    from signalpost import running

    from .stored import NOW, called

    running.run(called("bill", headers='{"traceparent":"00-1"}'), NOW)

    assert seen == ["00-1"]


@pytest.mark.django_db
def test_a_carrier_of_ones_own_is_used_from_where_it_is_declared(shop: Any) -> None:
    seen: list[Any] = []

    @async_receiver(order_paid, name="bill")
    def bill(**kwargs: Any) -> None:
        seen.append((shop_id.get(), current_task().headers))  # type: ignore[union-attr]

    with _set(shop_id, "till 3"):
        order_paid.send(None)
    run_tasks()

    assert seen == [("till 3", {"shop": "till 3"})]
    assert json.loads(HistoryEntry.objects.get().headers) == {"shop": "till 3"}


def test_the_setting_says_which_are_used_and_no_others(shop: Any) -> None:
    with _set(shop_id, "till 3"), translation.override("de"), _set(tenant, "north"):
        with override_settings(SIGNALPOST={"CARRIERS": ["signalpost.carriers.carried_tenant"]}):
            assert _headers() == {"tenant": "north"}
        with override_settings(SIGNALPOST={"CARRIERS": []}):
            assert _headers() == {}
        assert _headers() == {"language": "de", "tenant": "north", "shop": "till 3"}


@override_settings(SIGNALPOST={"CARRIERS": ["os.path.join"]})
def test_what_is_listed_and_is_no_carrier_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match=r'lists "os.path.join", which is .* and not a carrier'):
        headers_json()


def test_a_carrier_takes_the_place_of_an_earlier_one_of_its_name(declared: None) -> None:
    carrier("tenant")(lambda: "mine")

    with _set(tenant, "north"):
        assert _headers() == {"tenant": "mine"}


def test_what_a_carrier_raises_the_send_raises(declared: None) -> None:
    def broken() -> str:
        raise LookupError("no shop")

    carrier("shop")(broken)

    with pytest.raises(LookupError, match="no shop"):
        headers_json()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (7, "its carrier gave 7, and a header is a text"),
        ("a\0b", "it holds the character NUL"),
        ("a\ud800", "it holds a lone surrogate"),
        ("x" * 8192, "the headers make 8196 bytes, 8196 of them the header 'shop'; 8192 are allowed"),
    ],
)
def test_a_header_that_cannot_travel_is_refused_by_its_name(declared: None, value: Any, problem: str) -> None:
    carrier("shop")(lambda: value)

    with pytest.raises(HeaderError, match=problem):
        headers_json()
    with pytest.raises(HeaderError, match=problem):
        carriers.headers_of_send({})


@pytest.mark.parametrize("name", ["", "Shop", "a b", "x" * 101, "signalpost-chain", "größe"])
def test_a_name_that_cannot_travel_is_refused(name: str) -> None:
    with pytest.raises(HeaderError, match="a carrier cannot be called"):
        carrier(name)(lambda: None)
