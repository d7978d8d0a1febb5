"""Which servers this host trusts: the same as oauth2-proxy."""

from __future__ import annotations

import ssl


def trusting() -> ssl.SSLContext:
    """The host's CAs, as Go's crypto/x509 uses them. Python since 3.13 also requires what RFC 5280 says about a CA, for
    example its key usage (VERIFY_X509_STRICT), which many company CAs lack; before, it trusts no lone intermediate CA."""
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
