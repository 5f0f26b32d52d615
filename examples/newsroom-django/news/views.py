"""The pages. With `ATOMIC_REQUESTS` each request is a transaction: an article and its tasks are saved together, or not at all."""

from __future__ import annotations

import json

from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from signalpost.models import HistoryEntry, Task

from . import search
from .forms import ArticleForm
from .models import Article, WebhookCall

#: How many tasks the status shows.
MOST = 50


def index(request: HttpRequest) -> HttpResponse:
    """The front page, or what was searched for."""
    query = request.GET.get("q", "").strip()
    articles = search.find(query) if query else Article.objects.all()
    return render(request, "news/index.html", {"articles": articles, "query": query})


def article(request: HttpRequest, slug: str) -> HttpResponse:
    """An article."""
    return render(request, "news/article.html", {"article": get_object_or_404(Article, slug=slug)})


def publish(request: HttpRequest) -> HttpResponse:
    """Publishes an article. The answer does not wait for mail, index, thumbnail and webhook."""
    form = ArticleForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        published = form.save()
        messages.success(request, "It is published. Everything else follows in the background.")
        return redirect(published)
    return render(request, "news/publish.html", {"form": form})


@require_POST
def withdraw(request: HttpRequest, slug: str) -> HttpResponse:
    """Takes an article back."""
    get_object_or_404(Article, slug=slug).delete()
    messages.success(request, "It is withdrawn.")
    return redirect("index")


def status(request: HttpRequest) -> HttpResponse:
    """The newest tasks. They are rows like any other; the admin shows more of them."""
    tasks = Task.objects.order_by("-pk")[:MOST]
    return render(request, "news/status.html", {"tasks": tasks, "ended": HistoryEntry.objects.order_by("-pk")[:MOST]})


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Somebody else's service, as it might be: its first call for each article fails."""
    try:
        key = int(json.loads(request.body)["article"])
    except (ValueError, TypeError, KeyError):
        return HttpResponseBadRequest('{"article": number} is wanted')
    _, is_first = WebhookCall.objects.get_or_create(article=key)
    WebhookCall.objects.filter(article=key).update(calls=F("calls") + 1)
    return HttpResponse(status=503 if is_first else 204)
