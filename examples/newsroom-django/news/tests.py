"""Tests of the newsroom, as a project of Django's would have them: without a worker, and each in a transaction.

python manage.py test
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.error import HTTPError

from django.conf import settings
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import TestCase, override_settings
from django.urls import reverse
from PIL import Image

from signalpost.testing import SignalpostAssertions, run_tasks

from . import ledger, receivers, search
from .models import Article, Subscriber, WebhookCall
from .pictures import draw
from .report import Report

COLOURS = ("#000000", "#888888", "#448844", "#ffffff")


class Newsroom(SignalpostAssertions, TestCase):
    """With files of its own, and a webhook that answers."""

    def setUp(self) -> None:
        data = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, data)
        files = override_settings(MEDIA_ROOT=data / "media", LEDGER=data / "ledger.jsonl", MAIL=data / "mail")
        files.enable()
        self.addCleanup(files.disable)
        self.webhook = mock.patch.object(receivers, "urlopen", mock.MagicMock()).start()
        self.addCleanup(mock.patch.stopall)
        Subscriber.objects.create(name="Maud Ferris", address="maud@harrowquay.example")

    def publish(self, title: str = "The harbour light burns again", **fields: Any) -> Article:
        """Through the page, as an editor does."""
        picture = SimpleUploadedFile("picture.png", draw(COLOURS, title), "image/png")
        form = {"title": title, "author": "Nell Ashdown", "body": "At dawn.\n\nThe boats.", "picture": picture, **fields}
        response = self.client.post(reverse("publish"), form)
        self.assertEqual(response.status_code, 302, response.content.decode())
        return Article.objects.latest("pk")


class Files(Newsroom):
    def test_two_threads_of_one_process_write_beside_each_other(self) -> None:
        path = Path(settings.MEDIA_ROOT) / "thumbnails" / "7.jpg"
        written: list[Path] = []

        class Picture:
            def save(self, beside: Path, kind: str) -> None:
                beside.write_text("a picture")
                written.append(beside)
                if len(written) == 1:
                    # The other one begins and ends in the middle of this one.
                    receivers.write_whole(path, Picture())  # type: ignore[arg-type]

        receivers.write_whole(path, Picture())  # type: ignore[arg-type]
        self.assertEqual(len(set(written)), 2)
        self.assertEqual(list(path.parent.iterdir()), [path])

    def test_of_a_picture_that_cannot_be_written_nothing_is_left(self) -> None:
        path = Path(settings.MEDIA_ROOT) / "thumbnails" / "7.jpg"

        class Picture:
            def save(self, beside: Path, kind: str) -> None:
                beside.write_text("a part of a picture")
                raise OSError("no space left on device")

        with self.assertRaises(OSError):
            receivers.write_whole(path, Picture())  # type: ignore[arg-type]
        self.assertEqual(list(path.parent.iterdir()), [])


class Publishing(Newsroom):
    def test_the_page_answers_before_anything_else_is_done(self) -> None:
        self.publish()
        self.assertEqual(mail.outbox, [])
        for name in receivers.OF_A_PUBLICATION:
            self.assertTaskEnqueued(name)

    def test_everything_follows_in_the_background(self) -> None:
        article = self.publish()
        run_tasks()
        self.assertEqual([message.to for message in mail.outbox], [['"Maud Ferris" <maud@harrowquay.example>']])
        self.assertEqual(search.find("harb burn"), [article])
        with Image.open(Path(settings.MEDIA_ROOT) / f"thumbnails/{article.pk}.jpg") as thumbnail:
            self.assertEqual(thumbnail.size, receivers.THUMBNAIL)
        self.webhook.assert_called_once()

    def test_what_is_rolled_back_has_never_been(self) -> None:
        with self.assertRaises(ValueError), transaction.atomic():
            Article.objects.create(slug="a", title="A", author="B", body="C")
            raise ValueError("the printer is on fire")
        self.assertNoTaskEnqueued()

    def test_a_correction_is_indexed_and_not_mailed_again(self) -> None:
        article = self.publish()
        run_tasks()
        article.title = "The lighthouse shines"
        # Without the block the save is refused: see OUTSIDE_TRANSACTION in the settings.
        with transaction.atomic():
            article.save(update_fields=["title"])
        self.assertEqual([ran.receiver for ran in run_tasks()], ["newsroom.index_article"])
        self.assertEqual((search.find("harbour"), search.find("shines")), ([], [article]))

    def test_a_headline_that_is_taken_is_said(self) -> None:
        self.publish()
        response = self.client.post(reverse("publish"), {"title": "The harbour light burns again", "author": "B", "body": "C"})
        self.assertContains(response, "There is an article of this headline.")

    def test_what_was_in_the_index_is_replaced_by_a_second_run(self) -> None:
        article = self.publish()
        search.learn(article.pk)
        search.learn(article.pk)
        self.assertEqual(search.find("harbour"), [article])

    def test_whatever_is_searched_for_is_no_error(self) -> None:
        for text in ('"', "'", "a AND", "NEAR(", "\\", "&", "\0", "(", ":*", "é", "title:"):
            self.assertEqual(search.find(text), [], text)


class Failing(Newsroom):
    def test_a_webhook_that_is_not_to_be_had_is_called_again(self) -> None:
        self.publish()
        self.webhook.side_effect = [HTTPError("/webhook", 503, "not now", None, None), mock.DEFAULT]  # type: ignore[arg-type]
        first, second = run_tasks(ahead=5, raises=False).of("newsroom.call_webhook")
        self.assertIn("503", first.reason or "")
        self.assertTrue(second.succeeded)
        self.assertEqual(Report.now().retries, 1)

    def test_the_webhook_refuses_the_first_call_for_each_article(self) -> None:
        answers = [self.client.post(reverse("webhook"), {"article": 7}, "application/json").status_code for _ in range(3)]
        self.assertEqual(answers, [503, 204, 204])
        self.assertEqual(WebhookCall.objects.get().calls, 3)
        self.assertEqual(self.client.post(reverse("webhook"), "no JSON", "application/json").status_code, 400)

    def test_a_picture_that_is_none_is_not_tried_again(self) -> None:
        article = self.publish()
        Path(article.picture.path).write_text("no picture")
        (ran,) = run_tasks(raises=False).failed
        self.assertIn("is no picture", ran.reason or "")
        self.assertEqual(Report.now().dead, 1)


class Withdrawing(Newsroom):
    def test_what_is_left_is_removed_in_the_background(self) -> None:
        article = self.publish()
        run_tasks()
        self.client.post(reverse("withdraw", args=[article.slug]))
        self.assertTaskEnqueued(receivers.forget_article, article.pk, article.picture.name)
        run_tasks()
        self.assertEqual(search.find("harbour"), [])
        self.assertEqual([file for file in Path(settings.MEDIA_ROOT).rglob("*") if file.is_file()], [])

    def test_an_article_that_is_withdrawn_at_once_is_neither_mailed_nor_found(self) -> None:
        article = self.publish()
        article.delete()
        run_tasks()
        self.assertEqual(mail.outbox, [])
        self.assertEqual(search.find("harbour"), [])


class Judging(Newsroom):
    def test_the_ledger_says_that_nothing_was_lost(self) -> None:
        self.publish()
        self.assertEqual(Report.now().lost, 4)
        run_tasks()
        report = Report.now()
        self.assertEqual((report.articles, report.succeeded, report.lost, report.reruns), (1, 4, 0, 0))

    def test_a_second_run_is_counted_and_harmless(self) -> None:
        self.publish()
        run_tasks()
        last = ledger.read()[-1]
        ledger._write(last)
        self.assertEqual(Report.now().reruns, 1)

    def test_a_line_that_was_cut_off_is_left_out(self) -> None:
        self.publish()
        run_tasks()
        before = ledger.read()
        with settings.LEDGER.open("a") as file:
            file.write('{"what": "do')
        self.assertEqual(ledger.read(), before)


class Pages(Newsroom):
    def test_each_of_them_can_be_seen(self) -> None:
        article = self.publish()
        for page in (reverse("index"), reverse("status"), reverse("publish"), article.get_absolute_url()):
            self.assertEqual(self.client.get(page).status_code, 200)
        self.assertContains(self.client.get(reverse("index")), "The picture is being prepared")
        run_tasks()
        self.assertContains(self.client.get(reverse("index")), f"/media/thumbnails/{article.pk}.jpg")
        self.assertContains(self.client.get(reverse("index"), {"q": "harbour"}), "1 article for")
