"""Background receivers: functions that run later, in a worker, as one task per send."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from asgiref.sync import iscoroutinefunction
from django.apps import apps as django_apps
from django.dispatch import Signal, dispatcher
from django.utils.inspect import func_accepts_kwargs

from . import conditions, conf, lifecycle, registry, senders
from .current import TASK_SIGNAL
from .enqueuer import enqueuer_of
from .options import DeclarationError, Options, check_name
from .place import calling_frame, place_of
from .signal_names import built_in, name_of

__all__ = ["BackgroundReceiver", "ConnectedLate", "async_receiver", "connect_background", "name_for", "refuse_signal"]

Function = TypeVar("Function", bound=Callable[..., Any])


class ConnectedLate(RuntimeWarning):
    """A background receiver was connected after Django had started, so perhaps not in every process."""


class Connection(NamedTuple):
    """What was said to `Signal.connect`."""

    signal: Signal
    sender: Any
    dispatch_uid: Any
    extra: dict[str, Any]
    enqueue: Callable[..., Any]

    def is_live(self) -> bool:
        """Whether the signal still has it. Django says nothing when something else is connected under its identity already."""
        return any(entry[1] is self.enqueue for entry in self.signal.receivers)

    def end(self) -> None:
        """Disconnects it."""
        self.signal.disconnect(sender=self.sender, dispatch_uid=self.dispatch_uid, **self.extra)


class BackgroundReceiver:
    """A function that runs in the background, under the name by which rows find it. `registry` holds all of them.

    One function has one of these, whatever it is connected to.
    """

    def __init__(self, function: Callable[..., Any], options: Options, name: str, place: str) -> None:
        #: What runs.
        self.function = function
        #: What stands in the column `receiver`.
        self.name = name
        #: Where the function was declared, as `file:line`.
        self.place = place
        #: What was said of it at its first declaration. What concerns the run is `max_attempts`, `timeout` and `keep_result`.
        self.options = options
        #: Former names.
        self.aliases = options.aliases
        #: Whether the function is asynchronous.
        self.is_async = iscoroutinefunction(function)
        #: Whether it was connected after Django had started.
        self.is_late = False
        #: What stands in the column `signal` of rows that call it, and were not sent by a signal.
        self.called_by = TASK_SIGNAL
        self._connections: list[Connection] = []

    def __repr__(self) -> str:
        return f"<background receiver {self.name!r} at {self.place}>"

    @property
    def max_attempts(self) -> int:
        """After how many failures its task is dead."""
        return self.options.max_attempts or conf.current().max_attempts

    @property
    def timeout(self) -> float | None:
        """After how many seconds its run is told to stop."""
        return conf.current().timeout if self.options.timeout is None else self.options.timeout

    @property
    def keep_result(self) -> bool:
        """Whether what it returns is kept."""
        return self.options.keep_result

    @property
    def queue(self) -> str:
        """The queue of its first declaration."""
        return self.options.queue or conf.current().queue

    @property
    def connections(self) -> list[Connection]:
        """What it was connected to, by us, and how; somebody may have disconnected it since."""
        return list(self._connections)

    @property
    def signals(self) -> list[Signal]:
        """What it was connected to, by us; somebody may have disconnected it since."""
        return [connection.signal for connection in self._connections]

    def extend(self, other: BackgroundReceiver) -> None:
        """Takes what `other`, a further declaration of the same function, says of the run.

        Raises `DeclarationError` if the two contradict each other.
        """
        merged = {}
        for option in ("max_attempts", "timeout", "keep_result"):
            mine, theirs = getattr(self.options, option), getattr(other.options, option)
            if mine and theirs and mine != theirs:
                raise DeclarationError(
                    f"{self.place}: {self.name} is declared twice, with {option}={mine!r} and {option}={theirs!r}. "
                    "A worker knows a receiver by its name alone: give one of the two a name= of its own."
                )
            merged[option] = mine or theirs
        self.aliases = tuple(dict.fromkeys((*self.aliases, *other.aliases)))
        self.options = Options(**{**vars(self.options), **merged, "aliases": self.aliases})

    def connected(self, connection: Connection) -> None:
        """Notes a connection, so that `disconnect` can undo it."""
        if connection.is_live() or isinstance(connection.sender, str):
            self._connections.append(connection)

    @property
    def is_connected(self) -> bool:
        """Whether any signal would still call it."""
        return any(connection.is_live() for connection in self._connections)

    def disconnect(self) -> None:
        """Disconnects it from everything that it was connected to."""
        for connection in self._connections:
            if connection.is_live() or isinstance(connection.sender, str):
                connection.end()
        self._connections.clear()


def async_receiver(
    signal: Signal | list[Signal] | tuple[Signal, ...],
    *,
    sender: Any = None,
    weak: bool = False,
    dispatch_uid: Any = None,
    **options: Any,
) -> Callable[[Function], Function]:
    """Connects a function to one or several signals, to run in the background. A decorator that returns the function.

    As `django.dispatch.receiver`, with the options of `connect_background`:

        @async_receiver(post_save, sender=Article, queue="mail", max_attempts=10, fields={"status"})
        def notify_subscribers(sender, instance, created, **kwargs): ...
    """

    def connect(function: Function) -> Function:
        for each in signal if isinstance(signal, (list, tuple)) else (signal,):
            connect_background(each, function, sender=sender, weak=weak, dispatch_uid=dispatch_uid, **options)
        return function

    return connect


def connect_background(
    signal: Signal,
    function: Callable[..., Any],
    *,
    sender: Any = None,
    weak: bool = False,
    dispatch_uid: Any = None,
    apps: Any = None,
    **options: Any,
) -> BackgroundReceiver:
    """Connects `function` to `signal`: each send writes a task, and a worker calls the function.

    `sender`, `dispatch_uid` and, for model signals, `apps` are as in `django.dispatch.Signal.connect`; a sender may be
    `"app.Model"`. `weak` has no effect: a background receiver is always strongly held. The options are those of
    `signalpost.options.Options`: `queue`, `max_attempts`, `timeout`, `priority`, `using`, `name`, `aliases`, `when`,
    `fields`, `actions`, `keep_result`. `signal.disconnect(function)` undoes it.

    Raises `DeclarationError` for what cannot be, with the place, and `TypeError` for an option that does not exist.
    """
    place = place_of(function)
    who = f"{place}: {getattr(function, '__qualname__', None) or repr(function)}"
    if not callable(function):
        raise TypeError(f"{who}: Signal receivers must be callable.")
    if not isinstance(signal, Signal):
        raise TypeError(f"{who}: {signal!r} is not a signal")
    if not func_accepts_kwargs(function):
        raise DeclarationError(f"{who}: Signal receivers must accept keyword arguments (**kwargs).")
    refuse_signal(who, signal)
    senders.refuse_own(who, sender)
    checked = Options.checked(who, **options)
    conditions.check(who, signal, sender, checked)
    receiver = registry.register(BackgroundReceiver(function, checked, name_for(who, function, checked), place))
    enqueue = enqueuer_of(receiver, signal, checked)
    if django_apps.ready:
        receiver.is_late = True
        _warn_late(receiver)
    # The identity of the function, so that Django finds it when it is connected again or disconnected.
    uid = dispatch_uid or dispatcher._make_id(function)  # type: ignore[attr-defined]
    extra = {} if apps is None else {"apps": apps}
    signal.connect(enqueue, sender=sender, weak=False, dispatch_uid=uid, **extra)
    receiver.connected(Connection(signal, sender, uid, extra, enqueue))
    return receiver


def name_for(who: str, function: Callable[..., Any], options: Options) -> str:
    """The name that rows have for `function`.

    Raises `DeclarationError` if it has none of its own and was given none.
    """
    if options.name is not None:
        return options.name
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if module is None or qualname is None:
        raise DeclarationError(f"{who} has no name of its own, by which a worker could find it. Give it one: name='…'.")
    return check_name(who, "its name", f"{module}.{qualname}")


def refuse_signal(who: str, signal: Signal) -> None:
    """Raises `DeclarationError` if `signal` cannot be heard in the background, or has no name."""
    django = built_in(signal)
    if django is not None and django.refused is not None:
        raise DeclarationError(f"{who}: {django.name} cannot be heard in the background: {django.refused}")
    if any(signal is about for about in lifecycle.ABOUT_TASKS):
        raise DeclarationError(
            f"{who}: {name_of(signal)} cannot be heard in the background: the task about a task would be a task. "
            "Use an inline receiver."
        )
    name_of(signal)


def _warn_late(receiver: BackgroundReceiver) -> None:
    frame = calling_frame()
    warnings.warn_explicit(
        f"{receiver.name} is connected after Django has started: a worker that does not import {frame.f_globals.get('__name__')} "
        "does not know it. Declare it in a module `signals` or `receivers` of an installed app, or connect it in "
        "AppConfig.ready().",
        ConnectedLate,
        frame.f_code.co_filename,
        frame.f_lineno,
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
