"""Certificates for tests of encrypted connections, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["Authority"]


class Authority:
    """Signs certificates. Its own is `authority.crt` in its directory."""

    def __init__(self, directory: Path, name: str = "tests of signalpost") -> None:
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self.certificate = directory / "authority.crt"
        self._key = directory / "authority.key"
        made = [*_NEW_KEY, str(self._key), "-x509", "-days", "2", "-subj", f"/CN={name}", "-out", str(self.certificate)]
        _openssl("req", *made)

    def sign(self, name: str, host: str | None = None) -> tuple[Path, Path]:
        """A certificate for `name` and its key, each a file that only its owner reads. With `host`, it is a server's."""
        certificate, key, request = (self._directory / f"{name}.{kind}" for kind in ("crt", "key", "csr"))
        _openssl("req", *_NEW_KEY, str(key), "-subj", f"/CN={name}", "-out", str(request))
        extensions = self._directory / "extensions"
        extensions.write_text("basicConstraints=CA:FALSE\n" + (f"subjectAltName=DNS:{host}\n" if host else ""))
        signed = ["-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial", "-extfile", str(extensions)]
        _openssl("x509", "-req", "-in", str(request), *signed, "-days", "2", "-out", str(certificate))
        key.chmod(0o600)
        return certificate, key


_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"]


def _openssl(*arguments: str) -> None:
    ended = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
