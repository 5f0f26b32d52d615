"""What the package has made in Rust: arguments as JSON, the statements that store them, and the worker's frames that come often.

The module opens no database and starts no thread, so a process may import it and fork.
"""

from collections.abc import Callable
from typing import Any, Final, final

__all__ = ["Codec", "Statements", "now", "statements", "tasks", "uuid7"]

@final
class Codec:
    """Writes values of Python as JSON within the limits of a payload, and makes them again.

    What it knows nothing of it asks of the functions that it is given.
    """

    def __new__(
        cls,
        *,
        kind_of: Callable[[type], tuple[Any, ...]],
        name_of_class: Callable[[type], tuple[str, ...]],
        resolve: Callable[[str, list[Any], str], object],
        load: Callable[[list[tuple[str, Any, str | None, str]], str | None], list[object]],
        router: object,
        write_alias: Callable[[Any, Any], str],
        cannot_travel: Callable[[str, str], Exception],
        cannot_decode: Callable[[str, str], Exception],
    ) -> Codec: ...
    def encode(self, value: object) -> str:
        """One value as JSON. Raises what `cannot_travel` makes."""

    def new_send(
        self, sender: object, named: dict[str, Any], strict: bool, args: tuple[Any, ...] | None = None
    ) -> tuple[str, int, str, list[tuple[str, str]] | None]:
        """A new send: its id, the milliseconds since 1970 that stand in it, and what it hands over as JSON, `{"sender": …,
        "args": […], "named": {…}}`, without `args` where there are none. Then what was left out, if anything was.

        Unless it is `strict`, arguments that cannot travel are left out and named, each with the reason; otherwise it raises
        what `cannot_travel` makes.
        """

    def decode(self, payload: str, using: str | None = None) -> Any:
        """The value that a JSON text stands for. Instances are read from the database. Raises what `cannot_decode` makes."""

@final
class Statements:
    """The statements of one database, as `cursor.execute` of Django's connections takes them."""

    #: Creates the tables. Several statements, and no parameters: a semicolon ends each and stands nowhere else.
    schema: Final[str]
    #: Writes tasks. Its one parameter is a JSON array with an object for each task.
    insert: Final[str]
    #: Writes one task that is due at once, with a parameter for each of send_id, signal, sender, receiver, queue, priority,
    #: payload, headers, parent and depth, and for the time in milliseconds, twice. On PostgreSQL it is sent when the server
    #: says, and not before that time; when that was, is returned.
    insert_one: Final[str]
    #: As `insert_one` on SQLite, on both: without a look for somebody to notify or at the clock.
    insert_one_quiet: Final[str]
    #: As `insert_one_quiet`, of a task of priority 0, without headers, and sent by no other task: with a parameter for each of
    #: send_id, signal, sender, receiver, queue and payload, and for the time, twice.
    insert_plain: Final[str]
    #: Moves a claimed task to the history as succeeded. Its one parameter, `claim`, is a JSON object of `id`, `worker` and
    #: `fence`.
    complete: Final[str]
    #: Follows `complete` in the same transaction, with the same parameter.
    complete_delete: Final[str]

def statements(vendor: str) -> Statements:
    """The statements for a database by Django's `connection.vendor`. Raises `ValueError` for one that cannot hold a store."""

def tasks(body: bytes) -> list[tuple[int, dict[str, Any]]]:
    """The tasks of a frame's body: each run with the fields of a `StoredTask`. Raises `ValueError`."""

def now() -> int:
    """The time by this machine's clock, in milliseconds since 1970. Python's own may stand still in a test."""

def uuid7() -> str:
    """A new UUIDv7 as text. Its randomness is the system's, so it differs in processes that were forked."""
