"""A network file to begin with: all of it is explained, and nothing of it is turned on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cxr_desktop.pacs.errors import NetworkError

TEMPLATE: Final = """\
# The clinic's network, for cxr-triage. Lines that begin with "#" and no space are examples: take the "#" off.
# The program reads this file when it starts, and when Network settings asks it to.

# Receiving: films that an archive or a modality sends (C-STORE) arrive on the worklist.
#[receive]
#enabled = true
#ae_title = "CXRTRIAGE"        # what this program calls itself, here and when it asks
#host = "127.0.0.1"            # 0.0.0.0 to be reached from other machines
#port = 11112
#calling_titles = ["ARCHIVE"]  # who may call; keeps mistakes out, not attackers
#addresses = ["127.0.0.0/8"]   # and from where

# An archive by DICOMweb (QIDO-RS, WADO-RS, STOW-RS).
#[[peers]]
#name = "archive"
#[peers.web]
#url = "https://archive.example/dicom-web"
#token_file = "/path/to/token"          # or user = "..." and password_file = "..."

# An archive by DIMSE (C-FIND, C-GET or C-MOVE, C-STORE).
#[[peers]]
#name = "old archive"
#[peers.dimse]
#ae_title = "ARCHIVE"
#host = "archive.example"
#port = 104
#retrieve = "get"                        # "move" sends films to the receiver above, which must run

# Returning: where Return results sends Structured Report, Secondary Captures and Segmentation.
#[return]
#to = "source"                           # the peer that the film came from, or a peer's name
"""


def write_template(path: Path) -> None:
    """Write the template where there is no network file yet; one that is there is never touched.

    Raises
    ------
    NetworkError
        There is a file, or the operating system refused.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(TEMPLATE)
    except FileExistsError as error:
        raise NetworkError(f"There is a {path} already; it was not changed. Edit it.") from error
    except OSError as error:
        raise NetworkError(f"{path} cannot be written: {error.strerror}. Name another place in CXR_NETWORK.") from error
