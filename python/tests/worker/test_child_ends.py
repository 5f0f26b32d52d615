"""How a child begins and ends."""

from __future__ import annotations

import json
import os
import socket
import struct
from pathlib import Path

import pytest

from signalpost.child.frames import NoFrame, tasks_of

from .conftest import Holding
from .database import Database
from .engine import Engine, new_task

pytestmark = pytest.mark.no_database


def test_what_is_recalled_and_has_not_begun_is_given_back(holding: Holding) -> None:
    with Engine(threads=1) as engine:
        engine.ready()
        engine.send("T", {"tasks": [new_task(1, "hold", args=[holding.directory])]})
        holding.began()
        engine.send("T", {"tasks": [new_task(run, "add", args=[1, 2]) for run in (2, 3, 4)]})
        engine.send("R", {"runs": [1, 2, 4, 99]})
        assert engine.results(2) == {2: ("back", {}), 4: ("back", {})}
        holding.go()
        assert engine.results(2) == {1: ("ok", {}), 3: ("ok", {"result": "3"})}


def test_asynchronous_ones_that_have_no_place_yet_are_given_back(holding: Holding) -> None:
    with Engine(places=1) as engine:
        engine.ready()
        engine.send("T", {"tasks": [new_task(1, "hold later", args=[holding.directory])]})
        holding.began()
        engine.send("T", {"tasks": [new_task(run, "add later", args=[1, 2]) for run in (2, 3)]})
        engine.send("R", {"runs": [2]})
        assert engine.results(1) == {2: ("back", {})}
        # Neither kind waits for the other.
        engine.send("T", {"tasks": [new_task(4, "add", args=[1, 2])]})
        assert engine.results(1) == {4: ("ok", {"result": "3"})}
        holding.go()
        assert engine.results(2) == {1: ("ok", {}), 3: ("ok", {"result": "3"})}


def test_a_stop_lets_end_what_has_begun_and_gives_back_the_rest(tmp_path: Path) -> None:
    held = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        held.append(Holding(tmp_path / name))
    with Engine(threads=1, places=1) as engine:
        engine.ready()
        tasks = [("hold", held[0]), ("hold later", held[1])]
        engine.send("T", {"tasks": [new_task(run, name, args=[it.directory]) for run, (name, it) in enumerate(tasks, 1)]})
        for each in held:
            each.began()
        engine.send("T", {"tasks": [new_task(3, "add", args=[1, 2]), new_task(4, "add later", args=[1, 2])]})
        engine.send("S", {})
        assert engine.results(2) == {3: ("back", {}), 4: ("back", {})}
        for each in held:
            each.go()
        assert engine.results(2) == {1: ("ok", {}), 2: ("ok", {})}
        with pytest.raises(EOFError):
            engine.receive()
        assert engine.ended() == 0


def test_a_stop_ends_a_child_that_has_nothing_to_do(engine: Engine) -> None:
    assert engine.run("add later", 1, 2)[0] == "ok"
    engine.send("S", {})
    assert engine.ended() == 0


@pytest.mark.parametrize("receiver", ["hold", "hold later"])
def test_the_end_of_the_connection_ends_a_child_whatever_receivers_do(engine: Engine, holding: Holding, receiver: str) -> None:
    engine.hand(receiver, holding.directory)
    holding.began()
    engine.socket.shutdown(socket.SHUT_RDWR)
    assert engine.ended() == 0


def test_it_does_so_while_it_stops(engine: Engine, holding: Holding) -> None:
    engine.hand("hold", holding.directory)
    holding.began()
    engine.send("S", {})
    engine.socket.shutdown(socket.SHUT_RDWR)
    assert engine.ended() == 0


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        (b"\0\0\0\0", "cannot have 0 bytes"),
        (b"\xff\xff\xff\xff", "cannot have 4294967295 bytes"),
        (b"\x03\0\0\0T{}", "missing field `tasks`"),
        (b"\x03\0\0\0T[]", "a frame 'T' has no tasks that can be read"),
        (b"\x03\0\0\0T{\xff", "a frame 'T' has no tasks that can be read"),
        (b"\x03\0\0\0R[]", "is no object"),
        (b"\x03\0\0\0R{\xff", "is no JSON"),
        (b"\x03\0\0\0Q{}", "of kind 'Q' is not known"),
        (b"\x10\0\0\0" + b'T{"tasks": [{}]}', "missing field `run`"),
        (b"\x0f\0\0\0" + b'T{"tasks": [7]}', "a frame 'T' has no tasks that can be read"),
        (b"\x03\0\0\0R{}", "no list of runs"),
        (b"\x03\0\0\0E{}", "no level"),
        (b"\x03\0\0\0F{}", "no list"),
        (b"\x03\0\0\0C{}", "names no store"),
    ],
)
def test_what_is_no_frame_ends_a_child(engine: Engine, garbage: bytes, why: str) -> None:
    engine.raw([garbage])
    assert engine.ended() == 70
    assert "signalpost.child: " in engine.said() and why in engine.said()


