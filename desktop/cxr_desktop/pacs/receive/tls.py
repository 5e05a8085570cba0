"""TLS of the receiver's side, after the BCP 195 profiles of PS3.15 B.9: 1.2 or later."""

from __future__ import annotations

import ssl

from cxr_desktop.pacs.config import Tls
from cxr_desktop.pacs.errors import CertificateUnusable


def server_context(tls: Tls) -> ssl.SSLContext:
    """Make the context of a server; with `authorities` every caller must show a certificate of theirs.

    Raises
    ------
    CertificateUnusable
        A file is missing, is no PEM, or the key does not fit the certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.certificate is None or tls.key is None:
        raise CertificateUnusable("The receiver's TLS needs certificate and key. Name both in the network file.")
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise CertificateUnusable(
            f"{tls.certificate} with the key {tls.key} cannot be used ({_reason(error)}). "
            "Name a PEM certificate and its key without a password."
        ) from error
    if tls.authorities is not None:
        try:
            context.load_verify_locations(tls.authorities)
        except (OSError, ValueError) as error:
            raise CertificateUnusable(
                f"{tls.authorities} cannot be used ({_reason(error)}). Name a PEM file of authorities."
            ) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")  # and OpenSSL would ask on the terminal


def _reason(error: OSError | ValueError) -> str:
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
