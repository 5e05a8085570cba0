"""What every object that is written has in common: UIDs, equipment, codes of its makers, and how it is saved."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import highdicom
from highdicom import ContributingEquipment
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from cxr_desktop.implementation import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from cxr_desktop.inference.verdict import Scored
from cxr_shared import __version__
from cxr_shared.bundle import Manifest, ModelEntry
from cxr_shared.errors import OutputError
from cxr_shared.files import sha256_bytes, write_bytes
from cxr_shared.findings import Target
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

MAKER: Final = "cxr-triage"
PROGRAM: Final = "cxr-desktop"

_LONG_STRING: Final = 64

_NAMESPACE: Final = uuid.UUID("0b8f3f9a-6f0e-5b7e-8a35-9c1f3a1f2d60")
_TIMES: Final = (
    "InstanceCreationDate",
    "InstanceCreationTime",
    "DateOfSecondaryCapture",
    "TimeOfSecondaryCapture",
)
_LONG_AGO: Final = dt.datetime(1900, 1, 1)  # noqa: DTZ001  (DICOM's times are local)
"""Stands for a time that a de-identified object must have and must not tell."""


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """All that an object about one film is made of.

    Attributes
    ----------
    source
        From `read_source`, de-identified where that was asked for.
    verdict
        The film's scores and maps.
    manifest
        The bundle that scored it.
    made
        When the objects are written, local time; what is de-identified does not hold it.
    deidentified
        Whether the objects must not say whom the film shows, nor when anything was.
    """

    source: Dataset
    verdict: Scored
    manifest: Manifest
    made: dt.datetime
    deidentified: bool = False

    def entry(self, target: Target) -> ModelEntry:
        """Manifest's entry of a model."""
        return self.manifest.entry(target)

    def uid(self, *parts: str) -> UID:
        """UID of an object, the same whenever the same film got the same verdict from the same program."""
        return derived_uid(self.source.SOPInstanceUID, _fingerprint(self.verdict), __version__, *parts)

    def series(self, kind: str) -> UID:
        """UID of the series of one kind of object about this film."""
        return derived_uid(self.source.SOPInstanceUID, self.verdict.provenance.bundle_sha256, "series", kind)


def derived_uid(*parts: str) -> UID:
    """UID under the root for UUIDs (PS3.5 B.2), the same for the same parts."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}")


def program_uid(context: Context) -> UID:
    """Device UID of this program with this bundle."""
    return derived_uid("device", __version__, context.verdict.provenance.bundle_sha256)


def algorithm_name(context: Context, target: Target) -> str:
    """Name of the model of a target, at most the 64 characters of a Long String (PS3.5 6.2)."""
    bundle = context.verdict.provenance.bundle_name
    return f"{bundle[: _LONG_STRING - 2 - len(target.slug)]}: {target.slug}"


def algorithm_version(context: Context) -> str:
    """Version of the bundle's models."""
    return f"bundle {context.verdict.provenance.bundle_sha256[:16]}"


def equipment(context: Context, targets: Iterable[Target]) -> list[ContributingEquipment]:
    """Say in Contributing Equipment Sequence (PS3.3 C.12.1) that this program and these models processed the film.

    Each has the purpose *Processing Equipment* and a Device UID of its own, which changes with the model: IHE AI
    Results (AIR) Rev. 1.3, 6.5.3.1, asks for one item for each algorithm.
    """
    bundle = context.verdict.provenance.bundle_sha256
    program = _contributor(
        context,
        model=PROGRAM,
        version=__version__,
        uid=program_uid(context),
        description=f"Scored by bundle {bundle[:12]}. {NOT_FOR_CLINICAL_USE}",
    )
    models = (
        _contributor(
            context,
            model=algorithm_name(context, target),
            version=algorithm_version(context),
            uid=derived_uid("model", bundle, target.slug),
            description=f"Model for {target.display}. {NOT_FOR_CLINICAL_USE}",
        )
        for target in targets
    )
    return [program, *models]


