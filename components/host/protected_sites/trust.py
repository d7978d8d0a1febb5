"""Which servers this host trusts: the same as oauth2-proxy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable


def trusting() -> ssl.SSLContext:
    """The host's CAs, as Go's crypto/x509 uses them. Python since 3.13 also requires what RFC 5280 says about a CA, for
    example its key usage (VERIFY_X509_STRICT), which many company CAs lack; before, it trusts no lone intermediate CA."""
    return as_go(ssl.create_default_context())


def encrypted(connect: Callable[[], socket.socket], name: str) -> ssl.SSLSocket:
    """A TLS connection to a server that this host trusts; `connect` makes the connection below it.

    Reading the file with all CAs takes longer than the rest of a request. So it is read only for a server that needs a CA
    which is missing in the folder, where OpenSSL looks a CA up by its name.
    """
    if folder := ssl.get_default_verify_paths().capath:
        context = as_go(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        context.load_verify_locations(capath=folder)
        try:
            return wrapped(context, connect(), name)
        except ssl.SSLCertVerificationError:
            pass
    return wrapped(trusting(), connect(), name)


def wrapped(context: ssl.SSLContext, plain: socket.socket, name: str) -> ssl.SSLSocket:
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def as_go(context: ssl.SSLContext) -> ssl.SSLContext:
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
