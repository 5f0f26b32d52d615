"""With a `dispatch_uid`."""

from django.db.models.signals import post_save

from signalpost import async_receiver

from ..helpers import generate_thumbnails
from ..models import Article


# Prevent duplicate registrations with dispatch_uid
@async_receiver(post_save, sender=Article, dispatch_uid="unique_article_handler")
def process_article(sender, instance, **kwargs):
    generate_thumbnails(instance)
