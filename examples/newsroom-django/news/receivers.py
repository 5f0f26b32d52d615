"""What follows when an article is saved or withdrawn, in the background.

Saving an article writes a row for each receiver, in the same transaction. A worker runs them later:
`manage.py signalpost_worker`. Any of them may run twice, if a process dies after the work and before that is recorded. So each
does its work under a name that the second run finds again.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from PIL import Image, ImageOps, UnidentifiedImageError

from signalpost import Permanent, async_receiver, task

from . import ledger, search
from .models import Article, Subscriber, thumbnail_name

#: Those that follow from a publication, by their names in the ledger.
OF_A_PUBLICATION = (
    "newsroom.index_article",
    "newsroom.email_subscribers",
    "newsroom.make_thumbnail",
    "newsroom.call_webhook",
)

THUMBNAIL = (480, 320)


def is_new(created: bool, **kwargs: Any) -> bool:
    """A condition: asked inside the save, so that for an article that is merely corrected no task is written."""
    return created


@async_receiver(post_save, sender=Article, fields={"title", "author", "body"}, name="newsroom.index_article")
def index_article(sender: type[Article], instance: Article | None, **kwargs: Any) -> None:
    """Puts the article into the full-text index, in the place of what was there of it."""
    with ledger.run(key_of(instance, kwargs)) as article:
        search.learn(article)


@async_receiver(post_save, sender=Article, when=is_new, name="newsroom.email_subscribers", max_attempts=5)
def email_subscribers(sender: type[Article], instance: Article | None, **kwargs: Any) -> None:
    """Writes to every subscriber."""
    with ledger.run(key_of(instance, kwargs)) as article:
        # The instance was read again a moment ago. It is None if the article was withdrawn: nobody wants to read of it.
        if instance is None:
            return
        for subscriber in Subscriber.objects.order_by("pk"):
            EmailMessage(
                subject=instance.title,
                body=f"Dear {subscriber.name},\n\n{instance.summary}\n\n{instance.body}\n",
                to=[f'"{subscriber.name}" <{subscriber.address}>'],
                # A second run sends the same mail once more, and who receives it can tell.
                headers={"Message-ID": f"<{article}.{subscriber.pk}@harrowquay.example>"},
            ).send()


@async_receiver(post_save, sender=Article, fields={"picture"}, name="newsroom.make_thumbnail", max_attempts=3)
def make_thumbnail(sender: type[Article], instance: Article | None, **kwargs: Any) -> None:
    """Makes the small picture for the front page."""
    with ledger.run(key_of(instance, kwargs)) as article:
        if instance is None or not instance.picture:
            return
        try:
            with Image.open(instance.picture.path) as picture:
                small = ImageOps.fit(picture.convert("RGB"), THUMBNAIL)
        except UnidentifiedImageError as error:
            # It will be no picture in the next attempt, either.
            raise Permanent(f"{instance.picture.name} is no picture") from error
        write_whole(Path(settings.MEDIA_ROOT) / thumbnail_name(article), small)


@async_receiver(post_save, sender=Article, when=is_new, name="newsroom.call_webhook", timeout=10)
def call_webhook(sender: type[Article], instance: Article | None, **kwargs: Any) -> None:
    """Tells somebody else's service, as it might be: our own, which is not to be had at the first call for each article. That is
    an exception here, and so a failure, and the task is tried again."""
    with ledger.run(key_of(instance, kwargs)) as article:
        body = json.dumps({"article": article}).encode()
        with urlopen(Request(settings.WEBHOOK, body, {"Content-Type": "application/json"}), timeout=10):
            pass


@receiver(post_delete, sender=Article)
def withdraw(sender: type[Article], instance: Article, **kwargs: Any) -> None:
    """An inline receiver, as in any project of Django's. When the task runs the row is gone, and with it the name of the picture.
    So this sends the name: the task is written in the transaction of the deletion."""
    forget_article.delay(instance.pk, instance.picture.name or "")


@task(name="newsroom.forget_article")
def forget_article(article: int, picture: str) -> None:
    """Removes what is left of an article: its place in the index, and its files."""
    search.forget(article)
    for name in filter(None, [picture, thumbnail_name(article)]):
        (Path(settings.MEDIA_ROOT) / name).unlink(missing_ok=True)


def key_of(instance: Article | None, kwargs: dict[str, Any]) -> int:
    """The article's key, which is known whether its row is still there or not."""
    return instance.pk if instance is not None else kwargs["_instance_pk"]


def write_whole(path: Path, picture: Image.Image) -> None:
    """Writes a file so that it is there whole or not at all. One of the same name is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two runs may write at the same time, on two threads of one process too.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        picture.save(beside, "JPEG")
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
