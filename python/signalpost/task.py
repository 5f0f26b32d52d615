"""Tasks: functions that are called in the background, directly or by a signal."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, overload
from weakref import WeakKeyDictionary

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.db import connections
from django.dispatch import Signal
from django.utils.inspect import func_accepts_kwargs

from . import _native, codec, conf, current, installation, outbox, registry, senders, stores
from .enqueuer import enqueuer_of
from .options import DeclarationError, Options
from .place import place_of
from .receiver import BackgroundReceiver, name_for, refuse_signal

__all__ = ["Task", "task"]

P = ParamSpec("P")
R = TypeVar("R")

#: What is decided by the arguments of a signal, which a task that is called does not have.
_OF_SIGNALS = ("when", "fields", "actions")


class Task(Generic[P, R]):
    """A function that can be called here, `reindex(7)`, and in the background, `reindex.delay(7)`.

    `delay` and `adelay` are receivers, too: `post_save.connect(reindex.delay, sender=Article)`. The function is then
    called with `sender` and what was sent, as any receiver.
    """

    def __init__(self, function: Callable[P, R], **options: Any) -> None:
        place = place_of(function)
        who = f"{place}: {getattr(function, '__qualname__', None) or repr(function)}"
        if not callable(function):
            raise TypeError(f"{who}: a task is made of a function")
        for option in _OF_SIGNALS:
            if option in options:
                raise TypeError(f"{who}: a task has no option {option}. Connect the function with async_receiver, which has.")
        checked = Options.checked(who, **options)
        update_wrapper(self, function)
        #: What was declared.
        self.function = function
        if iscoroutinefunction(function):
            # As an inline receiver it is then called as the asynchronous one that it is.
            markcoroutinefunction(self)
        #: What the registry knows of it.
        self.receiver = registry.register(BackgroundReceiver(self, checked, name_for(who, function, checked), place))
        self._enqueuers: WeakKeyDictionary[Signal, Callable[..., Any]] = WeakKeyDictionary()
        #: Writes a task that calls the function with these arguments, in the transaction that is open; returns the id of the
        #: send. Called as a receiver it returns None.
        self.delay: Callable[P, str] = self._as_receiver(self._delay, "delay")
        #: As `delay`, from asynchronous code: in the thread that has the request's connections.
        self.adelay: Callable[P, Any] = self._as_receiver(self._adelay, "adelay")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls the function, here and now."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<task {self.receiver.name!r}>"

    def __reduce__(self) -> str:
        # By name, as the function itself is pickled.
        return self.function.__qualname__

    def _as_receiver(self, method: Callable[..., Any], name: str) -> Callable[..., Any]:
        """A function of its own, and not a bound method, because Django holds receivers weakly, and because Django's checks and
        other people's tools describe receivers by their attributes."""

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await method(*args, **kwargs)

        def called(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **kwargs)

        receiver: Any = awaited if iscoroutinefunction(method) else called
        update_wrapper(receiver, self.function)
        receiver.__name__ = name
        receiver.__qualname__ = f"{getattr(self.function, '__qualname__', self.receiver.name)}.{name}"
        # As the receivers that `connect_background` connects.
        receiver.background = self.receiver
        receiver.options = self.receiver.options
        receiver.may_hear = lambda sender, update_fields: not senders.is_excluded(sender)
        function: Callable[..., Any] = receiver
        return function

    def _delay(self, *args: Any, **kwargs: Any) -> str | None:
        signal = kwargs.get("signal")
        if not args and isinstance(signal, Signal) and "sender" in kwargs:
            self._enqueuer_for(signal)(**kwargs)
            return None
        return self._put(args, kwargs)

    async def _adelay(self, *args: Any, **kwargs: Any) -> str | None:
        return await sync_to_async(self._delay, thread_sensitive=True)(*args, **kwargs)

    def _enqueuer_for(self, signal: Signal) -> Callable[..., Any]:
        known = self._enqueuers.get(signal)
        if known is None:
            who = f"{self.receiver.place}: {self.receiver.name}"
            if not func_accepts_kwargs(self.function):
                raise DeclarationError(f"{who}: Signal receivers must accept keyword arguments (**kwargs).")
            refuse_signal(who, signal)
            known = self._enqueuers[signal] = enqueuer_of(self.receiver, signal, self.receiver.options)
        return known

    def _put(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        receiver, options = self.receiver, self.receiver.options
        if not installation.is_installed():
            installation.warn_not_installed(receiver.name)
            function: Callable[..., Any] = self.function
            (async_to_sync(function) if receiver.is_async else function)(*args, **kwargs)
            return _native.uuid7()
        destination = stores.choose(options.using, None)
        headers, parent, depth = current.context_for_send(receiver.name)
        send_id, sent_at, payload, _ = codec.new_send(None, kwargs, True, args)
        row = outbox.Row(
            send_id, current.TASK_SIGNAL, None, receiver.name, options.queue or conf.current().queue, options.priority,
            payload, headers, parent, depth, sent_at,
        )  # fmt: skip
        outbox.put(connections[destination.alias], destination.after, row, self)
        return send_id


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(**options: Any) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(function: Any = None, /, **options: Any) -> Any:
    """Makes a task of a function. A decorator, bare or with options:

        @task
        def reindex(article_id): ...

        @task(queue="mail", max_attempts=5)
        def send_bill(order_id, cents): ...

    The options are `name`, `aliases`, `queue`, `max_attempts`, `timeout`, `priority`, `using` and `keep_result`, of
    `signalpost.options.Options`.

    Raises `DeclarationError` for what cannot be, with the place, and `TypeError` for an option that does not exist.
    """
    if function is None:
        return lambda function: Task(function, **options)
    return Task(function, **options)
