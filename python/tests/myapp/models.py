"""What its examples work on."""

from __future__ import annotations

from django.db import models


class Subscriber(models.Model):
    """Who wants to know of articles."""

    email = models.EmailField()


class Article(models.Model):
    """What is written."""

    title = models.CharField(max_length=200)
    content = models.TextField(default="")
    subscribers = models.ManyToManyField(Subscriber)
