"""Which servers this host believes: those that oauth2-proxy believes, too."""

from __future__ import annotations

import ssl


def trusting() -> ssl.SSLContext:
    """The CAs of the host, as Go's crypto/x509 takes them. Python since 3.13 also wants what RFC 5280 says of a CA, for
    example its key usage (VERIFY_X509_STRICT), which many a company's CA lacks; and until then, no intermediate CA alone."""
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
