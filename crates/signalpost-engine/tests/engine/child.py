"""A child without Django: what its "receivers" do, their names say. Standard library only.

It is written from docs/django-worker.md, and checks what the engine sends as it goes.
"""

import argparse
import json
import mmap
import os
import queue
import signal
import socket
import struct
import sys
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("--place", required=True)
parser.add_argument("--behaviour", default="")
parser.add_argument("--socket-fd", type=int, required=True)
parser.add_argument("--page-fd", type=int, required=True)
options = parser.parse_args()

for fd in (options.socket_fd, options.page_fd):
    os.set_inheritable(fd, False)
line = socket.socket(fileno=options.socket_fd)
page = mmap.mmap(options.page_fd, 0)
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sending = threading.Lock()
hung_up = threading.Event()
# Whoever stops a whole unit of systemd means the engine, which says what becomes of its children.
signal.signal(signal.SIGTERM, signal.SIG_IGN)


def tell(*words):
    """An event for the test."""
    told.sendto(" ".join(map(str, words)).encode(), os.path.join(options.place, "told"))


def send(kind, body):
    data = kind + json.dumps(body).encode()
    with sending:
        try:
            line.sendall(struct.pack("<I", len(data)) + data)
        except OSError:
            os._exit(71)


def receive(length):
    data = b""
    while len(data) < length:
        try:
            more = line.recv(length - len(data))
        except OSError:
            os._exit(71)
        if not more:
            # The test is to see that the engine minds that the connection is closed.
            hung_up.wait() if options.behaviour == "deaf" else os._exit(0)
        data += more
    return data


def frame():
    (length,) = struct.unpack("<I", receive(4))
    data = receive(length)
    return data[:1], json.loads(data[1:])


