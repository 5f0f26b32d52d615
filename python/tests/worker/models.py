"""Models of the project."""

from __future__ import annotations

from django.db import models


class Note(models.Model):
    """Something that receivers write."""

    text = models.TextField()
