"""Models of the project."""

from __future__ import annotations

from django.db import models


class Note(models.Model):
    """Something that receivers write."""

    text = models.TextField()


class Article(models.Model):
    """Something that is saved in a transaction, with a task that follows from it."""

    number = models.IntegerField(unique=True)
