"""An archive with today's chest films for the picture of the dialog that finds them; its people are made up."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_PEOPLE: Final = (
    ("Okafor^Chidi", "CHEST PA", "DX"),
    ("Lindqvist^Astrid", "CHEST PA", "DX"),
    ("Ferreira^Joana", "Thorax p.a.", "CR"),
    ("Müller^Jörg", "Thorax p.a.", "CR"),
    ("Novak^Petra", "CHEST AP portable", "DX"),
    ("Haddad^Samir", "", "DX"),
    ("Byrne^Aoife", "CHEST PA", "DX"),
)


@contextmanager
def archive_of_today(network: Path) -> Iterator[bool]:
    """Run an Orthanc that a network file names; gives False where Orthanc is not installed.

    Parameters
    ----------
    network
        The file; it is written, and removed at the end.
    """
    import pytest

    sys.path.insert(0, str(_ROOT))
    from tests.desktop.pacs.archives import film, store
    from tests.desktop.pacs.peers_orthanc import running_orthanc

    today = date.today()  # noqa: DTZ011  (what the dialog asks for)
    with tempfile.TemporaryDirectory(prefix="cxr-archive-") as place:
        try:
            with running_orthanc(Path(place)) as orthanc:
                people = [
                    film(
                        patient=f"{4100 + 37 * number}",
                        name=name,
                        day=today,
                        description=description,
                        part="CHEST",
                        modality=modality,
                        accession=f"R{2200 + number}",
                        seed=number,
                    )
                    for number, (name, description, modality) in enumerate(_PEOPLE)
                ]
                store(orthanc.dimse, [*people, film(patient="7", day=today, part="HAND")])
                network.write_text(f'[[peers]]\nname = "archive"\n[peers.web]\nurl = "{orthanc.web.url}"\n', "utf-8")
                yield True
        except pytest.skip.Exception:
            yield False
        finally:
            network.unlink(missing_ok=True)
