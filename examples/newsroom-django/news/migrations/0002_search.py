"""The table of the full-text index, which each database has in its own way."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

TABLE = {
    "sqlite": "CREATE VIRTUAL TABLE news_search USING fts5 (title, author, body, tokenize = 'porter unicode61')",
    "postgresql": (
        "CREATE TABLE news_search (article bigint PRIMARY KEY REFERENCES news_article (id) ON DELETE CASCADE, "
        "words tsvector NOT NULL);"
        "CREATE INDEX news_search_words ON news_search USING gin (words)"
    ),
}


def create(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(TABLE[schema_editor.connection.vendor])


def drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute("DROP TABLE news_search")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("news", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(create, drop)]