def gate(name, task):
    """Waits until the test lets go. What is returned tells the test when this process dies."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.path.join(options.place, "gate"))
    connection.sendall(f"{name} {task['id']} {os.getpid()}\n".encode())
    while connection.recv(1):
        pass
    return connection


def call(task):
    """Runs a "receiver"; returns its result."""
    name, payload = task["receiver"].removeprefix("async-"), json.loads(task["payload"])
    if name == "ok":
        pass
    elif name == "echo":
        return {"ok": {"result": task["payload"]}}
    elif name == "follow":
        follows = {"signal": "tests.signal", "receiver": "ok", "queue": "default", "payload": "{}", "parent": task["id"]}
        return {"ok": {"result": None, "then": [follows]}}
    elif name == "retry":
        if task["attempt"] <= payload["times"]:
            return {"retry": {"reason": "ValueError: no", "after": payload["after"], "class": "builtins.ValueError"}}
    elif name == "dead":
        return {"dead": {"reason": "ValueError: never"}}
    elif name == "unknown":
        return {"unknown": {"reason": "no receiver of that name here"}}
    elif name in ("waits", "hangs"):
        gate(name, task)
    elif name == "spins":
        connection = gate(name, task)  # noqa: F841
        # In C, without letting other threads of Python run.
        sum(range(1 << 62))
    elif name == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(60)
    elif name == "exit":
        os._exit(3)
    elif name == "close":
        os.closerange(0, 256)
    elif name == "hang-up":
        line.shutdown(socket.SHUT_RDWR)
        time.sleep(60)
    elif name == "nonsense":
        with sending:
            line.sendall(b"\xff\xff\xff\xff what?")
        time.sleep(60)
    elif name == "lie":
        send(b"r", {"results": [{"run": 1 << 40, "ok": {}}]})
        time.sleep(60)
    elif name == "leak":
        leaked.append(b"x" * (200 << 20))
    elif name == "fork":
        if os.fork() == 0:
            gate("grandchild", task)
            time.sleep(600)
            os._exit(0)
    elif name == "shout":
        block = b"\x00\xff\n" * (1 << 16)
        for _ in range(64):
            os.write(1, block)
    else:
        raise AssertionError(name)
    return {"ok": {}}


leaked = []


def work(tasks, slot):
    at = 64 + 32 * slot
    while True:
        task = tasks.get()
        run = task["run"]
        with recalling:
            if run not in waiting:
                continue
            waiting.remove(run)
            timeout = json.loads(task["payload"]).get("timeout", 0)
            deadline = time.monotonic_ns() + timeout * 1_000_000 if timeout else 0
            page[at + 8 : at + 32] = struct.pack("=QQQ", deadline, timeout, json.loads(task["payload"]).get("most", 10))
            page[at : at + 8] = struct.pack("=Q", run)
        result = call(task)
        ended = 64 + 32 * slots + 8 * slot
        page[ended : ended + 8] = struct.pack("=Q", run)
        page[at : at + 8] = bytes(8)
        send(b"r", {"results": [{"run": run, **result}]})
        with recalling:
            running.discard(run)
            if stopping and not running:
                tell("stopped", os.getpid())
                os._exit(0)


def check(task):
    assert task["store"] in stores and task["queue"] and task["send_id"] and json.loads(task["headers"]) == {}
    assert task["fence"] >= 1 and task["attempt"] >= 1 and task["created_at"] > 0 and task["payload_version"] == 1


kind, hello = frame()
assert kind == b"H" and hello["version"] == 1, (kind, hello)
stores = hello["stores"]
slots = hello["threads"] + hello["async_concurrency"]
assert struct.unpack("=QQ", page[:16]) == (0x3147505F4C4E4753, slots) and len(page) == 64 + 40 * slots
assert os.getpgid(0) == os.getpid() and not os.read(0, 1)
# Nothing but what it was given: three are this program's own, and one is opened by looking.
assert len(os.listdir("/proc/self/fd")) <= 8, os.listdir("/proc/self/fd")

if options.behaviour == "third-works":
    # What is wrong with a machine that has just been booted may be over soon.
    with open(os.path.join(options.place, "starts"), "a+") as starts:
        starts.write("x")
        starts.flush()
        starts.seek(0)
        if len(starts.read()) <= 12:
            send(b"x", {"reason": "the database does not answer"})
            sys.exit(1)
if options.behaviour == "dawdles":
    tell("dawdling")
    receive(1)
if options.behaviour == "dies":
    sys.exit("no module named app")
if options.behaviour == "cannot":
    send(b"x", {"reason": "ImproperlyConfigured: no settings\n  app.py:3, in <module>\x1b[31m"})
    sys.exit(1)
if options.behaviour == "newer":
    send(b"h", {"version": 2, "lines": ["default"]})
    time.sleep(60)

recalling = threading.Lock()
waiting, running, stopping = set(), set(), False
blocking, asynchronous = queue.SimpleQueue(), queue.SimpleQueue()
for slot in range(slots):
    tasks = blocking if slot < hello["threads"] else asynchronous
    threading.Thread(target=work, args=(tasks, slot), daemon=True).start()
receivers, queues = [{"name": "ok", "signal": "tests.signal", "queue": "default"}], ["default", "other"]
if os.path.exists(os.path.join(options.place, "deployed")):
    receivers.append({"name": "new", "signal": "tests.signal", "queue": "new"})
    queues.append("new")
send(b"h", {"version": 1, "queues": queues, "receivers": receivers, "wants_finished": options.behaviour == "finished"})
tell("ready", os.getpid())
while True:
    kind, body = frame()
    if kind == b"T":
        for task in body["tasks"]:
            check(task)
            if task["receiver"] == "unreadable":
                os._exit(3)
            with recalling:
                waiting.add(task["run"])
                running.add(task["run"])
            (asynchronous if task["receiver"].startswith("async-") else blocking).put(task)
    elif kind in (b"R", b"S"):
        with recalling:
            backs = list(waiting) if kind == b"S" else [run for run in body["runs"] if run in waiting]
            waiting.difference_update(backs)
            running.difference_update(backs)
            if backs:
                send(b"r", {"results": [{"run": run, "back": {}} for run in backs]})
            if kind == b"S":
                stopping = True
                if not running:
                    tell("stopped", os.getpid())
                    os._exit(0)
    elif kind == b"E":
        if options.behaviour == "dies-of-an-event" and body.get("kind") == "died":
            try:
                # Only the first of all that hear of it.
                os.close(os.open(os.path.join(options.place, "heard"), os.O_CREAT | os.O_EXCL))
                os._exit(9)
            except FileExistsError:
                pass
        tell("event", body["level"], body.get("kind"), len(body.get("tasks", [])), body["message"])
        send(b"e", {"events": [body["event"]]})
    elif kind == b"F":
        for one in body["finished"]:
            tell("finished", one["task"]["receiver"], *one["outcome"])
    elif kind == b"C":
        with open(os.path.join(options.place, "credentials")) as file:
            send(b"c", {"store": body["store"], "settings": json.load(file)})
        tell("asked for", body["store"])
    else:
        raise AssertionError(kind)
