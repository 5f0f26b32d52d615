"""Asynchronous views that save: what a background receiver costs the event loop."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from time import perf_counter
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db.models.signals import post_save
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, override_settings
from django.urls import path

from signalpost import connect_background
from signalpost.models import Task

from .news.models import Author

pytestmark = pytest.mark.django_db

SAVES = 200
#: How often the heart is to beat, in seconds.
BEAT = 0.001


def index(sender: Any, **kwargs: Any) -> None: ...


async def save_often(request: HttpRequest) -> JsonResponse:
    """When it began, and when each save had ended."""
    times = [perf_counter()]
    for number in range(SAVES):
        await Author(name=str(number)).asave()
        times.append(perf_counter())
    return JsonResponse({"times": times})


urlpatterns = [path("", save_often)]


async def beats_and_saves() -> tuple[list[tuple[float, float]], list[float]]:
    """When each beat was due and when it came; and the times of the saves."""
    over = asyncio.Event()
    beats: list[tuple[float, float]] = []

    async def beat() -> None:
        while not over.is_set():
            due = perf_counter() + BEAT
            await asyncio.sleep(BEAT)
            beats.append((due, perf_counter()))

    heart = asyncio.create_task(beat())
    response = await AsyncClient().get("/")
    over.set()
    await heart
    return beats, response.json()["times"]


@override_settings(ROOT_URLCONF=__name__)
def test_while_an_async_view_saves_the_loop_is_held_up_by_no_more_than_a_save() -> None:
    connect_background(post_save, index, sender=Author)
    beats, times = async_to_sync(beats_and_saves)()
    assert Task.objects.count() == SAVES
    during = [(due, came) for due, came in beats if times[0] <= due < times[-2]]
    assert during
    for due, came in during:
        # It is due in one save, and comes before the one after that has ended.
        following = times[bisect_right(times, due) + 1]
        assert came <= following
