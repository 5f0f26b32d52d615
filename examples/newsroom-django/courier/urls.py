"""The pages: the paper's, and Django's admin, where the tasks are."""

from __future__ import annotations

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("news.urls")),
    # With DEBUG only.
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
