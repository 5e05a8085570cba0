"""Real archives and tools send films in their own ways; the film is the same afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from cxr_desktop.pacs.spool import origin_of
from cxr_shared.film import Film, read_film

from .peers_dcmtk import Dcmtk
from .peers_orthanc import TITLE, running_orthanc
from .receiving import MakeReceiver

pytestmark = [pytest.mark.waiting, pytest.mark.peer]


def _pixels(path: Path) -> np.ndarray:
    film = read_film(path)
    assert isinstance(film, Film)
    return film.pixels


@pytest.mark.parametrize(
    ("encoder", "proposed", "syntax"),
    [
        ((), "-xi", ImplicitVRLittleEndian),
        ((), "-xb", ExplicitVRLittleEndian),  # it offers this too
        ((), "-xd", DeflatedExplicitVRLittleEndian),
        (("dcmcrle",), "-xr", RLELossless),
        (("dcmcjpeg", "+e1"), "-xs", JPEGLosslessSV1),
        (("dcmcjpls", "+el"), "-xt", JPEGLSLossless),
    ],
)
def test_dcmtk_sends_a_film_in_other_encodings(
    make_receiver: MakeReceiver,
    dcmtk: Dcmtk,
    phantom: Path,
    tmp_path: Path,
    encoder: tuple[str, ...],
    proposed: str,
    syntax: UID,
) -> None:
    receiving, sent = make_receiver(), phantom
    if encoder:
        sent = tmp_path / "encoded.dcm"
        assert dcmtk.call(*encoder, phantom, sent).returncode == 0
    done = dcmtk.store(receiving.port, sent, options=(proposed,))
    assert done.returncode == 0, done.stdout
    (film,) = receiving.films
    assert dcmread(film, stop_before_pixels=True).file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(_pixels(film), _pixels(phantom))


def test_orthanc_forwards_a_film(make_receiver: MakeReceiver, phantom: Path, tmp_path: Path) -> None:
    receiving = make_receiver(calling_titles=(TITLE,))
    with running_orthanc(tmp_path / "orthanc", modalities={"CXRTRIAGE": ("127.0.0.1", receiving.port)}) as orthanc:
        instance = json.loads(orthanc.post("/instances", phantom.read_bytes()))["ID"]
        assert json.loads(orthanc.post("/modalities/CXRTRIAGE/echo", b"{}")) == {}
        done = json.loads(orthanc.post("/modalities/CXRTRIAGE/store", instance.encode()))
    assert done["FailedInstancesCount"] == 0
    (film,) = receiving.films
    assert origin_of(film) == TITLE
    assert dcmread(film) == dcmread(phantom)
