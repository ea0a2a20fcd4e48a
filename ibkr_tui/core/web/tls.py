"""The TLS settings of every connection to IBKR."""

from __future__ import annotations

import ssl

import certifi


def tls_context(*, verify: bool) -> ssl.SSLContext:
    """TLS 1.2 or newer with the certificates of certifi; `verify=False` is for a gateway on this machine only.

    Made by hand: the context of the standard library would write its keys to the file named by SSLKEYLOGFILE, and
    trust the certificates named by SSL_CERT_FILE.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if verify:
        context.load_verify_locations(certifi.where())
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
