"""What travels from a send to the receiver beside the arguments: language, time zone, request id, tenant, and your own.

A carrier reads a text where a signal is sent, and puts it back where the receiver runs. The text stands in the task's
headers under the carrier's name. Four are there already: `language`, `time-zone`, `request-id` and `tenant`. One of your own
is used from where it is declared; where `SIGNALPOST["CARRIERS"]` lists import paths, these are used and no others.

    @carrier("shop")
    def shop():                      # where it is sent; None: nothing to carry
        return current_shop.get(None)

    @shop.restore
    @contextmanager
    def use_shop(value):             # around the receiver; None: nothing was carried
        token = current_shop.set(value)
        try:
            yield
        finally:
            current_shop.reset(token)

As the headers of the Rust face (`signalpost::carry`), but for one rule: what is restored around a receiver is read again
by the sends of that receiver, so a receiver that changes it, changes it for what it sends. Headers without a carrier are
carried on unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from functools import lru_cache
from threading import get_ident
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone, translation
from django.utils.module_loading import import_string
from django.utils.translation import trans_real

from . import conf

__all__ = ["Carrier", "HeaderError", "carrier", "request_id", "tenant"]

#: The most that all names and values of a send may make, in bytes.
MAX_TOGETHER = 8 << 10
_NAME = re.compile(r"[a-z0-9._-]{1,100}")
#: What the names of signalpost's own headers begin with.
RESERVED = "signalpost-"


class HeaderError(ValueError):
    """A header that cannot travel: the message names it and says why."""


class Carrier:
    """One text that travels. Made by `carrier`."""

    def __init__(self, name: str, read: Callable[[], str | None]) -> None:
        if not _NAME.fullmatch(name) or name.startswith(RESERVED):
            raise HeaderError(
                f"a carrier cannot be called {name!r}: its name has 1 to 100 lower-case letters, digits, '-', '_' and '.', "
                f"and does not begin with '{RESERVED}'"
            )
        self.name = name
        self.read = read
        self._restore: Callable[[str | None], AbstractContextManager[Any]] | None = None
        #: Whether a new context is as it leaves one where nothing was carried.
        self.is_absent_afresh = False

    def __call__(self) -> str | None:
        return self.read()

    def __repr__(self) -> str:
        return f"<carrier {self.name!r}>"

    def restore(
        self, function: Callable[[str | None], AbstractContextManager[Any]]
    ) -> Callable[[str | None], AbstractContextManager[Any]]:
        """Declares the context manager that puts the text back around a receiver. A decorator."""
        self._restore = function
        self.is_absent_afresh = False
        return function

    def restored(self, value: str | None) -> AbstractContextManager[Any]:
        """Around the receiver's run."""
        return nullcontext() if self._restore is None else self._restore(value)


_declared: dict[str, Carrier] = {}


def carrier(name: str) -> Callable[[Callable[[], str | None]], Carrier]:
    """Declares a carrier: a decorator for the function that reads the text where a signal is sent.

    It runs once for each task that is written, so it should be quick. What it raises, the send raises. A carrier that is
    declared later takes the place of an earlier one of its name.
    """

    def declare(read: Callable[[], str | None]) -> Carrier:
        made = Carrier(name, read)
        _declared[name] = made
        _used.cache_clear()
        return made

    return declare


def _built_in(name: str) -> Callable[[Callable[[], str | None]], Carrier]:
    return lambda read: Carrier(name, read)


def _activated(active: Any) -> Any:
    """What stands in `active`, Django's own memory of what was activated here. None: nothing.

    Where nothing does, to ask for it raises and catches an error inside, which takes a tenth of the time of a whole send. So
    it is looked up where asgiref keeps it; where that is elsewhere, it is asked for.
    """
    try:
        held = active._storage._data.get(None)
    except AttributeError:
        return getattr(active, "value", None)
    if held is None:
        return None
    # Since asgiref 3.13 with the thread that it belongs to; another one must not see it.
    thread, values = getattr(held, "thread_id", None), getattr(held, "data", held)
    return values.get("value") if thread is None or thread == get_ident() else None


@_built_in("language")
def language() -> str | None:
    """The language that is active, where it is not the project's own."""
    global _last_language
    active = _activated(trans_real._active)  # type: ignore[attr-defined]
    if active is None:
        return None
    last, code = _last_language
    if active is not last:
        code = active.to_language() if settings.USE_I18N else None
        if code == settings.LANGUAGE_CODE:
            code = None
        _last_language = (active, code)
    return code


#: What was found out of the translation that was asked about last: settings are slow to say, and most sends ask the same.
_last_language: tuple[Any, str | None] = (None, None)


@conf.on_change
def _forget_language() -> None:
    global _last_language
    _last_language = (None, None)


