from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from cxr_desktop.batch import Reports, score_all
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.verdict import Refused, Scored
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.report import Worklist, write_csv
from cxr_desktop.report import worklist as worklist_module
from cxr_shared.bundle import Bundle
from cxr_shared.errors import OutputError


@pytest.fixture
def worklist(bundle: Bundle, films: dict[str, Path], warm_pools: MakePool) -> Worklist:
    return score_all(films.values(), bundle, wanted=Wanted.CPU, thumbnails=True, make_pool=warm_pools)


def test_json_is_versioned_complete_and_in_order(bundle: Bundle, worklist: Worklist, tmp_path: Path) -> None:
    Reports(json=tmp_path / "w.json").write(worklist, bundle)
    document = json.loads((tmp_path / "w.json").read_text())
    assert document["schema"] == "cxr-worklist/2"
    assert document["bundle"] == {"name": "toy", "sha256": bundle.sha256}
    assert document["provider"] == {"name": "CPU", "reason": "as asked", "plan": "float32, side by side"}
    assert document["complete"] is True
    assert document["counts"] == {"found": 4, "above": 2, "below": 1, "refused": 1}
    lanes = {"urgent": 2, "abnormal": 0, "disagreement": 0, "refused": 1, "below thresholds": 1, "normal": 0}
    assert document["lanes"] == lanes
    assert [Path(film["file"]).stem for film in document["films"]] == ["dark", "bright", "broken", "middle"]
    dark, _, broken, _ = document["films"]
    assert dark["scores"]["pneumothorax"]["positive"] is True
    assert set(dark["scores"]["effusion"]) == {"logit", "probability", "threshold", "threshold_logit", "positive"}
    assert 0 <= dark["peak"]["effusion"]["x"] <= dark["columns"]
    assert set(dark["timings_ms"]) == {"read", "infer"}
    assert broken["state"] == "refused"
    assert broken["refusal"]["kind"] == "not-an-image"
    assert broken["urgency"] is None


def test_csv_has_one_row_a_film_and_columns_for_each_target(worklist: Worklist, tmp_path: Path) -> None:
    write_csv(tmp_path / "w.csv", worklist)
    with (tmp_path / "w.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [Path(row["file"]).stem for row in rows] == ["dark", "bright", "broken", "middle"]
    assert rows[0]["pneumothorax_positive"] == "1"
    assert float(rows[1]["effusion"]) > 0.5
    assert rows[2]["refusal"] == "not-an-image"
    assert rows[2]["pneumothorax"] == ""


def test_a_name_that_looks_like_a_formula_is_no_formula_in_csv(worklist: Worklist, tmp_path: Path) -> None:
    verdict = Refused(Path("=cmd|calc.png"), "unreadable", "-1 is no film.", worklist.provenance)
    write_csv(tmp_path / "w.csv", Worklist(worklist.provenance, found=1, verdicts=[verdict]))
    with (tmp_path / "w.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["file"] == "'=cmd|calc.png"
    assert row["reason"].startswith("'-1")


def test_html_is_one_dark_file_with_pictures_and_the_notice(bundle: Bundle, worklist: Worklist, tmp_path: Path) -> None:
    worklist.add(Refused(Path("<script>alert(1)</script>.png"), "unreadable", "a < b.", worklist.provenance))
    worklist.found += 1
    Reports(html=tmp_path / "w.html").write(worklist, bundle)
    page = (tmp_path / "w.html").read_text()
    assert "NOT FOR CLINICAL USE" in page
    assert page.count("data:image/jpeg;base64,") == 6
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert page.index("dark.png") < page.index("broken.png") < page.index("middle.png")
    assert "color-scheme:dark" in page


def test_a_stopped_run_says_so_in_every_report(bundle: Bundle, worklist: Worklist, tmp_path: Path) -> None:
    worklist.stopped = True
    worklist.found = 9
    Reports(json=tmp_path / "w.json", html=tmp_path / "w.html").write(worklist, bundle)
    assert json.loads((tmp_path / "w.json").read_text())["complete"] is False
    assert "stopped early: 5 not read" in (tmp_path / "w.html").read_text()


def test_only_the_most_urgent_films_keep_their_pictures(worklist: Worklist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worklist_module, "PICTURED", 2)
    again = Worklist(worklist.provenance)
    for verdict in [*worklist.verdicts, *worklist.verdicts]:
        again.add(verdict)
    kept = [each for each in again.verdicts if isinstance(each, Scored) and each.thumbnail is not None]
    assert len(again.verdicts) == 8
    assert len(kept) <= 4
    assert {each.source.stem for each in kept[:2]} == {"dark"}


def test_reports_that_cannot_be_written_fail_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"w\.json cannot be written"):
        Reports(json=tmp_path / "file" / "w.json").check()
    with pytest.raises(OutputError, match="is a folder"):
        Reports(csv=tmp_path).check()
