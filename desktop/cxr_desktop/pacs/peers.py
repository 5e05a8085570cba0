"""How an archive is reached: by DIMSE, by DICOMweb, or by both."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_INK: Final = r"[\x21-\x5b\x5d-\x7e]"
AeTitle = Annotated[str, StringConstraints(pattern=rf"^{_INK}([\x20-\x5b\x5d-\x7e]{{0,14}}{_INK})?$")]
"""1 to 16 characters of the default repertoire, no backslash, no space at an end, PS3.5 6.2."""
Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0 lets the system choose one."""
SOURCE: Final = "source"
"""Stands for the peer that a film came from."""


class Part(BaseModel):
    """A part of the network file; a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(Part):
    """TLS of one direction: what this program shows, and whom it believes.

    Attributes
    ----------
    certificate
        PEM file of this program's own certificate and its chain. A receiver must have it; to a peer it is shown where
        it asks.
    key
        PEM file of the certificate's private key.
    authorities
        PEM file of the authorities believed: a receiver then asks every caller for a certificate (mutual TLS); towards
        a peer the system's own are used where it is not given.
    """

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None

    @model_validator(mode="after")
    def _both(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        return self


class DimsePeer(Part):
    """An archive that speaks DIMSE.

    Attributes
    ----------
    ae_title
        What it is called.
    host
        Its name or address.
    port
        Its TCP port.
    retrieve
        How films are fetched: C-GET over the same association, or C-MOVE to this program's receiver, which the
        archive must know by its title.
    tls
        With it nothing is sent without TLS.
    timeout_seconds
        Longest silence.
    """

    ae_title: AeTitle
    host: str
    port: Annotated[int, Field(ge=1, le=65535)]
    retrieve: Literal["get", "move"] = "get"
    tls: Tls | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] = 30


class WebPeer(Part):
    """An archive that speaks DICOMweb.

    Attributes
    ----------
    url
        Of the service root, such as ``https://pacs.example/dicom-web``; plain http is taken for loopback alone.
    token_file
        File that holds a bearer token.
    user
        For basic authentication.
    password_file
        File that holds that user's password.
    authorities
        PEM file of the authorities believed, where the system's own are not to be.
    timeout_seconds
        Longest silence.
    """

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
    token_file: Path | None = None
    user: str = ""
    password_file: Path | None = None
    authorities: Path | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] = 30

    @model_validator(mode="after")
    def _safe(self) -> WebPeer:
        host = self.url.split("//", 1)[1].split("/", 1)[0].rsplit("@", 1)[-1]
        loopback = host.startswith(("127.", "localhost", "[::1]"))
        if self.url.startswith("http://") and not loopback:
            raise ValueError("patient data must not go over plain http: use https, or a tunnel that ends on loopback")
        if "@" in self.url.split("//", 1)[1].split("/", 1)[0]:
            raise ValueError("name user and password_file, not a password in the url")
        return self


class Peer(Part):
    """An archive, by one protocol or both; what both can do goes over DICOMweb.

    Attributes
    ----------
    name
        What a person calls it.
    dimse
        How it is reached by DIMSE.
    web
        How it is reached by DICOMweb.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    dimse: DimsePeer | None = None
    web: WebPeer | None = None

    @model_validator(mode="after")
    def _some(self) -> Peer:
        if self.dimse is None and self.web is None:
            raise ValueError(f"the peer {self.name!r} needs dimse or web")
        if self.name == SOURCE:
            raise ValueError(f"no peer can be called {SOURCE!r}, which stands for the peer that a film came from")
        return self
