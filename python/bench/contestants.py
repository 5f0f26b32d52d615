"""Who is in the race, and how each one's worker is started: two processes that run tasks, and what else it needs."""

from __future__ import annotations

import dataclasses
import sys
from importlib.util import find_spec

import redis_server


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One of them."""

    #: The module of `race` that has its tasks.
    module: str
    #: What it is called in the table.
    name: str
    #: What its worker is started by, as arguments of Python.
    worker: tuple[str, ...]
    #: The module that its package has, and the app of Django that makes its tables.
    package: str
    app: str | None = None
    needs_redis: bool = False

    @property
    def command(self) -> list[str]:
        """What its worker is started by."""
        return [sys.executable, *self.worker]

    def why_not(self) -> str | None:
        """What keeps it out of the race; `None` if nothing does."""
        if find_spec(self.package) is None:
            return f"{self.package} is not installed"
        return redis_server.why_not() if self.needs_redis else None


OURS = Contestant("ours", "ours", ("-m", "django", "signalpost_worker", "--processes", "2"), "signalpost", app="signalpost")
CELERY = Contestant(
    "by_celery",
    "Celery",
    ("-m", "celery", "-A", "race.celery_app", "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING")
    + ("--without-gossip", "--without-mingle", "--without-heartbeat"),
    "celery",
    needs_redis=True,
)
DJANGO_Q = Contestant("by_django_q", "Django Q2", ("-m", "django", "qcluster"), "django_q", app="django_q")

PEERS = (CELERY, DJANGO_Q)
