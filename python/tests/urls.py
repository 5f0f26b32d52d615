"""Views for the tests: none of their own; tests give theirs with `override_settings(ROOT_URLCONF=…)`."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
