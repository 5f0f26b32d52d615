"""Middleware."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

from . import _native, carriers

__all__ = ["request_id"]

HEADER = "X-Request-ID"
_SOUND = re.compile(r"[\x21-\x7e]{1,100}")


@sync_and_async_middleware
def request_id(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Gives each request an id, that of its header `X-Request-ID` or a new one, and its response the same header.

    Tasks that the request sends, and what follows from them, carry it: `signalpost.carriers.request_id.get()` in receivers. It
    stands early in `MIDDLEWARE`, as `"signalpost.middleware.request_id"`.
    """
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> Any:
            token = carriers.request_id.set(_id_of(request))
            try:
                response = await get_response(request)
                response.headers[HEADER] = carriers.request_id.get()
                return response
            finally:
                carriers.request_id.reset(token)

        return asynchronous

    def synchronous(request: HttpRequest) -> Any:
        token = carriers.request_id.set(_id_of(request))
        try:
            response = get_response(request)
            response.headers[HEADER] = carriers.request_id.get()
            return response
        finally:
            carriers.request_id.reset(token)

    return synchronous


def _id_of(request: HttpRequest) -> str:
    # What a client sends is taken only if it can stand in a log.
    given = request.headers.get(HEADER, "")
    return given if _SOUND.fullmatch(given) else _native.uuid7()
