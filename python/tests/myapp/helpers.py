"""What its examples call. Each call is noted."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

logger = logging.getLogger("myapp")
#: The function's name and what it was given.
calls: list[tuple[Any, ...]] = []


def _noting(name: str) -> Any:
    return lambda *given: calls.append((name, *given))


send_email = _noting("send_email")
update_search_index = _noting("update_search_index")
generate_thumbnails = _noting("generate_thumbnails")
generate_thumbnail = _noting("generate_thumbnail")
ping_external_apis = _noting("ping_external_apis")
add_to_index = _noting("add_to_index")
remove_from_index_by_id = _noting("remove_from_index_by_id")
cleanup_article_artifacts = _noting("cleanup_article_artifacts")


class _Service:
    async def notify(self, article_id: int) -> None:
        await asyncio.sleep(0)
        calls.append(("notify", article_id))

    async def invalidate(self, key: str) -> None:
        await asyncio.sleep(0)
        calls.append(("invalidate", key))


external_api = cache = _Service()


async def generate_summary(content: str) -> str:
    """The first word."""
    await asyncio.sleep(0)
    return content.partition(" ")[0]
