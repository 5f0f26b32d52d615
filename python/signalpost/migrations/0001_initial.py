"""The tables of schema v1: the database's side is the engine's own SQL, the models are a picture of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

import signalpost.models
from signalpost.schema import CreateTables

_STORED = [
    ("send_id", models.TextField(verbose_name="send")),
    ("signal", models.TextField(verbose_name="signal")),
    ("sender", models.TextField(blank=True, null=True, verbose_name="sender")),
    ("receiver", models.TextField(verbose_name="receiver")),
    ("queue", models.TextField(verbose_name="queue")),
    ("priority", models.SmallIntegerField(verbose_name="priority")),
    ("run_at", models.BigIntegerField(verbose_name="due at")),
    ("expires_at", models.BigIntegerField(blank=True, null=True, verbose_name="expires at")),
    ("key", models.TextField(blank=True, null=True, verbose_name="key")),
    ("payload_version", models.BigIntegerField(verbose_name="payload version")),
    ("headers", models.TextField(verbose_name="headers")),
    ("parent", models.BigIntegerField(blank=True, null=True, verbose_name="parent")),
    ("depth", models.BigIntegerField(verbose_name="depth")),
    ("worker", models.TextField(blank=True, null=True, verbose_name="worker")),
    ("created_at", models.BigIntegerField(verbose_name="sent at")),
    ("reason", models.TextField(blank=True, null=True, verbose_name="reason")),
]


class Migration(migrations.Migration):
    """Schema v1."""

    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []
    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.SeparateDatabaseAndState(
            database_operations=[CreateTables()],
            state_operations=[
                migrations.CreateModel(
                    name="Task",
                    fields=[
                        *_STORED,
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        ("payload", models.TextField(verbose_name="payload")),
                        ("attempt", models.BigIntegerField(db_default=0, verbose_name="attempt")),
                        ("deaths", models.BigIntegerField(db_default=0, verbose_name="deaths")),
                        ("fence", models.BigIntegerField(db_default=0, verbose_name="fence")),
                        ("unknown_since", models.BigIntegerField(blank=True, null=True, verbose_name="unknown since")),
                    ],
                    options={"verbose_name": "task", "verbose_name_plural": "tasks", "db_table": "signalpost_task"},
                ),
                migrations.CreateModel(
                    name="HistoryEntry",
                    fields=[
                        *_STORED,
                        ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("payload", models.TextField(blank=True, null=True, verbose_name="payload")),
                        ("attempt", models.BigIntegerField(verbose_name="attempt")),
                        ("deaths", models.BigIntegerField(verbose_name="deaths")),
                        ("fence", models.BigIntegerField(verbose_name="fence")),
                        ("state", models.TextField(verbose_name="state")),
                        ("result", models.TextField(blank=True, null=True, verbose_name="result")),
                        ("finished_at", models.BigIntegerField(verbose_name="ended at")),
                    ],
                    options={
                        "verbose_name": "ended task",
                        "verbose_name_plural": "ended tasks",
                        "db_table": "signalpost_history",
                    },
                ),
                migrations.CreateModel(
                    name="WorkerLease",
                    fields=[
                        ("id", models.TextField(primary_key=True, serialize=False)),
                        ("lock", signalpost.models.LockField(blank=True, null=True)),
                        ("started_at", models.BigIntegerField(verbose_name="started at")),
                        ("lease_until", models.BigIntegerField(verbose_name="lease until")),
                    ],
                    options={"verbose_name": "worker", "verbose_name_plural": "workers", "db_table": "signalpost_worker"},
                ),
                migrations.CreateModel(
                    name="PublishedReceiver",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "name", "signal", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("name", models.TextField(verbose_name="receiver")),
                        ("signal", models.TextField(verbose_name="signal")),
                        ("queue", models.TextField(verbose_name="queue")),
                        ("published_at", models.BigIntegerField(verbose_name="published at")),
                    ],
                    options={
                        "verbose_name": "published receiver",
                        "verbose_name_plural": "published receivers",
                        "db_table": "signalpost_receiver",
                    },
                ),
            ],
        )
    ]
