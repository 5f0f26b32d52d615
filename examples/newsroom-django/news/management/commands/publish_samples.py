"""`manage.py publish_samples`: the first articles, subscribers, and somebody who may look at the tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from news.models import Article, Subscriber
from news.pictures import draw
from news.samples import SAMPLES

SUBSCRIBERS = {
    "maud@harrowquay.example": "Maud Ferris",
    "tobias@harrowquay.example": "Tobias Lund",
    "ines@harrowquay.example": "Ines Calloway",
    "desk@readingroom.example": "The Reading Room",
    "petr@oldbridge.example": "Petr Hanley",
}


class Command(BaseCommand):
    """Makes what is not there yet, so it can be started again after it was stopped or killed."""

    help = "Publishes the sample articles that are not there yet."

    def handle(self, *args: Any, **options: Any) -> None:
        """Publishes each of them in a transaction of its own."""
        for address, name in SUBSCRIBERS.items():
            Subscriber.objects.get_or_create(address=address, defaults={"name": name})
        if not User.objects.filter(username="editor").exists():
            User.objects.create_superuser("editor", password="courier")
        published = 0
        for number, sample in enumerate(SAMPLES):
            if Article.objects.filter(slug=sample.slug).exists():
                continue
            # Before the transaction: a file whose article is never written harms nobody.
            picture = ContentFile(draw(sample.colours, sample.slug), f"{sample.slug}.png")
            # The article and its four tasks are there together, or none of them is.
            with transaction.atomic():
                Article.objects.create(
                    slug=sample.slug,
                    title=sample.title,
                    author=sample.author,
                    summary=sample.summary,
                    body=sample.body,
                    picture=picture,
                    # A minute apart, so that they have an order.
                    published_at=timezone.now() - timedelta(minutes=len(SAMPLES) - number),
                )
            published += 1
        if options["verbosity"] > 0:
            self.stderr.write(f"{published} of {len(SAMPLES)} sample articles were new and have been published")
