"""An asynchronous handler."""

from django.db.models.signals import post_save

from signalpost import async_receiver

from ..helpers import cache, external_api, generate_summary
from ..models import Article


@async_receiver(post_save, sender=Article)
async def process_article_async(sender, instance, **kwargs):
    await external_api.notify(instance.id)
    await cache.invalidate(f"article_{instance.id}")
    return await generate_summary(instance.content)
