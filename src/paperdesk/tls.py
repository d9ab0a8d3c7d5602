"""The certificate that the service shows, made ready before anything is started.

Owns: which TLS is spoken, and how a certificate that cannot be used reads to a person. Knows
nothing of the server that speaks it.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from paperdesk.config import ServerSettings
from paperdesk.errors import ConfigError


def tls_of(server: ServerSettings) -> ssl.SSLContext | None:
    """Return how to speak TLS, None where the service speaks plain HTTP. Raises ConfigError."""
    if server.tls_certificate is None or server.tls_key is None:
        return None
    for name, path in (("certificate", server.tls_certificate), ("key", server.tls_key)):
        _look_at(f"server.tls_{name}", path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(server.tls_certificate, server.tls_key, _no_password)
    except ssl.SSLError as error:
        raise ConfigError(_words_of(error, server.tls_certificate, server.tls_key)) from error
    return context


def _look_at(name: str, path: Path) -> None:
    """Raise ConfigError where the file cannot be read: OpenSSL would not say which one."""
    try:
        path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{name}: {path} cannot be read: {error.strerror}.") from error


def _no_password() -> str:
    """Answer for the terminal, where a service has nobody to ask."""
    raise ConfigError(
        "server.tls_key: the key is encrypted; give one without a password, readable by the "
        "service alone (mode 600)."
    )


def _words_of(error: ssl.SSLError, certificate: Path, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"server.tls_key: {key} is not the key of the certificate {certificate}."
    return (
        f"server.tls_certificate and server.tls_key: {certificate} and {key} are no certificate "
        f"and key in PEM ({error.reason or 'not understood'})."
    )