def _contributor(context: Context, *, model: str, version: str, uid: UID, description: str) -> ContributingEquipment:
    item = ContributingEquipment(
        manufacturer=MAKER,
        purpose_of_reference=codes.DCM.ProcessingEquipment,
        manufacturer_model_name=model,
        software_versions=version,
        contribution_datetime=None if context.deidentified else context.made,
        contribution_description=description,
    )
    item.DeviceUID = uid
    return item


def maker(context: Context, targets: Iterable[Target]) -> dict[str, Any]:
    """Give the attributes of the General Equipment and SOP Common modules that highdicom's classes take.

    Parameters
    ----------
    context
        The film and its verdict.
    targets
        Those whose models the object's content comes from.
    """
    made = _LONG_AGO if context.deidentified else context.made
    return {
        "manufacturer": MAKER,
        "manufacturer_model_name": PROGRAM,
        "software_versions": __version__,
        "device_serial_number": context.verdict.provenance.bundle_sha256[:16],
        "contributing_equipment": equipment(context, targets),
        "specific_character_set": context.source.SpecificCharacterSet,
        "content_date": made.date(),
        "content_time": made.time(),
        "instance_number": 1,
        "transfer_syntax_uid": ExplicitVRLittleEndian,
    }


def source_reference(context: Context) -> Dataset:
    """Item of Source Image Sequence (PS3.3 C.7.6.1.1.4) that names the film."""
    item = Dataset()
    item.ReferencedSOPClassUID = context.source.SOPClassUID
    item.ReferencedSOPInstanceUID = context.source.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [code_item(codes.DCM.SourceImageForImageProcessingOperation)]
    return item


def code_item(code: Code) -> Dataset:
    """Item of a code sequence."""
    return highdicom.sr.CodedConcept.from_code(code)


def finish(context: Context, made: Dataset) -> Dataset:
    """Set what highdicom leaves out, or sets to now, in any object."""
    made.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    made.file_meta.ImplementationVersionName = IMPLEMENTATION_NAME
    if context.deidentified:
        for keyword in _TIMES:
            _remove(made, keyword)
        for item in made.ContributingEquipmentSequence:
            _remove(item, "ContributionDateTime")
        _say_deidentified(made)
    else:
        made.InstanceCreationDate = context.made.strftime("%Y%m%d")
        made.InstanceCreationTime = context.made.strftime("%H%M%S")
    return made


def encoded(made: Dataset) -> bytes:
    """Encode an object as a Part 10 file.

    Raises
    ------
    OutputError
        It cannot be encoded.
    """
    stored = io.BytesIO()
    try:
        made.save_as(stored, enforce_file_format=True)
    except (ValueError, TypeError, AttributeError, OSError) as error:  # pydicom's for numbers
        raise OutputError(
            f"{made.get('Modality', 'DICOM')} object could not be encoded as DICOM ({type(error).__name__}). "
            "Please report this."
        ) from error
    return stored.getvalue()


def save(made: Dataset, path: Path) -> None:
    """Write a Part 10 file atomically.

    Raises
    ------
    OutputError
        The object cannot be encoded, or the file not be written.
    """
    write_bytes(path, encoded(made))


def _say_deidentified(made: Dataset) -> None:
    """Set the de-identification attributes of PS3.3 C.7.1.1 and C.12.1, for the profile of PS3.15 E.2."""
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = "cxr-desktop: identifiers replaced by keyed hashes"
    made.DeidentificationMethodCodeSequence = [
        code_item(Code("113100", "DCM", "Basic Application Confidentiality Profile"))
    ]
    made.LongitudinalTemporalInformationModified = "REMOVED"


def _remove(made: Dataset, keyword: str) -> None:
    if keyword in made:
        delattr(made, keyword)


def _fingerprint(verdict: Scored) -> str:
    """Hash of all that the objects say of the film."""
    scores = [[score.target.slug, *map(_stable, (score.logit, score.threshold))] for score in verdict.scores.values()]
    said = [scores, dataclasses.asdict(verdict.provenance)]
    return sha256_bytes(json.dumps(said, sort_keys=True).encode())


def _stable(value: float) -> str:
    return f"{value:.6f}"
