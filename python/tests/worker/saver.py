"""A process that saves, one article after the other, up to the numbers that it is told. It may be killed at any time."""

from __future__ import annotations

import sys

import django
from django.db import IntegrityError, transaction
from django.db.models import Max

from . import ledger

__all__ = ["main"]


def main(file: str) -> None:
    """Saves what is missing up to each number that comes on standard input, and writes down what was committed."""
    django.setup()
    from .models import Article

    def last() -> int:
        return Article.objects.aggregate(last=Max("number"))["last"] or 0

    ledger.write(file, "found", last())
    for line in sys.stdin:
        while (number := 1 + last()) <= int(line):
            try:
                with transaction.atomic():
                    Article.objects.create(number=number)
            except IntegrityError:
                # The server has committed it meanwhile for one that was killed before it was answered.
                continue
            ledger.write(file, "saved", number)


if __name__ == "__main__":
    main(sys.argv[1])
