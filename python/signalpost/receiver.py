"""Background receivers: functions that run later, in a worker, as one task per send."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.apps import apps as django_apps
from django.db import connections
from django.dispatch import Signal, dispatcher
from django.utils.inspect import func_accepts_kwargs

from . import _native, atomicity, codec, conditions, conf, current, installation, lifecycle, outbox, registry, senders, stores
from .options import DeclarationError, Options, check_name
from .place import calling_frame, place_of
from .signal_names import built_in, name_of

__all__ = ["BackgroundReceiver", "ConnectedLate", "async_receiver", "connect_background"]

logger = logging.getLogger("signalpost")
Function = TypeVar("Function", bound=Callable[..., Any])


class ConnectedLate(RuntimeWarning):
    """A background receiver was connected after Django had started, so perhaps not in every process."""


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
        self._connections: list[tuple[Signal, Any, Any, dict[str, Any]]] = []

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
    def signals(self) -> list[Signal]:
        """What it was connected to, by us; somebody may have disconnected it since."""
        return [signal for signal, *_ in self._connections]

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

    def connected(self, signal: Signal, sender: Any, dispatch_uid: Any, extra: dict[str, Any]) -> None:
        """Notes a connection, so that `disconnect` can undo it."""
        self._connections.append((signal, sender, dispatch_uid, extra))

    def disconnect(self) -> None:
        """Disconnects it from everything that it was connected to."""
        for signal, sender, dispatch_uid, extra in self._connections:
            signal.disconnect(sender=sender, dispatch_uid=dispatch_uid, **extra)
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
    _refuse(who, signal)
    senders.refuse_own(who, sender)
    checked = Options.checked(who, **options)
    conditions.check(who, signal, sender, checked)
    receiver = registry.register(BackgroundReceiver(function, checked, _name(who, function, checked), place))
    enqueue = _enqueuer(receiver, signal, sender, checked)
    if django_apps.ready:
        receiver.is_late = True
        _warn_late(receiver)
    # The identity of the function, so that Django finds it when it is connected again or disconnected.
    uid = dispatch_uid or dispatcher._make_id(function)  # type: ignore[attr-defined]
    extra = {} if apps is None else {"apps": apps}
    signal.connect(enqueue, sender=sender, weak=False, dispatch_uid=uid, **extra)
    receiver.connected(signal, sender, uid, extra)
    return receiver


def _enqueuer(receiver: BackgroundReceiver, signal: Signal, sender: Any, options: Options) -> Callable[..., Any]:
    """What is connected to `signal`: a function whose body is one INSERT.

    A function, and not an object, because Django's checks and other people's tools describe receivers by their names.
    Everything that is the same for each send is worked out here.
    """
    function, name, using, priority = receiver.function, receiver.name, options.using, options.priority
    signal_name: str = name_of(signal)  # type: ignore[assignment]
    django = built_in(signal)
    strict = django is None
    of_saving = django is not None and django.of_saving
    before_migrations = signal_name == "django.db.models.signals.pre_migrate"
    condition = conditions.condition_of(options, sender)
    known_sender: tuple[Any, str | None] = (_NOBODY, None)
    dropped_before: set[str] = set()

    def enqueue(signal: Signal, sender: Any, **named: Any) -> Any:
        nonlocal known_sender
        if condition is not None and not condition(sender, named):
            return None
        known, label = known_sender
        if sender is not known:
            if senders.is_excluded(sender):
                return None
            label = senders.label_of(sender)
            known_sender = (sender, label)
        if not installation.is_installed():
            return _run_here(receiver, signal, sender, named)
        sent_using = named.get("using")
        destination = stores.choose(using, sent_using)
        connection = connections[destination.alias]
        if of_saving:
            saved_by = connection if sent_using == destination.alias else connections[sent_using]
            if not atomicity.in_transaction(saved_by):
                atomicity.apply_policy(sent_using, signal_name, sender)
        elif before_migrations and not _has_tables(connection, name):
            return None
        encoded = codec.encode_named(sender, named, strict)
        if encoded.dropped:
            _say_dropped(name, signal_name, encoded.dropped, dropped_before)
        headers, parent, depth = current.context_for_send(signal_name)
        outbox.put(
            connection,
            destination.after,
            (
                _native.uuid7(),
                signal_name,
                label,
                name,
                options.queue or conf.current().queue,
                priority,
                encoded.payload,
                headers,
                parent,
                depth,
            ),
            function,
        )
        return None

    def may_hear(sender: Any, update_fields: Any) -> bool:
        if senders.is_excluded(sender):
            return False
        fields = conditions.condition_of(Options(fields=options.fields), sender)
        return fields is None or fields(sender, {"update_fields": update_fields})

    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        if hasattr(function, attribute):
            setattr(enqueue, attribute, getattr(function, attribute))
    enqueue.__wrapped__ = function  # type: ignore[attr-defined]
    #: How others know it from an inline receiver.
    enqueue.background = receiver  # type: ignore[attr-defined]
    enqueue.options = options  # type: ignore[attr-defined]
    enqueue.may_hear = may_hear  # type: ignore[attr-defined]
    return enqueue


#: A sender that nothing is.
_NOBODY = object()


def _name(who: str, function: Callable[..., Any], options: Options) -> str:
    if options.name is not None:
        return options.name
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if module is None or qualname is None:
        raise DeclarationError(f"{who} has no name of its own, by which a worker could find it. Give it one: name='…'.")
    return check_name(who, "its name", f"{module}.{qualname}")


def _refuse(who: str, signal: Signal) -> None:
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


def _run_here(receiver: BackgroundReceiver, signal: Signal, sender: Any, named: dict[str, Any]) -> Any:
    installation.warn_not_installed(receiver.name)
    function = async_to_sync(receiver.function) if receiver.is_async else receiver.function
    return function(signal=signal, sender=sender, **named)


def _has_tables(connection: Any, name: str) -> bool:
    if "signalpost_task" in connection.introspection.table_names():
        return True
    logger.warning("%s is not told of pre_migrate: %r has no tables of signalpost yet", name, connection.alias)
    return False


def _say_dropped(name: str, signal_name: str, dropped: list[tuple[str, str]], said: set[str]) -> None:
    for argument, reason in dropped:
        if argument not in said:
            said.add(argument)
            logger.warning("%s does not get %r of %s: it %s", name, argument, signal_name, reason)
