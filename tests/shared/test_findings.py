"""Targets, their names and NIH's label cells."""

from __future__ import annotations

import pytest

from cxr_shared.errors import UnknownName
from cxr_shared.findings import FINDINGS, Target, parse_labels, parse_target

NIH_NAMES = {
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia",
}  # fmt: skip


def test_there_are_14_findings_and_15_targets() -> None:
    assert {finding.value for finding in FINDINGS} == NIH_NAMES
    assert len(Target) == 15
    assert Target.ANOMALY not in FINDINGS


@pytest.mark.parametrize(
    "name", ["pleural-thickening", "Pleural_Thickening", " PLEURAL thickening ", "pleural_thickening"]
)
def test_names_are_read_in_any_style(name: str) -> None:
    assert parse_target(name) is Target.PLEURAL_THICKENING


@pytest.mark.parametrize("target", Target)
def test_every_slug_and_display_name_leads_back(target: Target) -> None:
    assert parse_target(target.slug) is target
    assert parse_target(target.display) is target
    assert 0 < target.urgency <= 1


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'pneumothorax'") as caught:
        parse_target("pneumotorax")
    assert caught.value.suggestion == "pneumothorax"
    with pytest.raises(UnknownName, match="Known: anomaly"):
        parse_target("xyzzy")


def test_label_cells() -> None:
    assert parse_labels("No Finding") == frozenset()
    assert parse_labels("Mass|Pleural_Thickening") == {Target.MASS, Target.PLEURAL_THICKENING}
    with pytest.raises(UnknownName):
        parse_labels("Mass|Fracture")
