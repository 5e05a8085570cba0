"""The scores of one film as a Comprehensive SR by TID 1500, Imaging Measurement Report (PS3.16)."""

from __future__ import annotations

import copy
from typing import Final

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from cxr_desktop.inference.verdict import Score
from cxr_desktop.report.dicom import codes as own
from cxr_desktop.report.dicom.header import (
    MAKER,
    PROGRAM,
    Context,
    algorithm_name,
    algorithm_version,
    finish,
    maker,
    program_uid,
)
from cxr_shared import __version__
from cxr_shared.bundle import Interval, ModelEntry
from cxr_shared.findings import Target
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

SERIES_NUMBER: Final = 9001
_NO_UNITS: Final = Code("1", "UCUM", "no units")
_SHOWN_FIGURES: Final = 6
_PROJECTION_ATTRIBUTES: Final = ("PatientOrientation", "ImagerPixelSpacing")


def structured_report(context: Context) -> Dataset:
    """Make the report: one measurement group a target, in the bundle's order.

    A group holds the calibrated probability, the operating point, the logit and on which side the film is; its
    algorithm is the model, with the figures of its manifest. The observer is a device, the document is not verified
    and preliminary, and its first lines say what it is not for. It is complete where every model of the bundle scored.
    """
    complete = {entry.target for entry in context.manifest.models} <= set(context.verdict.scores)
    report = sr.MeasurementReport(
        observation_context=_observer(context),
        procedure_reported=own.CHEST_FILM,
        imaging_measurements=[_group(score, context) for score in context.verdict.scores.values()],
        title=codes.DCM.ImagingMeasurementReport,
        referenced_images=[_for_library(context.source)],
    )
    for words in _comments(context):
        report[0].ContentSequence.append(_comment(words))
    made = sr.ComprehensiveSR(
        evidence=[context.source],
        content=report,
        series_instance_uid=context.series("report"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=context.uid("report"),
        is_complete=complete,
        is_final=False,
        is_verified=False,
        performed_procedure_codes=[own.CHEST_FILM],
        series_description=f"Model scores. {NOT_FOR_CLINICAL_USE}",
        coding_schemes=[own.scheme()],
        **maker(context, context.verdict.scores),
    )
    made.CompletionFlagDescription = "Scores of every model of the bundle" if complete else "Some models gave no score"
    return finish(context, made)


def _observer(context: Context) -> sr.ObservationContext:
    origin = context.verdict.provenance
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=program_uid(context),
        name=PROGRAM,
        manufacturer_name=MAKER,
        model_name=PROGRAM,
        serial_number=origin.bundle_sha256[:16],
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _group(score: Score, context: Context) -> sr.MeasurementsAndQualitativeEvaluations:
    source, name = context.source, score.target.slug
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=context.uid("finding", name), identifier=name),
        finding_type=own.FINDINGS[score.target],
        algorithm_id=_algorithm(score.target, context),
        measurements=_measurements(score),
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name=own.RESULT, value=own.POSITIVE if score.positive else own.NEGATIVE)
        ],
        source_images=[
            sr.SourceImageForMeasurementGroup(
                referenced_sop_class_uid=source.SOPClassUID, referenced_sop_instance_uid=source.SOPInstanceUID
            )
        ],
    )


def _measurements(score: Score) -> list[sr.Measurement]:
    figures = (
        (own.PROBABILITY, score.probability),
        (own.OPERATING_POINT, score.threshold),
        (own.LOGIT, score.logit),
    )
    return [sr.Measurement(name=name, value=round(value, _SHOWN_FIGURES), unit=_NO_UNITS) for name, value in figures]


def _algorithm(target: Target, context: Context) -> sr.AlgorithmIdentification:
    """TID 4019: which model, and how good it is."""
    origin, entry = context.verdict.provenance, context.entry(target)
    return sr.AlgorithmIdentification(
        name=algorithm_name(context, target),
        version=algorithm_version(context),
        manufacturer=MAKER,
        parameters=[
            f"bundle SHA-256 {origin.bundle_sha256}",
            f"{PROGRAM} {__version__}, pixel path {origin.pixel_path_version}",
            f"run on {origin.provider}{f', {origin.plan}' if origin.plan else ''}",
            *_performance(entry),
        ],
    )


def _performance(entry: ModelEntry) -> list[str]:
    point, metrics = entry.operating_point, entry.metrics
    lines = [f"AUC {_interval(metrics.auc)} on {metrics.films} test films of {metrics.patients} patients"]
    lines.append(
        f"operating point {point.name}: sensitivity {_interval(point.test_sensitivity, point.sensitivity)}, "
        f"specificity {_interval(point.test_specificity, point.specificity)}"
    )
    return lines


def _interval(value: Interval | None, otherwise: float = 0.0) -> str:
    if value is None:
        return f"{otherwise:.3f} (on validation films)"
    return f"{value.value:.3f} (95 % {value.low:.3f} to {value.high:.3f})"


def _comments(context: Context) -> list[str]:
    verdict = context.verdict
    said = f"{verdict.urgency.why}; {verdict.disagreement}" if verdict.disagreement else verdict.urgency.why
    notice = verdict.provenance.notice
    return [
        NOT_FOR_CLINICAL_USE if NOT_FOR_CLINICAL_USE in notice else f"{NOT_FOR_CLINICAL_USE}.",
        notice,
        f"Made by a program, read by nobody. {said[:1].upper()}{said[1:]}.",
    ]


def _comment(words: str) -> sr.TextContentItem:
    return sr.TextContentItem(name=codes.DCM.Comment, value=words, relationship_type=sr.RelationshipTypeValues.CONTAINS)


def _for_library(source: Dataset) -> Dataset:
    """Describe the film for the image library; without orientation or spacing it has no entry by TID 1603."""
    if all(keyword in source for keyword in _PROJECTION_ATTRIBUTES):
        return source
    described = copy.copy(source)
    described.Modality = "OT"
    return described
