"""Without the decorator: a plain receiver that calls a task with what it needs."""

from django.db.models.signals import post_save
from django.dispatch import receiver

from signalpost import task

from ..helpers import generate_thumbnails, ping_external_apis, send_email, update_search_index
from ..models import Article


@task
def process_article_task(article_id):
    article = Article.objects.get(pk=article_id)
    for subscriber in article.subscribers.all():
        send_email(subscriber.email, f"New article: {article.title}")
    update_search_index(article)
    generate_thumbnails(article)
    ping_external_apis(article)


@receiver(post_save, sender=Article)
def notify_subscribers(sender, instance, **kwargs):
    # Queue the task instead of running it now
    process_article_task.delay(instance.pk)
