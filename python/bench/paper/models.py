"""A model of the usual size."""

from __future__ import annotations

from django.db import models


class Article(models.Model):
    """An article of a newspaper."""

    title = models.CharField(max_length=200)
    body = models.TextField()
    status = models.CharField(max_length=20, default="draft")
    published_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "paper"


def article(number: int) -> Article:
    """A new one, not saved."""
    return Article(title=f"The harbour light burns again, {number} times", body="It had been dark since the storm. " * 20)
