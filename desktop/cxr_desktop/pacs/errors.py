"""One class for each thing of the network that a person can act on; messages hold no patient data."""

from __future__ import annotations

from pathlib import Path

from cxr_shared.errors import CxrError


class NetworkError(CxrError):
    """Something about the network that a person can act on."""


class NetworkNotConfigured(NetworkError):
    """There is no file that turns the network on."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The network is off: there is no {path}. Write one (docs: how to connect to a PACS), or name another "
            "with --network or in CXR_NETWORK."
        )


class NetworkFileDamaged(NetworkError):
    """The network file cannot be read, or says something that cannot be."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be used: {reason}. Correct it and start again; nothing was changed.")


class PeerUnknown(NetworkError):
    """No peer of that name or AE title is in the network file."""


class PeerUnreachable(NetworkError):
    """A peer cannot be reached, or ends the conversation."""


class PeerRefused(NetworkError):
    """A peer answered, and said no: its status or HTTP code is in the message."""


class PortInUse(NetworkError):
    """The receiver's or the service's port is taken, or may not be bound."""


class CertificateUnusable(NetworkError):
    """A certificate or key that TLS needs cannot be read, or they do not belong together."""


class SpoolFull(NetworkError):
    """The quota of received films is used up, or the disk has too little room left; nothing was acknowledged."""


class SpoolNotWritable(NetworkError):
    """The operating system refused to keep a film; nothing was acknowledged."""
