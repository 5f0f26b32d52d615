"""What Django looks for in a backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base

__all__ = ["DatabaseWrapper"]


class DatabaseWrapper(base.DatabaseWrapper):
    """The password stands in the file that the option `token_file` names."""

    def get_connection_params(self) -> dict[str, Any]:
        """Those of PostgreSQL, with the password of now."""
        parameters: dict[str, Any] = super().get_connection_params()
        token = Path(parameters.pop("token_file")).read_text()
        return {**parameters, "password": token}
