"""What a handler does where the row is gone."""

from django.db.models.signals import post_save

from signalpost import async_receiver

from ..helpers import cleanup_article_artifacts, generate_thumbnail, logger
from ..models import Article


@async_receiver(post_save, sender=Article)
def process_article(sender, instance, **kwargs):
    if instance is None:
        # Instance was deleted, but we have the pk
        article_id = kwargs.get("_instance_pk")
        logger.warning(f"Article {article_id} was deleted before processing")
        # Could still do cleanup based on the ID
        cleanup_article_artifacts(article_id)
        return

    # Normal processing
    generate_thumbnail(instance)
