"""The hello: what a child says of itself when it is ready."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

from .. import conf, lifecycle, registry
from ..background_signal import AsyncSignal
from ..signal_names import name_of
from ..stored_task import ALL_RECEIVERS
from .frames import VERSION

__all__ = ["hello"]


def hello() -> dict[str, Any]:
    """The body of the frame `h`."""
    declared = list(_declared())
    # Rows name a receiver and a signal; the queue is the first declaration's.
    receivers = {(name, signal): queue for name, signal, queue in reversed(declared)}
    queues = [conf.current().queue, *(queue for _, _, queue in declared)]
    for more in registry.more_queues:
        queues += sorted(more())
    return {
        "version": VERSION,
        "queues": list(dict.fromkeys(queues)),
        "receivers": [{"name": name, "signal": signal, "queue": queue} for (name, signal), queue in sorted(receivers.items())],
        "wants_finished": bool(lifecycle.task_finished.receivers),
    }


def _declared() -> Iterator[tuple[str, str, str]]:
    """The name, signal and queue of each receiver with each of its connections, of each task, and of each background signal."""
    default = conf.current().queue
    for receiver in registry.receivers():
        for connection in receiver.connections:
            signal = name_of(connection.signal, default=None)
            if signal is not None:
                # Of this connection: the function may be connected elsewhere with another queue.
                yield receiver.name, signal, connection.enqueue.options.queue or default  # type: ignore[attr-defined]
        if not receiver.connections:
            yield receiver.name, receiver.called_by, receiver.queue
    for each in _background_signals():
        signal = name_of(each, default=None)
        if signal is not None:
            yield ALL_RECEIVERS, signal, each.queue or default


def _background_signals() -> list[AsyncSignal]:
    # Nothing keeps a list of them. By type() and not isinstance: that would make lazy objects.
    return [found for found in gc.get_objects() if issubclass(type(found), AsyncSignal)]
