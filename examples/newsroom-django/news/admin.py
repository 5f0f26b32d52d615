"""The newsroom's own pages in the admin. The tasks are there by themselves."""

from __future__ import annotations

from django.contrib import admin

from .models import Article, Subscriber

admin.site.register(Article, list_display=("title", "author", "published_at"), prepopulated_fields={"slug": ("title",)})
admin.site.register(Subscriber, list_display=("name", "address"))
