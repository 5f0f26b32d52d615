"""A Redis of one's own: Debian's `redis-server`, on a port that is free, with its log, which is flushed every second."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def why_not() -> str | None:
    """What keeps it from being started; `None` if nothing does."""
    return None if shutil.which("redis-server") else "there is no redis-server"


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """Its URL, for as long as it runs. `directory` holds its files."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory), "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", "everysec"]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(server, port, directory / "log")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def empty(url: str) -> None:
    """Throws away what is in it."""
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushall()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import redis
    from redis.backoff import ConstantBackoff
    from redis.retry import Retry

    with redis.Redis(port=port, retry=Retry(ConstantBackoff(0.05), 200)) as client:
        try:
            client.ping()
        except redis.ConnectionError as error:
            raise RuntimeError(f"redis-server does not answer: {log.read_text()}") from error
    if server.poll() is not None:
        raise RuntimeError(f"redis-server has ended: {log.read_text()}")
