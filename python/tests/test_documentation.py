"""The pages about Django: what they say of the choice of a receiver, and the programs on them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.models.signals import post_save

from . import news
from .news import models

DOCS = Path(__file__).resolve().parents[2] / "docs"


def programs(page: str) -> list[str]:
    """The blocks of Python on a page."""
    blocks = (DOCS / page).read_text().split("```python\n")[1:]
    return [block.partition("```")[0] for block in blocks]


def headings(page: str) -> list[str]:
    return [line.lstrip("# ") for line in (DOCS / page).read_text().splitlines() if line.startswith("#")]


def test_the_page_says_which_kind_of_receiver_is_for_what_and_when_none() -> None:
    text = (DOCS / "django-which-kind.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for kind in ("direct call", "inline receiver", "background receiver", "task", "background signal", "no signal"):
        assert any(f"**{kind}**" in row for row in rows), kind
    assert "Inside one project, where the sender may well know the receiver, call the function." in " ".join(text.split())
    assert "What not to do in an inline receiver" in headings("django-which-kind.md")


def test_the_page_says_what_a_task_finds_when_the_world_has_moved_on() -> None:
    assert "Races" in headings("django-semantics.md")
    assert "What a background receiver finds" in headings("django-which-kind.md")
    assert "`created=False`" in (DOCS / "django-semantics.md").read_text()


@pytest.fixture
def a_project(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The pages' app `news` is the one of these tests."""
    monkeypatch.setitem(sys.modules, "news", news)
    monkeypatch.setitem(sys.modules, "news.models", models)
    before = list(post_save.receivers)
    yield
    post_save.receivers = before
    post_save.sender_receivers_cache.clear()


@pytest.mark.django_db
# Of Django 6.1, about a setting that others do not know.
@pytest.mark.filterwarnings("ignore:.*default mailer")
def test_every_program_of_the_page_runs(a_project: None, mailoutbox: list[object]) -> None:
    here = {"__name__": "news.which_kind"}
    blocks = programs("django-which-kind.md")
    assert blocks
    for block in blocks:
        exec(compile(block, "docs/django-which-kind.md", "exec"), here)
    subjects = [mail.subject for mail in mailoutbox]  # type: ignore[attr-defined]
    assert subjects == ["There is something new", "Withdrawn: The harbour light burns again"]
