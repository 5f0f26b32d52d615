"""The full-text index: FTS5 on SQLite, `tsvector` on PostgreSQL. `migrations/0002_search.py` makes its table."""

from __future__ import annotations

from django.db import connection, transaction

from .models import Article

__all__ = ["find", "forget", "learn"]

#: How many articles a search shows.
MOST = 50

_FORGET = {
    "sqlite": "DELETE FROM news_search WHERE rowid = %s",
    "postgresql": "DELETE FROM news_search WHERE article = %s",
}
_LEARN = {
    "sqlite": "INSERT INTO news_search (rowid, title, author, body) VALUES (%s, %s, %s, %s)",
    "postgresql": (
        "INSERT INTO news_search (article, words) VALUES "
        "(%s, setweight(to_tsvector('english', %s), 'A') || to_tsvector('english', %s || ' ' || %s))"
    ),
}
_FIND = {
    "sqlite": "SELECT rowid FROM news_search WHERE news_search MATCH %s ORDER BY rank LIMIT %s",
    "postgresql": (
        "SELECT article FROM news_search, to_tsquery('english', %s) AS query WHERE words @@ query "
        "ORDER BY ts_rank(words, query) DESC LIMIT %s"
    ),
}


def learn(key: int) -> None:
    """Puts an article into the index, in the place of what was there of it; takes it out if it was withdrawn."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Locked, so that nothing is put back that is forgotten meanwhile. SQLite's transactions begin with the lock.
        article = Article.objects.select_for_update().filter(pk=key).first()
        forget(key)
        if article is not None:
            cursor.execute(_LEARN[connection.vendor], [key, article.title, article.author, article.body])


def forget(key: int) -> None:
    """Takes an article out of the index."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET[connection.vendor], [key])


def find(text: str) -> list[Article]:
    """The articles that hold every word of `text`, or one that begins with it; the best first."""
    words = text.replace("\0", " ").split()
    if not words:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_FIND[connection.vendor], [_query(words), MOST])
        keys = [row[0] for row in cursor.fetchall()]
    found = Article.objects.in_bulk(keys)
    return [found[key] for key in keys if key in found]


def _query(words: list[str]) -> str:
    """Each word is quoted, so that the index's own operators are words like any other."""
    if connection.vendor == "sqlite":
        return " ".join('"{}"*'.format(word.replace('"', '""')) for word in words)
    return " & ".join("'{}':*".format(word.replace("\\", "\\\\").replace("'", "''")) for word in words)
