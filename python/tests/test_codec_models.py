"""The codec: instances of models travel by their keys, and are read again when the task runs."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connections
from django.db.models.signals import post_delete
from django.test.utils import CaptureQueriesContext
from django.utils.functional import SimpleLazyObject

from signalpost import codec, instances
from signalpost.codec import CannotDecode, CannotTravel
from signalpost.gone import Gone

from .arguments import sent, written
from .news.models import Article, Author, Country, Document, Draft, Line, Notice, Review

pytestmark = pytest.mark.django_db(databases=["default", "archive"])

ARTICLE = {"$": ["model", "news.Article"]}


def payload_of(**named: Any) -> str:
    """The payload of a send of Django's."""
    return codec.encode_named(Article, named, False).payload


def reads(payload: str, using: str = "default") -> tuple[int, dict[str, Any]]:
    """How many queries it takes to read the arguments, and what they are."""
    with CaptureQueriesContext(connections[using]) as queries:
        _, named = codec.decode_named(payload)
    return len(queries), named


def test_a_model_travels_by_its_label() -> None:
    assert written(Article) == ARTICLE
    assert written([Draft, Review, Article.tags.through]) == [
        {"$": ["model", "news.Draft"]},
        {"$": ["model", "news.Review"]},
        {"$": ["model", "news.Article_tags"]},
    ]
    assert sent(Article) is Article
    assert sent(Article.tags.through) is Article.tags.through


def test_an_instance_travels_by_its_label_its_key_and_its_database() -> None:
    article = Article.objects.create(title="old")

    assert written(article) == {"$": ["instance", "news.Article", article.pk, "default"]}


def test_an_instance_is_read_again_when_it_arrives() -> None:
    article = Article.objects.create(title="old")
    payload = payload_of(instance=article)
    Article.objects.update(title="new")

    _, named = codec.decode_named(payload)

    assert named == {"instance": article}
    assert named["instance"].title == "new"
    assert named["instance"] is not article


@pytest.mark.parametrize(
    "make",
    [
        lambda: Article.objects.create(title="plain"),
        lambda: Review.objects.create(title="of two tables", stars=3),
        lambda: Draft.objects.create(title="a proxy"),
        lambda: Document.objects.create(name="by UUID"),
        lambda: Country.objects.create(code="DE"),
        lambda: Line.objects.create(page=1, number=2),
        lambda: Notice.everything.create(text="hidden by the default manager"),
        lambda: Article.objects.only("id").get(pk=Article.objects.create(title="deferred").pk),
    ],
    ids=["plain", "multi-table", "proxy", "uuid", "text", "composite", "hidden", "deferred"],
)
def test_an_instance_of_every_kind_arrives_as_one_of_its_own_model(make: Any) -> None:
    instance = make()

    for arrived in (sent(instance), sent([1, {"a": (instance,)}])[1]["a"][0], sent({instance: 1}).popitem()[0]):
        assert arrived == instance
        assert type(arrived) is type(instance)
        assert arrived.pk == instance.pk
        assert arrived.get_deferred_fields() == set()


def test_a_key_travels_as_what_it_is() -> None:
    key = uuid.uuid4()

    assert written(Document(pk=key)) == {"$": ["instance", "news.Document", {"$": ["uuid", str(key)]}, None]}
    assert written(Country(pk="DE")) == {"$": ["instance", "news.Country", "DE", None]}
    assert written(Line(page=1, number=2)) == {"$": ["instance", "news.Line", {"$": ["tuple", 1, 2]}, None]}


def test_the_parent_and_the_child_of_two_tables_arrive_each_as_itself() -> None:
    review = Review.objects.create(title="of two tables")

    assert type(sent(Article.objects.get(pk=review.pk))) is Article
    assert type(sent(review)) is Review


