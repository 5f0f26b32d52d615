"""The newsroom's settings, with a worker that stands in for the one that is not there yet."""

from __future__ import annotations

from courier.settings import *  # noqa: F403
from courier.settings import INSTALLED_APPS

# First, so that its command is found first.
INSTALLED_APPS = ["tests.stand_in", *INSTALLED_APPS]
