"""The newsroom's own tables."""

from __future__ import annotations

from typing import ClassVar

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="Article",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(max_length=200, unique=True)),
                ("title", models.CharField(max_length=200)),
                ("author", models.CharField(max_length=100)),
                ("summary", models.TextField(blank=True)),
                ("body", models.TextField()),
                ("picture", models.ImageField(blank=True, upload_to="pictures")),
                ("published_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={"ordering": ("-published_at",)},
        ),
        migrations.CreateModel(
            name="Subscriber",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("address", models.EmailField(max_length=254, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="WebhookCall",
            fields=[
                ("article", models.BigIntegerField(primary_key=True, serialize=False)),
                ("calls", models.PositiveIntegerField(default=0)),
            ],
        ),
    ]
