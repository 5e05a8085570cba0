"""What this program shows to an archive, and whom it believes: TLS for DIMSE, a session for DICOMweb."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxr_desktop.pacs.errors import PeerUnreachable
from cxr_desktop.pacs.libraries import IMPORTING, silence_libraries
from cxr_desktop.pacs.peers import Tls, WebPeer
from cxr_shared.errors import MissingExtra

if TYPE_CHECKING:
    from requests import Session

_SECRET_BYTES: Final = 1 << 16


def caller_context(tls: Tls, name: str) -> ssl.SSLContext:
    """Make the TLS context of a caller: the archive's certificate and name are checked, always.

    Parameters
    ----------
    tls
        What the network file says.
    name
        What a person calls the archive.

    Raises
    ------
    PeerUnreachable
        A file of the network file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=tls.authorities)
        context.hostname_checks_common_name = False  # RFC 9525; urllib3 does the same for DICOMweb
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise PeerUnreachable(
            f"A TLS file of the peer {name!r} cannot be used ({error.strerror or 'unknown reason'}). Correct its path "
            "in the network file."
        ) from error
    return context


def web_session(peer: WebPeer) -> Session:
    """Make a session that uses what the network file names and nothing else: no proxy, no redirect, no other password.

    Raises
    ------
    MissingExtra
        The packages are not installed.
    PeerUnreachable
        A file cannot be read.
    """
    try:
        with IMPORTING:
            import dicomweb_client  # noqa: F401
            import requests
    except ModuleNotFoundError as error:
        raise MissingExtra(module="dicomweb_client", extra="pacs") from error
    silence_libraries()
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    if peer.authorities is not None:
        _read(peer.authorities)
        session.verify = str(peer.authorities)
    if peer.token_file is not None:
        session.headers["Authorization"] = f"Bearer {_read(peer.token_file)}"
    elif peer.user and peer.password_file is not None:
        pair = f"{peer.user}:{_read(peer.password_file)}".encode()
        session.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"  # UTF-8, RFC 7617
    return session


def close_session(session: Session) -> None:
    """Close a session and its connections; urllib3 2 alone leaves them open until its pools are collected."""
    for adapter in session.adapters.values():
        pools = adapter.poolmanager.pools  # type: ignore[attr-defined]
        for key in pools.keys():  # noqa: SIM118  (it cannot be iterated over)
            if (pool := pools.get(key)) is not None:
                pool.close()
    session.close()


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_SECRET_BYTES).decode("utf-8", errors="strict").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise PeerUnreachable(f"{path} cannot be read: {reason}. Correct its path in the network file.") from error
