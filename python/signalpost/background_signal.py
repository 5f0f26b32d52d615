"""Background signals: each send is one task, and the worker runs the signal's receivers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.dispatch import Signal

from . import codec, conf, current, installation, outbox, pickling, senders, signal_names, stores
from .options import check_name
from .place import calling_frame

__all__ = ["AsyncSignal"]

#: The receiver in the rows of background signals: all of them.
ALL_RECEIVERS = "*"


class AsyncSignal(Signal):
    """A signal whose receivers all run in the background, one task per send.

    It is connected like any `django.dispatch.Signal`, and its four sends have the same arguments. They write one row and
    return an empty list, as nobody has answered yet; whatever the number of receivers, and even if none is connected in
    this process. In the worker the receivers run as by `send_robust`. Where signalpost is not installed they run inside
    the send, and a `NotInstalled` warning says so.

    All four sends raise what prevents the task from being written. `using=` among the arguments says on which database's
    connection that is.

    `providing_args` is documentation and is kept as it was given. `queue` is `SIGNALPOST["QUEUE"]` if left out, and
    `name` is the module attribute that holds the signal.
    """

    def __init__(
        self,
        providing_args: Iterable[str] | None = None,
        queue: str | None = None,
        name: str | None = None,
        use_caching: bool = False,
    ) -> None:
        super().__init__(use_caching=use_caching)
        frame = calling_frame()
        who = f"{frame.f_code.co_filename}:{frame.f_lineno}: AsyncSignal"
        #: What it is sent with, if somebody has said so.
        self.providing_args = providing_args
        #: The queue that was asked for.
        self.queue = None if queue is None else check_name(who, "queue=", queue)
        if name is not None:
            signal_names.name_signal(self, name)
        signal_names.made_in(self, frame.f_globals.get("__name__", ""))

    def __repr__(self) -> str:
        name = signal_names.name_of(self, default=None)
        return f"<AsyncSignal {name!r}>" if name else super().__repr__()

    def __reduce__(self) -> Any:
        return pickling.reduced(self, (self.providing_args, self.queue, None, self.use_caching))

    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        """Writes the task. As `django.dispatch.Signal.send` where signalpost is not installed."""
        if not self._is_stored():
            return super().send(sender, **named)
        self._put(sender, named)
        return []

    def send_robust(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        """Writes the task. As `django.dispatch.Signal.send_robust` where signalpost is not installed."""
        if not self._is_stored():
            return super().send_robust(sender, **named)
        self._put(sender, named)
        return []

    async def asend(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        """As `send`, from asynchronous code: in the thread that has the request's connections."""
        if not self._is_stored():
            return await super().asend(sender, **named)
        await sync_to_async(self._put, thread_sensitive=True)(sender, named)
        return []

    async def asend_robust(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        """As `send_robust`, from asynchronous code."""
        if not self._is_stored():
            return await super().asend_robust(sender, **named)
        await sync_to_async(self._put, thread_sensitive=True)(sender, named)
        return []

    def run(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        """Runs the receivers, here and now. As `django.dispatch.Signal.send_robust`; for the worker."""
        return super().send_robust(sender, **named)

    def _is_stored(self) -> bool:
        if installation.is_installed():
            return True
        installation.warn_not_installed(repr(self))
        return False

    def _put(self, sender: Any, named: dict[str, Any]) -> None:
        name: str = signal_names.name_of(self)  # type: ignore[assignment]
        destination = stores.choose(None, named.get("using"))
        headers, parent, depth = current.context_for_send(name)
        send_id, sent_at, payload, _ = codec.new_send(sender, named, True)
        outbox.put(
            connections[destination.alias],
            destination.after,
            (
                send_id,
                name,
                senders.label_of(sender),
                ALL_RECEIVERS,
                self.queue or conf.current().queue,
                0,
                payload,
                headers,
                parent,
                depth,
                sent_at,
            ),
            self,
        )
