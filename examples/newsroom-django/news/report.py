"""Whether everything was done: judged by the ledger, not by the tables of signalpost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from signalpost.models import HistoryEntry

from . import ledger
from .models import Article
from .receivers import OF_A_PUBLICATION

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """The same numbers as the Rust newsroom's."""

    articles: int
    #: Tasks in the history that succeeded.
    succeeded: int
    dead: int
    #: Runs after a failure.
    retries: int
    #: Runs of a task to its end beyond the first.
    reruns: int
    #: Receivers that never came to their end, for an article that is published.
    lost: int
    #: Mails, each of them counted once.
    mails: int

    @classmethod
    def now(cls) -> Report:
        """As it is now."""
        articles = list(Article.objects.values_list("pk", flat=True))
        lines = ledger.read()
        ends = [line for line in lines if line.what == "done"]
        done = {(line.receiver, line.article) for line in ends}
        # A run is a retry once for each failure before it; a death before it is none.
        failures = {(line.task, line.attempt - line.deaths) for line in lines if line.what == "started"}
        return cls(
            articles=len(articles),
            succeeded=HistoryEntry.objects.filter(state="succeeded").count(),
            dead=HistoryEntry.objects.filter(state="dead").count(),
            retries=sum(claims > 1 for _, claims in failures),
            reruns=sum(times - 1 for times in Counter(line.task for line in ends).values()),
            lost=sum((name, article) not in done for article in articles for name in OF_A_PUBLICATION),
            mails=len(_message_ids()),
        )


def _message_ids() -> set[str]:
    """Of all mails that were written. A second run writes the same mail again, under the same name."""
    found = set()
    for file in Path(settings.MAIL).glob("*.log"):
        for line in file.read_text(errors="replace").splitlines():
            if line.lower().startswith("message-id:"):
                found.add(line.partition(":")[2].strip())
    return found
