"""What one background receiver adds to 100 saves in one transaction, its commit included."""

from __future__ import annotations

from measure import Measure, in_turns, seconds

SAVES = 100


def run(database: str, wanted: str, quick: bool) -> list[Measure]:
    """In the project that is set up, on its database."""
    from django.db import transaction
    from paper import receivers
    from paper.models import article

    def save() -> None:
        with transaction.atomic():
            for number in range(SAVES):
                article(number).save()

    def with_receiver() -> float:
        receivers.connect()
        try:
            return seconds(save) * 1e3
        finally:
            receivers.disconnect()

    found = in_turns(with_receiver, lambda: seconds(save) * 1e3, rounds=20 if quick else 200)
    name = f"{database}: 100 saves with one background receiver / the saves alone"
    return [Measure(name, found.ours, "ms", found.reference, wanted, found.of_pairs)]