@pytest.mark.parametrize("field", sorted(set(new_task(1, "add")) - {"run"}))
def test_a_task_without_one_of_its_fields_is_none(field: str) -> None:
    task = new_task(1, "add")
    del task[field]
    with pytest.raises(NoFrame, match=field):
        tasks_of(json.dumps({"tasks": [task]}).encode())


def test_a_frame_may_come_byte_by_byte_and_many_at_once(engine: Engine) -> None:
    frames = b""
    for run in (1, 2):
        data = b"T" + json.dumps({"tasks": [new_task(run, "add", args=[1, run])], "unheard-of": 1}).encode()
        frames += struct.pack("<I", len(data)) + data
    engine.raw(frames[at : at + 1] for at in range(len(frames)))
    assert engine.results(2) == {1: ("ok", {"result": "2"}), 2: ("ok", {"result": "3"})}


def test_a_hello_that_it_does_not_know_is_refused() -> None:
    with Engine(version=2) as engine:
        assert engine.expect("x") == {"reason": "the engine speaks version 2 of the frames, and 1 is known here"}
        assert engine.ended() == 1


def test_a_project_that_cannot_be_set_up_says_why() -> None:
    with Engine(settings="tests.worker.no_such_settings") as engine:
        reason = engine.expect("x")["reason"]
        assert reason.startswith("ModuleNotFoundError: No module named 'tests.worker.no_such_settings'")
        assert engine.ended() == 1
        assert "Traceback" in engine.said()


def test_a_receiver_that_leaves_takes_the_child_with_it_and_stands_on_the_page(engine: Engine) -> None:
    run = engine.hand("leave")
    with pytest.raises((EOFError, ConnectionError)):
        engine.receive()
    assert engine.ended() == 3
    assert [slot[0] for slot in engine.slots()] == [run]


def test_a_receiver_that_closes_everything_ends_the_child(engine: Engine) -> None:
    run = engine.hand("close")
    with pytest.raises((EOFError, ConnectionError)):
        engine.receive()
    engine.ended()
    # It is to blame, whether it has come to its end or the thread that reads was the first to see it.
    assert {slot[0] for slot in engine.slots()} | engine.last_runs() == {run}


def test_no_frame_goes_into_a_file_that_has_taken_the_sockets_place(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "mine"
    # The child may end before the receiver comes to open it.
    file.touch()
    engine.hand("reopen", str(file))
    with pytest.raises((EOFError, ConnectionError)):
        engine.receive()
    engine.ended()
    assert file.read_bytes() == b""


def test_a_child_hands_on_neither_socket_nor_page() -> None:
    with Engine() as engine:
        engine.ready()
        kind, said = engine.run("descriptors of a program")
        assert kind == "ok"
        assert json.loads(said["result"]) == ["0", "1", "2"]
        assert os.path.exists(f"/proc/{engine.process.pid}")


def test_asked_for_credentials_it_resolves_them_anew(database: Database) -> None:
    with Engine(**database.environment) as engine:
        engine.ready()
        engine.send("C", {"store": "default", "why": "password authentication failed"})
        path = database.settings["NAME"]
        settings = {"alias": "default", "vendor": "sqlite", "path": path, "busy_timeout_ms": 20_000}
        assert engine.expect("c") == {"store": "default", "settings": settings}
        engine.send("C", {"store": "archive", "why": "whatever"})
        answer = engine.expect("c")
        assert answer["store"] == "archive" and "'archive'" in answer["error"]


def test_with_reload_a_child_whose_code_has_changed_asks_to_be_replaced(tmp_path: Path) -> None:
    module = tmp_path / "reloaded_settings.py"
    module.write_text("from tests.worker.settings import *\n")
    os.utime(module, (1, 1))
    with Engine("--reload", f"--pythonpath={tmp_path}", settings="reloaded_settings") as engine:
        engine.ready()
        # It has begun to watch: it looks at once, and then every second.
        while True:
            os.utime(module)
            engine.socket.settimeout(5)
            try:
                assert engine.expect("s") == {"reason": f"{module} has changed"}
                break
            except TimeoutError:
                continue
        engine.send("S", {})
        assert engine.ended() == 0