@pytest.mark.parametrize(
    "make",
    [
        lambda: Article.objects.create(title="plain"),
        lambda: Review.objects.create(title="of two tables"),
        lambda: Draft.objects.create(title="a proxy"),
        lambda: Document.objects.create(name="by UUID"),
        lambda: Country.objects.create(code="DE"),
        lambda: Line.objects.create(page=1, number=2),
    ],
    ids=["plain", "multi-table", "proxy", "uuid", "text", "composite"],
)
def test_an_instance_whose_row_is_gone_is_none_and_its_key_stands_beside_it(make: Any) -> None:
    instance = make()
    key = instance.pk
    payload = payload_of(instance=instance, order=instance, lines=[instance, 1], by={instance: {"a": instance}})
    instance.delete()

    _, named = codec.decode_named(payload)

    gone = Gone(type(instance), key)
    assert named == {
        "instance": None,
        "_instance_pk": key,
        "order": None,
        "_order_pk": key,
        "lines": [gone, 1],
        "by": {gone: {"a": gone}},
    }
    assert type(named["_instance_pk"]) is type(key)


def test_the_key_does_not_stand_beside_an_instance_that_is_there() -> None:
    article = Article.objects.create()

    assert codec.decode_named(payload_of(instance=article, created=True)) == (
        Article,
        {"instance": article, "created": True},
    )


def test_none_under_an_instance_s_name_is_none_and_nothing_stands_beside_it() -> None:
    assert codec.decode_named(payload_of(instance=None, order=None))[1] == {"instance": None, "order": None}


def test_a_positional_argument_whose_row_is_gone_is_a_gone() -> None:
    article = Article.objects.create()
    payload = codec.encode_named(None, {}, True, (article, article.pk)).payload
    key = article.pk
    article.delete()

    assert codec.decode_call(payload).args == (Gone(Article, key), key)


def test_a_gone_can_be_sent_on() -> None:
    gone = Gone(Line, (1, 2))

    assert sent([gone]) == [gone]
    assert codec.decode_named(payload_of(line=gone))[1] == {"line": None, "_line_pk": (1, 2)}


def test_an_instance_that_is_being_deleted_leaves_its_key() -> None:
    payloads = []

    def remember(sender: Any, signal: Any, **named: Any) -> None:
        payloads.append((codec.encode_named(sender, named, False), named["instance"].pk))

    article = Article.objects.create()
    post_delete.connect(remember, sender=Article)
    try:
        article.delete()
    finally:
        post_delete.disconnect(remember, sender=Article)
    ((encoded, key),) = payloads

    assert encoded.dropped == []
    assert codec.decode_named(encoded.payload)[1] == {
        "instance": None,
        "_instance_pk": key,
        "using": "default",
        "origin": None,
        "_origin_pk": key,
    }


def test_a_queryset_that_rows_are_deleted_by_is_left_out_by_name() -> None:
    encoded = codec.encode_named(Article, {"using": "default", "origin": Article.objects.filter(pk=1)}, False)

    assert codec.decode_named(encoded.payload)[1] == {"using": "default"}
    ((name, reason),) = encoded.dropped
    assert name == "origin"
    assert "django.db.models.query.QuerySet" in reason


def test_an_instance_that_was_never_saved_is_none_with_django_s_signals_and_refused_with_one_s_own() -> None:
    for instance in (Article(), Review(), Country(pk=None), Line(page=1)):
        payload = payload_of(instance=instance, order=instance, lines=[instance])
        assert codec.decode_named(payload)[1] == {
            "instance": None,
            "_instance_pk": None,
            "order": None,
            "_order_pk": None,
            "lines": [Gone(type(instance), None)],
        }
        with pytest.raises(CannotTravel) as raised:
            codec.encode_named(Article, {"order": [instance]}, True)
        assert raised.value.path == "$.named.order[0]"
        assert f"unsaved {type(instance)._meta.label}" in raised.value.reason


def test_a_user_of_a_request_travels_as_the_user() -> None:
    author = Author.objects.create(name="lazy")
    lazy = SimpleLazyObject(lambda: author)

    assert written(lazy) == written(author)
    assert type(sent(lazy)) is Author


