"""The first example."""

from django.db.models.signals import post_save

from signalpost import async_receiver

from ..helpers import generate_thumbnails, ping_external_apis, send_email, update_search_index
from ..models import Article


@async_receiver(post_save, sender=Article)
def notify_subscribers(sender, instance, **kwargs):
    # This automatically runs in the background
    for subscriber in instance.subscribers.all():
        send_email(subscriber.email, f"New article: {instance.title}")
    update_search_index(instance)
    generate_thumbnails(instance)
    ping_external_apis(instance)
