"""What the tests of the codec send: one class of each kind, at the top of a module, where its name finds it."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
from collections import namedtuple
from typing import Any

from django.db import models
from django.dispatch import Signal

from signalpost import codec

named_signal = Signal()


class Colour(enum.Enum):
    """A plain enumeration, with an alias."""

    RED = 1
    GREEN = "green"
    ROUGE = 1


class Level(enum.IntEnum):
    """Its members are numbers, too."""

    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    """Members can be several in one."""

    READ = enum.auto()
    WRITE = enum.auto()
    RUN = enum.auto()


class Page:
    """A class that is no model, with classes inside."""

    class State(models.TextChoices):
        """Its members are texts, too."""

        DRAFT = "draft", "A draft"
        LIVE = "live", "Live"


Point = namedtuple("Point", "x y")


class Words(list[str]):
    """A list of another class."""


class LateDay(datetime.datetime):
    """Writes itself in another way."""

    def isoformat(self, *args: Any, **kwargs: Any) -> str:
        return "late"


class Euro(decimal.Decimal):
    """Writes itself in another way."""

    def __str__(self) -> str:
        return "five euros"


def sent(value: object, *, strict: bool = True) -> Any:
    """What arrives of `value` as a named argument."""
    _, named = codec.decode_named(codec.encode_named(None, {"value": value}, strict).payload)
    return named["value"]


def written(value: object) -> Any:
    """The JSON that is written for `value`, read by somebody else."""
    return json.loads(codec.encode_named(None, {"value": value}, True).payload)["named"]["value"]
