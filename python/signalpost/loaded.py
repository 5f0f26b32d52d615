"""Classes by name, among the modules that are loaded. A name never imports or evaluates anything."""

from __future__ import annotations

import sys

__all__ = ["find_class"]


def find_class(module: str, qualname: str) -> type | None:
    """The class of this name, if its module is loaded and it is there.

    Looked up in the dictionaries of module and classes: `getattr` could run a module's `__getattr__`, which may import.
    """
    holder: object = sys.modules.get(module)
    for name in qualname.split("."):
        try:
            holder = vars(holder).get(name)
        except TypeError:
            return None
    return holder if isinstance(holder, type) else None
