"""Reasons: why a task failed, for a person to read.

What is stored is bounded and can be stored in every database, whatever an exception holds: recording a failure must not
fail. The bounds are those of the engine (`crates/signalpost-store/src/reason.rs`).
"""

from __future__ import annotations

import os
import re
import traceback
from types import TracebackType

__all__ = ["readable", "reason_of"]

#: As in the engine, in bytes of UTF-8.
MAX_REASON = 8 << 10
#: What one message may take of it, so that there is room for the traceback.
MAX_MESSAGE = 2 << 10
MAX_LINE = 300
MAX_FRAMES = 15
MAX_CAUSES = 3
#: How a receiver came to be called is the same for all of them.
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep

# Control characters other than line break and tab, and lone surrogates, which are no text.
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def readable(text: str, most: int = MAX_REASON) -> str:
    """`text` as it can be stored and shown, in at most `most` bytes and a word that says that it was cut."""
    text, more = text[:most], len(text) > most
    text = _UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    encoded = text.encode()
    if len(encoded) > most:
        text, more = encoded[:most].decode(errors="ignore"), True
    return f"{text} … (cut)" if more else text


def reason_of(error: BaseException) -> str:
    """What is recorded of an exception: its type, its message and where it was raised, and then what it came from.

    The innermost calls are kept where a traceback is too long.
    """
    parts = [_headline(error), *_calls(error.__traceback__, MAX_FRAMES)]
    seen = {id(error)}
    cause = _cause(error)
    while cause is not None and id(cause) not in seen and len(seen) <= MAX_CAUSES:
        seen.add(id(cause))
        parts += [f"\nfrom {_headline(cause, MAX_MESSAGE // 4)}", *_calls(cause.__traceback__, MAX_FRAMES // 3)]
        cause = _cause(cause)
    return readable("\n".join(parts))


def _headline(error: BaseException, most: int = MAX_MESSAGE) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    message = _text_of(error)
    lines = [f"{name}: {readable(message, most)}" if message else name]
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, (list, tuple)):
        lines += [readable(note, most // 4) for note in notes[:MAX_CAUSES] if isinstance(note, str)]
    # ExceptionGroup, which Python 3.10 does not have.
    parts = getattr(error, "exceptions", None)
    if isinstance(parts, tuple):
        lines += [f"- {_headline(part, most // 4)}" for part in parts[:MAX_CAUSES] if isinstance(part, BaseException)]
    return "\n".join(lines)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:  # the user's own __str__
        return f"(its text cannot be had: {type(second).__qualname__})"


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _calls(found: TracebackType | None, most: int) -> list[str]:
    # Not format_exception: that would put the message, however long, into the text once more.
    frames = traceback.extract_tb(found)
    while frames and frames[0].filename.startswith(_OURS):
        del frames[0]
    lines = [f"  … {len(frames) - most} outer calls"] if len(frames) > most else []
    for frame in frames[-most:]:
        lines.append(f"  {frame.filename}:{frame.lineno}, in {frame.name}")
        if frame.line:
            lines.append(f"    {frame.line[:MAX_LINE]}")
    return lines
