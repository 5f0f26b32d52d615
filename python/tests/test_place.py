"""Places: file and line, as errors and warnings name them."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from typing import Any

from asgiref.sync import sync_to_async

from signalpost import place
from signalpost.place import place_of


def function(**kwargs: Any) -> None:
    """Stands somewhere."""


class Desk:
    """Can be called."""

    def __call__(self, **kwargs: Any) -> None: ...

    def listen(self, **kwargs: Any) -> None: ...


def line(member: Any) -> int:
    return inspect.getsourcelines(member)[1]


def test_a_function_is_where_it_was_declared() -> None:
    assert place_of(function) == f"{__file__}:{line(function)}"
    assert place_of(Desk().listen) == f"{__file__}:{line(Desk.listen)}"


def test_a_wrapper_is_where_its_function_is() -> None:
    @functools.wraps(function)
    def wrapper(**kwargs: Any) -> None: ...

    assert place_of(wrapper) == f"{__file__}:{line(function)}"


def test_what_has_no_code_is_where_it_is_declared_to_us() -> None:
    here = inspect.currentframe()
    assert here is not None
    assert place_of(Desk()) == f"{__file__}:{here.f_lineno}"
    assert place_of(functools.partial(function)) == f"{__file__}:{here.f_lineno}"


def test_what_a_thread_runs_is_where_the_thread_came_from() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(place.outside_frame()))
    thread.start()
    thread.join()
    assert found[0].f_code.co_filename == __file__


def test_what_asynchronous_code_hands_to_a_thread_has_a_place_though_the_caller_is_not_known() -> None:
    frame = asyncio.run(sync_to_async(place.outside_frame)())
    assert frame.f_code.co_filename.endswith("asgiref/sync.py")
