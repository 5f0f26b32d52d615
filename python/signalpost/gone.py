"""What stands for an instance whose row is no longer there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Gone"]


@dataclass(frozen=True)
class Gone:
    """An instance inside a container that was sent, and whose row was not found when the task ran.

    Under a keyword of its own a missing instance is `None` instead, with its key beside it: `_instance_pk`.
    """

    #: The model's class.
    model: Any
    #: Its primary key: a tuple where that is composite, `None` where it had none when it was sent.
    pk: Any
