"""A list of signals."""

from django.db.models.signals import post_delete, post_save

from signalpost import async_receiver

from ..helpers import add_to_index, remove_from_index_by_id
from ..models import Article


# Handle multiple signals with one handler
@async_receiver([post_save, post_delete], sender=Article)
def update_search_index(sender, instance, **kwargs):
    if kwargs.get("created", False):
        add_to_index(instance)
    elif instance is None:
        # Instance was deleted but pk is preserved
        if pk := kwargs.get("_instance_pk"):
            remove_from_index_by_id(pk)
