"""What can go wrong with an archive."""

from __future__ import annotations

from cxr_shared.errors import CxrError


class ArchiveUnreachable(CxrError):
    """The films' place cannot be listed, or holds none."""


class ArchiveRefused(CxrError):
    """The results' place holds those of another run, which must not be mixed with this one's."""


class ArchiveOptions(CxrError):
    """Options of the command that do not go together."""


class MachineFailed(CxrError):
    """A machine of the cluster cannot run the bundle; the sentence is that machine's own."""


class ArchiveUnfinished(CxrError):
    """Some films have no row yet; the same command goes on."""
