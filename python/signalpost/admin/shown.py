"""How rows are shown to a person: reasons with their tracebacks, and payloads as arguments.

A payload is never decoded here. That would read instances, and resolve classes, for a look at a page.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

__all__ = ["first_line", "readable_value", "shown_arguments", "shown_json", "shown_reason", "shown_time"]

#: A payload has up to 1 MiB. More than this nobody reads.
MOST_OF_A_VALUE = 20_000
MOST_OF_A_LINE = 120
#: A value longer than this is written on several lines.
LINE = 100

#: As `signalpost.reason` writes where something was called.
_CALL = re.compile(r"  \S.*:\d+, in .+")
#: A file that is not the project's own.
_LIBRARY = re.compile(r"[/\\](site-packages|dist-packages|lib[/\\]python\d[^/\\]*)[/\\]")


def shown_time(time: datetime | None) -> str:
    """A time to the second, where the reader is. The formats of Django's admin end with the minute."""
    return "-" if time is None else timezone.localtime(time).strftime("%Y-%m-%d %H:%M:%S %Z")


def first_line(reason: str | None) -> str:
    """The first line of a reason, for a list."""
    line = (reason or "").partition("\n")[0]
    return line if len(line) <= MOST_OF_A_LINE else f"{line[:MOST_OF_A_LINE]}…"


def shown_reason(reason: str | None) -> str | SafeString:
    """A reason with its traceback: what went wrong stands out, and calls in libraries stand back."""
    if not reason:
        return "-"
    lines, kind = [], "what"
    for line in reason.split("\n"):
        if _CALL.fullmatch(line):
            kind = "library" if _LIBRARY.search(line) else "call"
        elif not line.startswith("    ") or kind == "what":
            kind = "what"
        lines.append((kind, line))
    spans = format_html_join("\n", '<span class="signalpost-{}">{}</span>', lines)
    return format_html('<pre class="signalpost-reason">{}</pre>', spans)


def shown_json(text: str | None) -> str | SafeString:
    """A JSON text, indented; as it is, if it is none."""
    if not text:
        return "-"
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        # It is shown as it is.
        pass
    return format_html('<pre class="signalpost-value">{}</pre>', _cut(text))


def shown_arguments(payload: str) -> str | SafeString:
    """A payload as the arguments of a call: a row for each, with its value as one would write it in Python."""
    try:
        call = json.loads(payload)
        args, named = call.get("args", []), call["named"]
        rows = [(f"[{place}]", readable_value(value)) for place, value in enumerate(args)]
        rows += [(name, readable_value(value)) for name, value in named.items()]
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        # Not written by this package: a Rust service's, for example.
        return shown_json(payload)
    if not rows:
        return "-"
    cells = format_html_join(
        "", '<tr><th scope="row">{}</th><td><pre>{}</pre></td></tr>', [(name, _cut(value)) for name, value in rows]
    )
    return format_html('<table class="signalpost-arguments">{}</table>', cells)


def readable_value(value: Any, indent: int = 0) -> str:
    """A value of a payload as one would write it: `news.Article(pk=7)`, `Decimal('1.50')`, `{'a': 1}`."""
    if isinstance(value, list):
        return _items("[", [readable_value(item, indent + 1) for item in value], "]", indent)
    if isinstance(value, dict):
        if list(value) == ["$"] and isinstance(value["$"], list) and value["$"]:
            return _tagged(*value["$"], indent=indent)
        entries = [f"{key!r}: {readable_value(item, indent + 1)}" for key, item in value.items()]
        return _items("{", entries, "}", indent)
    return repr(value)


def _tagged(tag: Any, *arguments: Any, indent: int) -> str:
    match tag, arguments:
        case "instance", (str(label), pk, *using):
            alias = f", using={using[0]!r}" if using and using[0] not in (None, "default") else ""
            return f"{label}(pk={readable_value(pk)}{alias})"
        case "model", (str(label),):
            return label
        case "class", (str(module), str(qualname)):
            return f"{module}.{qualname}"
        case "enum", (str(module), str(qualname), member):
            return f"{module}.{qualname}.{member}" if isinstance(member, str) else f"{module}.{qualname}({member!r})"
        case "signal", (str(name),):
            return name
        case (("datetime" | "date" | "time"), (str(text), *_)):
            return f"{tag}({text})"
        case "lazy", (str(text),):
            return repr(text)
        case "int", (str(digits),):
            return digits
        case (("tuple" | "set" | "frozenset"), _):
            items = [readable_value(item, indent + 1) for item in arguments]
            opening, closing = {"tuple": ("(", ")"), "set": ("{", "}"), "frozenset": ("frozenset({", "})")}[tag]
            if tag == "tuple" and len(items) == 1:
                closing = ",)"
            return _items(opening, items, closing, indent) if items or tag == "tuple" else f"{tag}()"
        case "dict", ([*pairs],) if all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            entries = [f"{readable_value(key)}: {readable_value(item, indent + 1)}" for key, item in pairs]
            return _items("{", entries, "}", indent)
        case "decimal", (str(text),):
            return f"Decimal({text!r})"
        case "uuid", (str(text),):
            return f"UUID({text!r})"
    return f"{tag}({', '.join(readable_value(argument) for argument in arguments)})"


def _items(opening: str, items: list[str], closing: str, indent: int) -> str:
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= LINE and "\n" not in line:
        return line
    margin = "    " * indent
    lines = "".join(f"\n{margin}    {item}," for item in items)
    return f"{opening}{lines}\n{margin}{closing.lstrip(',')}"


def _cut(text: str) -> str:
    if len(text) <= MOST_OF_A_VALUE:
        return text
    return f"{text[:MOST_OF_A_VALUE]}\n… ({len(text) - MOST_OF_A_VALUE:,} characters more)"
