"""The model card and the commands around a bundle's identity, on a toy with everything that a manifest can hold."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cxr_desktop.inference.toy import write_toy_bundle
from cxr_export.card import write_card
from cxr_export.cli import app
from cxr_export.inspect import describe
from cxr_shared.bundle import (
    AucChange,
    Bundle,
    Fallback,
    Interval,
    Localisation,
    open_bundle,
    write_bundle,
)
from cxr_shared.findings import Target


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "toy.cxr"
    write_toy_bundle(path, {Target.ANOMALY: (4.0, -1.0), Target.PLEURAL_THICKENING: (1.0, 0.0)}, darkest=0.25)
    return path


def _full(path: Path) -> Bundle:
    """The toy with a fallback, a localisation and a parity on labelled films."""
    opened = open_bundle(path)
    first, *rest = opened.manifest.models
    figure = Interval(value=0.91, low=0.8, high=0.95)
    parity = first.reference.parity.model_copy(
        update={"auc": AucChange(before=figure, after=figure), "flips": {"balanced": 0.0125}, "gate_flips": 0.5}
    )
    changed = first.model_copy(
        update={
            "files": (first.reference.model_copy(update={"parity": parity}), *first.files[1:]),
            "fallbacks": (Fallback(precision="int8", reason="4 of 256 films cross <the> balanced point"),),
            "localisation": (Localisation(source="boxes of a toy", films=7, pointing=figure, iou=figure),),
            "cohort": {"train": {"positive": 1234, "negative": 5}},
        }
    )
    write_bundle(path, opened.manifest.model_copy(update={"models": (changed, *rest)}), opened.files)
    return open_bundle(path)


class _Page(HTMLParser):
    """Text of a page, and whether every element that was opened was closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.open: list[str] = []
        self.outside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [value or "" for name, value in attrs if name in ("src", "href") and "#" not in (value or "")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_card_says_all_that_the_manifest_says_and_needs_no_other_file(bundle: Path, tmp_path: Path) -> None:
    opened = _full(bundle)
    write_card(opened, tmp_path / "card.html")
    page = _Page((tmp_path / "card.html").read_text("utf-8"))
    text = " ".join(page.text)
    assert page.open == []
    assert page.outside == []
    for said in (
        opened.sha256, "not signed", "NOT FOR CLINICAL USE", "Anomaly", "Pleural Thickening", "0.910 (0.800 to 0.950)",
        "4 of 256 films cross <the> balanced point", "balanced 1.2, film gate 50.0", "boxes of a toy",
        "1,234 positive, 5 negative", opened.manifest.models[1].split_sha256,
    ):  # fmt: skip
        assert said.lower() in text.lower(), said


def test_inspect_says_precisions_fallbacks_and_boxes(bundle: Path) -> None:
    text = describe(_full(bundle))
    assert "float32: logit within" in text
    assert "no int8: 4 of 256 films cross" in text
    assert "map highest inside a box on 91% of films" in text


def test_commands_sign_verify_and_describe(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, card = tmp_path / "site.key", tmp_path / "card.html"
    assert app(["keygen", str(key)]) == 0
    assert app(["sign", str(bundle), "--key", str(key)]) == 0
    assert app(["verify", str(bundle), "--key", f"{key}.pub"]) == 0
    signature = open_bundle(bundle).signature
    assert signature is not None
    assert capsys.readouterr().out.count(signature.fingerprint) == 3
    assert app(["inspect", str(bundle), "--html", str(card)]) == 0
    assert f"signed with key {signature.fingerprint}" in card.read_text("utf-8")
    capsys.readouterr()
    assert app(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Manifest"