@language.restore
def _use_language(value: str | None) -> AbstractContextManager[Any]:
    return translation.override(value or settings.LANGUAGE_CODE) if settings.USE_I18N else nullcontext()


@_built_in("time-zone")
def time_zone() -> str | None:
    """The time zone that is active, where it is not the project's own. One without a name does not travel."""
    active = _activated(timezone._active)  # type: ignore[attr-defined]
    if active is None or not settings.USE_TZ or (key := getattr(active, "key", None)) == settings.TIME_ZONE:
        return None
    return key


@time_zone.restore
def _use_time_zone(value: str | None) -> AbstractContextManager[Any]:
    return timezone.override(value) if settings.USE_TZ and value else nullcontext()


#: The request's id: `signalpost.middleware.request_id` sets it, or a middleware of your own.
request_id: ContextVar[str | None] = ContextVar("signalpost_request_id", default=None)
#: Whose data is worked on: set it where you find out.
tenant: ContextVar[str | None] = ContextVar("signalpost_tenant", default=None)


def of_variable(name: str, variable: ContextVar[str | None]) -> Carrier:
    """A carrier of what stands in a context variable. To be used it must be listed in `SIGNALPOST["CARRIERS"]`."""
    made = Carrier(name, variable.get)

    @made.restore
    @contextmanager
    def use(value: str | None) -> Iterator[None]:
        token = variable.set(value)
        try:
            yield
        finally:
            variable.reset(token)

    return made


carried_request_id = of_variable("request-id", request_id)
carried_tenant = of_variable("tenant", tenant)
for _each in (language, time_zone, carried_request_id, carried_tenant):
    _each.is_absent_afresh = True

#: Those that are there already.
DEFAULT = (
    "signalpost.carriers.language",
    "signalpost.carriers.time_zone",
    "signalpost.carriers.carried_request_id",
    "signalpost.carriers.carried_tenant",
)


@lru_cache(maxsize=1)
def _used() -> tuple[Carrier, ...]:
    listed = conf.current().carriers
    used = {found.name: found for found in map(_listed, DEFAULT if listed is None else listed)}
    return tuple({**used, **(_declared if listed is None else {})}.values())


def _listed(path: str) -> Carrier:
    found = import_string(path)
    if not isinstance(found, Carrier):
        raise ImproperlyConfigured(f'SIGNALPOST["CARRIERS"] lists "{path}", which is {found!r} and not a carrier')
    return found


conf.on_change(_used.cache_clear)


def headers_json() -> str:
    """The headers of a send that is made outside of a task."""
    headers: tuple[tuple[str, str], ...] = ()
    for used in _used():
        value = used.read()
        if value is not None:
            headers += ((used.name, value),)
    return _checked_json(headers) if headers else "{}"


def headers_of_send(inherited: Mapping[str, str]) -> dict[str, str]:
    """The headers of a send that is made in the receiver of a task that has `inherited`."""
    headers = dict(inherited)
    for used in _used():
        value = used.read()
        if value is None:
            headers.pop(used.name, None)
        else:
            headers[used.name] = value
    _check(headers.items())
    return headers


@contextmanager
def restored(headers: Mapping[str, str]) -> Iterator[None]:
    """Every carrier's text is back where it was read, or absent where none was carried."""
    with ExitStack() as stack:
        for used in _used():
            stack.enter_context(used.restored(headers.get(used.name)))
        yield


def restored_afresh(headers: Mapping[str, str]) -> AbstractContextManager[Any]:
    """As `restored`, in a context in which nothing was set yet: most tasks carry nothing, and need nothing then."""
    if headers:
        return restored(headers)
    for used in _used():
        if not used.is_absent_afresh:
            return restored(headers)
    return _NOTHING


_NOTHING = nullcontext()


@lru_cache(maxsize=256)
def _checked_json(headers: tuple[tuple[str, str], ...]) -> str:
    _check(headers)
    return json.dumps(dict(headers))


def _check(headers: Iterable[tuple[str, str]]) -> None:
    sizes: dict[str, int] = {}
    for name, value in headers:
        if not isinstance(value, str):
            raise HeaderError(f"the header {name!r} cannot be sent: its carrier gave {value!r}, and a header is a text")
        if "\0" in value:
            raise HeaderError(
                f"the header {name!r} cannot be sent: it holds the character NUL, which not every database can store"
            )
        try:
            sizes[name] = len(name) + len(value.encode())
        except UnicodeEncodeError:
            raise HeaderError(f"the header {name!r} cannot be sent: it holds a lone surrogate, which is no text") from None
    together = sum(sizes.values())
    if together > MAX_TOGETHER:
        largest = max(sizes, key=lambda name: sizes[name])
        raise HeaderError(
            f"the headers make {together} bytes, {sizes[largest]} of them the header {largest!r}; {MAX_TOGETHER} are "
            "allowed. What is large belongs into the arguments."
        )
