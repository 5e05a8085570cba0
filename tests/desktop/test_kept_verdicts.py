"""Verdicts that were written before operating points had names, and paths that are no UTF-8."""

from __future__ import annotations

import json
from pathlib import Path

from cxr_desktop.bench_ui.material import scored
from cxr_desktop.inference.verdict import Scored
from cxr_desktop.store.codec import Unpacker, pack
from cxr_desktop.store.form import to_json
from cxr_shared.files import sha256_bytes


def _unpacked(verdict: Scored, *, named: bool) -> Scored:
    packed = pack(verdict)
    form = json.loads(packed.form)
    if not named:
        form["scores"] = [score[:-1] for score in form["scores"]]
    texts = {sha256_bytes(text.encode()): text for text in (packed.provenance, to_json(form))}
    provenance, form_key = texts
    unpacker = Unpacker(texts, lambda _row: packed.heat_maps)
    kept = unpacker.verdict(
        1, packed.body, provenance=provenance, form=form_key, numbers=packed.numbers, thumbnail=None
    )
    assert isinstance(kept, Scored)
    return kept


def test_the_operating_point_is_kept_and_none_is_read_where_none_was_written() -> None:
    (verdict,) = scored([Path("a.png")], bundle_sha256="b" * 64)
    kept, before = _unpacked(verdict, named=True), _unpacked(verdict, named=False)
    assert dict(kept.scores) == dict(verdict.scores)
    assert {score.point for score in kept.scores.values()} == {"balanced"}
    assert {score.point for score in before.scores.values()} == {""}
    assert dict(kept.peaks) == dict(verdict.peaks)
    assert kept.disagreement == verdict.disagreement


def test_a_path_that_is_no_utf8_comes_back() -> None:
    (verdict,) = scored([Path("r\udcf6ntgen.png")], bundle_sha256="b" * 64)
    assert _unpacked(verdict, named=True).source == verdict.source