def test_an_instance_is_read_from_the_database_that_it_was_saved_to() -> None:
    Author.objects.create(pk=5, name="here")
    there = Author.objects.using("archive").create(pk=5, name="there")

    assert sent(there).name == "there"
    assert sent(there)._state.db == "archive"


def test_an_instance_of_no_database_is_read_where_it_is_said_or_would_be_written() -> None:
    Author.objects.create(pk=5, name="here")
    Author.objects.using("archive").create(pk=5, name="there")
    payload = payload_of(author=Author(pk=5))

    assert codec.decode_named(payload)[1]["author"].name == "here"
    assert codec.decode_named(payload, "archive")[1]["author"].name == "there"


class WriteToDefault:
    """A router as for a read replica."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"


class ByName:
    """A router that looks at the instance."""

    def db_for_write(self, model: Any, instance: Any = None, **hints: Any) -> str:
        return "archive" if instance is not None and instance.name == "there" else "default"


def test_an_instance_from_a_replica_is_read_from_where_it_is_written(settings: Any) -> None:
    settings.DATABASE_ROUTERS = ["tests.test_codec_models.WriteToDefault"]
    author = Author(pk=5)
    author._state.db = "replica"

    assert written(author) == {"$": ["instance", "news.Author", 5, "default"]}


def test_a_router_sees_the_instance(settings: Any) -> None:
    settings.DATABASE_ROUTERS = ["tests.test_codec_models.ByName"]

    assert written(Author(pk=5, name="there")) == {"$": ["instance", "news.Author", 5, "archive"]}
    assert written(Author(pk=5, name="here")) == {"$": ["instance", "news.Author", 5, "default"]}


def test_where_a_model_signal_says_that_it_wrote_is_believed_before_a_router(settings: Any) -> None:
    settings.DATABASE_ROUTERS = ["tests.test_codec_models.WriteToDefault"]
    author = Author(pk=5)
    author._state.db = "archive"

    assert '"news.Author",5,"archive"' in payload_of(instance=author, using="archive")
    assert '"news.Author",5,"default"' in payload_of(instance=author, using="default")


def test_one_instance_takes_one_query_and_many_of_a_model_take_one_too() -> None:
    articles = [Article.objects.create(title=f"{number}") for number in range(50)]
    authors = [Author.objects.create() for _ in range(3)]
    lines = [Line.objects.create(page=1, number=number) for number in range(30)]

    assert reads(payload_of(instance=articles[0])) == (1, {"instance": articles[0]})
    queries, named = reads(payload_of(articles=articles, authors=authors, lines=lines, again={"a": articles[:5]}))
    assert queries == 3
    assert named == {"articles": articles, "authors": authors, "lines": lines, "again": {"a": articles[:5]}}
    assert reads(payload_of(created=True)) == (0, {"created": True})


def test_a_row_that_is_sent_twice_arrives_as_one_object() -> None:
    article = Article.objects.create()

    _, named = codec.decode_named(payload_of(instance=article, articles=[article]))

    assert named["instance"] is named["articles"][0]


def test_more_rows_than_a_query_looks_for_arrive() -> None:
    Author.objects.bulk_create(Author(name=f"{number}") for number in range(1050))
    Line.objects.bulk_create(Line(page=number, number=number) for number in range(350))
    authors, lines = list(Author.objects.order_by("-pk")), list(Line.objects.order_by("page"))

    assert sent(authors) == authors
    assert sent(lines) == lines


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (["instance"], "is an instance without label, key and alias"),
        (["instance", "news.Author", 1], "is an instance without label, key and alias"),
        (["instance", 1, 1, None], "is an instance without label, key and alias"),
        (["instance", "news.Author", 1, 1], "is an instance of which the alias is no text"),
        (
            ["instance", "news.Nothing", 1, None],
            "is an instance of 'news.Nothing', and no installed app has such a model",
        ),
        (["instance", "nowhere.Author", 1, None], "no installed app has such a model"),
        (["instance", "Author", 1, None], "no installed app has such a model"),
        (["instance", "news.Author", 1, "moved"], "is in the database 'moved', which DATABASES does not have"),
        (
            ["instance", "news.Author", "one", "default"],
            "is an instance of news.Author with a key that cannot be one, 'one'",
        ),
        (["instance", "news.Author", {}, "default"], "with a key that cannot be one"),
        (["instance", "news.Author", {"$": ["tuple", 1, 2]}, "default"], "with a key that cannot be one"),
        (["instance", "news.Line", 1, "default"], "with a key that cannot be one"),
        (["instance", "news.Line", {"$": ["tuple", 1]}, "default"], "with a key that cannot be one"),
        (["instance", "news.Line", [1, 2], "default"], "with a key that cannot be one"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_at_its_place(reference: list[Any], words: str) -> None:
    for others in ([], [{"$": ["instance", "news.Author", 1, "default"]}] * 2):
        with pytest.raises(CannotDecode) as raised:
            codec.decode(json.dumps({"a": [{"$": reference}, *others]}))
        assert words in raised.value.reason
        assert raised.value.path == "$.a[0]"


def test_an_instance_cannot_be_a_key_of_an_instance() -> None:
    inner = '{"$": ["instance", "news.Author", 1, null]}'
    with pytest.raises(CannotDecode) as raised:
        codec.decode(f'{{"$": ["instance", "news.Author", {inner}, null]}}')
    assert (raised.value.path, raised.value.reason) == ("$.pk", "is an instance where none can be")


def test_a_number_that_no_key_can_be_is_a_row_that_is_not_there() -> None:
    assert codec.decode('{"$": ["instance", "news.Author", {"$": ["int", "99999999999999999999"]}, "default"]}') == Gone(
        Author, 99999999999999999999
    )


@pytest.mark.parametrize("model", [Author, Review])
def test_an_error_of_the_database_is_not_taken_for_a_row_that_is_gone(model: Any) -> None:
    def fail(*args: Any) -> None:
        raise OperationalError("the database is away")

    codec.decode_named(payload_of(instance=model(pk=1)))
    with connections["default"].execute_wrapper(fail), pytest.raises(OperationalError):
        codec.decode_named(payload_of(instance=model(pk=1)))


@pytest.mark.parametrize(
    ("model", "is_plain"),
    [(Author, True), (Article, True), (Document, True), (Country, True), (Review, False), (Draft, False), (Line, False)],
)
def test_one_row_of_a_plain_model_is_read_by_a_statement_that_is_made_once(model: Any, is_plain: bool) -> None:
    assert (instances._statement(model, "default") is not None) is is_plain


def test_what_is_read_by_a_statement_is_what_django_reads() -> None:
    author = Author.objects.create(name="Ada")
    article = Article.objects.create(title="Zoë", author=author)
    named = codec.decode_named(payload_of(instance=article))[1]
    assert vars(named["instance"]).keys() == vars(Article.objects.get(pk=article.pk)).keys()
    assert (named["instance"].title, named["instance"]._state.db, named["instance"]._state.adding) == ("Zoë", "default", False)
    assert named["instance"].author == author


def test_what_is_read_by_a_statement_has_the_types_of_its_fields() -> None:
    document, notice = Document.objects.create(name="a"), Notice.objects.create(text="b", published=True)
    user = get_user_model().objects.create(username="ada")
    for instance in (document, notice, user):
        model = type(instance)
        assert instances._statement(model, "default") is not None
        read, djangos = codec.decode_named(payload_of(instance=instance))[1]["instance"], model.objects.get(pk=instance.pk)
        for field in model._meta.concrete_fields:
            ours, theirs = getattr(read, field.attname), getattr(djangos, field.attname)
            assert (type(ours), ours) == (type(theirs), theirs)
    assert read.date_joined.tzinfo is not None
