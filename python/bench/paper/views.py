"""Views that save."""

from __future__ import annotations

import time

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from .models import Article, article


def publish(request: HttpRequest) -> HttpResponse:
    """Reads, then writes, as most views do; in one transaction, under ``ATOMIC_REQUESTS``."""
    count = Article.objects.filter(status="published").order_by().values("pk")[:10].count()
    article(count).save()
    return HttpResponse(status=204)


async def save_often(request: HttpRequest) -> JsonResponse:
    """Saves as often as it is told, one after the other, and says when that was and how long each took."""
    seconds = []
    start = time.perf_counter()
    for number in range(int(request.GET["times"])):
        began = time.perf_counter()
        await article(number).asave()
        seconds.append(time.perf_counter() - began)
    return JsonResponse({"began": start, "ended": time.perf_counter(), "seconds": seconds})


urlpatterns = [path("publish/", publish), path("save-often/", save_often)]
