"""What the newsroom keeps."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

__all__ = ["Article", "Subscriber", "WebhookCall"]


class Article(models.Model):
    """An article. When one is saved, `receivers.py` is what follows."""

    slug = models.SlugField(max_length=200, unique=True)
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=100)
    summary = models.TextField(blank=True)
    body = models.TextField()
    picture = models.ImageField(upload_to="pictures", blank=True)
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-published_at",)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Its page."""
        return reverse("article", args=[self.slug])

    @property
    def thumbnail_url(self) -> str | None:
        """Where its small picture is. None while nobody has made it."""
        name = thumbnail_name(self.pk)
        return f"{settings.MEDIA_URL}{name}" if (Path(settings.MEDIA_ROOT) / name).exists() else None


def thumbnail_name(article: int) -> str:
    """The file of an article's small picture. By its key, so that a second run of whoever makes it finds the same file."""
    return f"thumbnails/{article}.jpg"


class Subscriber(models.Model):
    """Somebody who gets mail for every article."""

    name = models.CharField(max_length=100)
    address = models.EmailField(unique=True)

    def __str__(self) -> str:
        return self.name


class WebhookCall(models.Model):
    """What the webhook has received for an article."""

    article = models.BigIntegerField(primary_key=True)
    calls = models.PositiveIntegerField(default=0)
