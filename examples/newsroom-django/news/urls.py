"""The addresses of the pages."""

from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("", views.index, name="index"),
    path("publish", views.publish, name="publish"),
    path("status", views.status, name="status"),
    path("webhook", views.webhook, name="webhook"),
    path("articles/<slug:slug>", views.article, name="article"),
    path("articles/<slug:slug>/withdraw", views.withdraw, name="withdraw"),
]
