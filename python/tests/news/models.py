"""A newsroom's models, one of each kind that arguments can be."""

from __future__ import annotations

import uuid

from django.db import models

from signalpost import AtomicSignalsMixin


class Author(models.Model):
    """A plain model."""

    name = models.CharField(max_length=100)


class Tag(models.Model):
    """The other side of a many-to-many relation."""

    label = models.CharField(max_length=50)


class Article(models.Model):
    """A model with a foreign key and a many-to-many relation."""

    title = models.CharField(max_length=200)
    status = models.CharField(max_length=20, default="draft")
    author = models.ForeignKey(Author, models.CASCADE, null=True)
    tags = models.ManyToManyField(Tag)


class Review(Article):
    """Multi-table inheritance."""

    stars = models.IntegerField(default=0)


class Draft(Article):
    """A proxy."""

    class Meta:
        proxy = True


class Document(models.Model):
    """A UUID as the key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=100)


class Country(models.Model):
    """A text as the key."""

    code = models.CharField(max_length=2, primary_key=True)


class Line(models.Model):
    """A key of two columns."""

    pk = models.CompositePrimaryKey("page", "number")
    page = models.IntegerField()
    number = models.IntegerField()
    text = models.TextField(default="")


class PublishedManager(models.Manager):
    """Hides what is not published."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(published=True)


class Notice(models.Model):
    """A default manager that does not show every row."""

    text = models.TextField()
    published = models.BooleanField(default=False)

    objects = PublishedManager()
    everything = models.Manager()


class Correction(AtomicSignalsMixin, models.Model):
    """Saved together with its signals."""

    text = models.TextField()
