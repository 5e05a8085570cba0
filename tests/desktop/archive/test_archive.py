"""An archive scored in this process: the rows, going on, growth, what is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from cxr_desktop import batch
from cxr_desktop.archive.errors import ArchiveOptions, ArchiveRefused, ArchiveUnreachable
from cxr_desktop.archive.run import PART_FILMS, Archive, Event, Here, Listed, score_archive
from cxr_desktop.archive.storage import Storage
from cxr_desktop.cli import app
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.report.json_file import worklist_document
from cxr_desktop.report.pseudonyms import Pseudonyms
from cxr_shared.bundle import Bundle, open_bundle
from cxr_shared.findings import Target

ReadRows = Callable[[str | Path], pd.DataFrame]
WriteFilm = Callable[..., Path]


def archive(films: object, out: object, **more: object) -> Archive:
    return Archive((str(films),), Storage(str(out)), Wanted.CPU, part_films=20, **more)  # type: ignore[arg-type]


def score(films: object, out: object, bundle: Bundle, **more: object) -> list[Event]:
    events: list[Event] = []
    score_archive(archive(films, out, **more), bundle, Here(bundle), tell=events.append)
    return events


def test_rows_say_what_plain_triage_says(
    archive_films: Path, scored: Path, bundle: Bundle, read_rows: ReadRows, tmp_path: Path
) -> None:
    shutil.copytree(archive_films, tmp_path / "films", ignore=shutil.ignore_patterns("*.zip"))
    plain = worklist_document(batch.score_all([tmp_path / "films"], bundle, wanted=Wanted.CPU))
    rows = read_rows(scored)
    rows = rows[rows["refusal_kind"] != "zip-not-opened"]
    by_file = {str(Path(row["file"]).relative_to(archive_films)): row for _, row in rows.iterrows()}
    assert len(by_file) == len(plain["films"]) == len(rows)
    for film in plain["films"]:
        row = by_file[str(Path(film["file"]).relative_to(tmp_path / "films"))]
        assert (row["state"], row["lane"], row["sha256"]) == (film["state"], film["lane"], film["sha256"])
        assert row["reason"] == film["reason"]
        if film["state"] == "refused":
            assert (row["refusal_kind"], row["refusal_message"]) == tuple(film["refusal"].values())
            assert pd.isna(row["pneumothorax_logit"])
            continue
        assert round(row["urgency"], 6) == film["urgency"]
        assert (row["rows"], row["columns"], row["view"]) == (film["rows"], film["columns"], film["view"])
        for slug, said in film["scores"].items():
            assert round(float(row[f"{slug}_logit"]), 6) == said["logit"]
            assert round(row[f"{slug}_probability"], 6) == said["probability"]
            assert (row[f"{slug}_threshold"], row[f"{slug}_positive"]) == (said["threshold"], said["positive"])


def test_scores_are_equal_to_the_last_bit(
    archive_films: Path, scored: Path, bundle: Bundle, read_rows: ReadRows
) -> None:
    plain = batch.score_all([archive_films / "sub"], bundle, wanted=Wanted.CPU)
    logits = {str(each.source): each.scores[Target.EFFUSION].logit for each in plain.verdicts}  # type: ignore[union-attr]
    rows = read_rows(scored).set_index("file").loc[list(logits)]
    np.testing.assert_array_equal(rows["effusion_logit"], np.array(list(logits.values()), np.float32))


def test_parts_are_one_data_set_that_says_what_made_it(scored: Path, bundle: Bundle) -> None:
    parts = sorted(scored.glob("part-*.parquet"))
    assert [part.name for part in parts] == [f"part-0000{number}.parquet" for number in range(4)]
    assert ds.dataset(scored).count_rows() == 73
    metadata = pq.read_schema(parts[-1]).metadata
    assert metadata[b"cxr.schema"] == b"cxr-archive/1"
    assert metadata[b"cxr.bundle_sha256"].decode() == bundle.sha256
    assert (metadata[b"cxr.provider"], metadata[b"cxr.plan"]) == (b"CPU", b"float32, side by side")
    assert b"NOT FOR CLINICAL USE" in metadata[b"cxr.notice"]
    schemas = {pq.read_schema(part).remove_metadata().to_string() for part in parts}
    assert len(schemas) == 1


def test_bad_films_are_rows(scored: Path, read_rows: ReadRows) -> None:
    refused = read_rows(scored).query("state == 'refused'")
    found = {Path(row["file"]).name: row["refusal_kind"] for _, row in refused.iterrows()}
    assert found == {"broken.png": "not-an-image", "cut.png": "undecodable", "films.zip": "zip-not-opened"}


def test_a_film_that_crashes_its_decoder_is_one_row(
    tmp_path: Path, bundle: Bundle, write_film: WriteFilm, read_rows: ReadRows
) -> None:
    (tmp_path / "films").mkdir()
    for name in ("a", "kill", "b"):
        write_film(tmp_path / "films" / f"{name}.png", grey=90)
    command = crashing_decoder(tmp_path)
    here = Here(bundle, make_pool=lambda: DecodePool(workers=1, command=command))
    score_archive(archive(tmp_path / "films", tmp_path / "out"), bundle, here, tell=lambda _: None)
    rows = read_rows(tmp_path / "out").set_index(read_rows(tmp_path / "out")["file"].map(lambda file: Path(file).stem))
    assert dict(rows["refusal_kind"].fillna("")) == {"a": "", "b": "", "kill": "worker-crashed"}


def crashing_decoder(folder: Path) -> tuple[str, str]:
    """Command line of a decoder that dies of every film whose name begins with kill."""
    script = folder / "crashing_decoder.py"
    script.write_text(
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from cxr_desktop.intake.worker import main\n"
        "def handle(request):\n"
        "    if Path(request['path']).name.startswith('kill'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.exit(main(handle))\n"
    )
    return sys.executable, str(script)


def test_the_same_command_scores_what_is_missing_alone(
    archive_films: Path, scored: Path, bundle: Bundle, read_rows: ReadRows, tmp_path: Path
) -> None:
    out = shutil.copytree(scored, tmp_path / "out")
    (out / "part-00002.parquet").unlink()
    others = {part: part.stat().st_mtime_ns for part in out.glob("part-*.parquet")}
    events = score(archive_films, out, bundle)
    assert events[0] == Listed(films=73, before=53, remarks=())
    assert {part: part.stat().st_mtime_ns for part in others} == others
    pd.testing.assert_frame_equal(read_rows(out), read_rows(scored))


def test_films_that_came_since_are_a_further_list(
    bundle: Bundle, write_film: WriteFilm, read_rows: ReadRows, tmp_path: Path
) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    write_film(films / "b.png", grey=90)
    score(films, out, bundle)
    before = (out / "part-00000.parquet").read_bytes()
    write_film(films / "a.png", grey=200)
    write_film(films / "b.png", grey=30)
    listed = score(films, out, bundle)[0]
    assert isinstance(listed, Listed)
    assert (listed.films, listed.before) == (2, 1)
    assert "1 films are new" in listed.remarks[0]
    assert "1 films were written over since" in listed.remarks[1]
    assert (out / "part-00000.parquet").read_bytes() == before
    assert [Path(file).name for file in read_rows(out)["file"]] == ["b.png", "a.png"]
    assert score(films, out, bundle) == [
        Listed(2, 2, ("0 films are new since the archive was listed last.", listed.remarks[1]))
    ]


def test_another_bundle_other_films_and_other_names_are_refused(
    archive_films: Path, scored: Path, bundle: Bundle, tmp_path: Path
) -> None:
    write_toy_bundle(tmp_path / "other.cxr", {Target.EFFUSION: (1.0, 0.0)}, size=64)
    with pytest.raises(ArchiveRefused, match="results of another bundle"):
        score(archive_films, scored, open_bundle(tmp_path / "other.cxr"))
    with pytest.raises(ArchiveRefused, match="results of other films"):
        score(archive_films / "sub", scored, bundle)
    with pytest.raises(ArchiveRefused, match="without --deidentified"):
        score(archive_films, scored, bundle, names=Pseudonyms(bytes(32)))


def test_another_provider_does_not_go_on(archive_films: Path, scored: Path, bundle: Bundle, tmp_path: Path) -> None:
    out = shutil.copytree(scored, tmp_path / "out")
    settled = json.loads((out / "_plan.json").read_text())
    settled["provider"], settled["provenance"]["provider"] = "cuda", "CUDA"
    (out / "_plan.json").write_text(json.dumps(settled))
    with pytest.raises(ArchiveRefused, match="Go on with --provider cuda"):
        score(archive_films, out, bundle)


def test_no_film_and_no_folder_end_in_a_sentence(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ArchiveUnreachable, match="is not there"):
        score(tmp_path / "absent", tmp_path / "out", bundle)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArchiveUnreachable, match="No film was found"):
        score(tmp_path / "empty", tmp_path / "empty-out", bundle)


def test_nobody_is_named_where_patients_are_pseudonyms(
    bundle: Bundle, make_dicom: Callable[..., Path], tmp_path: Path, read_rows: ReadRows
) -> None:
    import pydicom

    (tmp_path / "films").mkdir()
    path = make_dicom(tmp_path / "films" / "MUSTER.dcm")
    dataset = pydicom.dcmread(path)
    dataset.PatientName, dataset.PatientID, dataset.StudyInstanceUID = "Muster^Erika", "4711", "1.2.3"
    dataset.save_as(path)
    names = Pseudonyms(bytes(range(32)))
    score(tmp_path / "films", tmp_path / "out", bundle, names=names)
    row = read_rows(tmp_path / "out").iloc[0]
    assert (row["patient_id"], row["study_uid"]) == (names.patient("4711"), names.uid("1.2.3"))
    assert row["file"] == "film-00000-00000"
    content = b"".join(part.read_bytes() for part in (tmp_path / "out").glob("part-*"))
    assert not [secret for secret in (b"Muster", b"MUSTER", b"4711") if secret in content]
    score(tmp_path / "films", tmp_path / "named", bundle)
    assert read_rows(tmp_path / "named").iloc[0]["patient_name"] == "Muster^Erika"


@pytest.mark.slow
def test_a_driver_that_is_killed_loses_nothing(
    archive_films: Path, scored: Path, bundle_path: Path, read_rows: ReadRows, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = triage_command(archive_films, bundle_path, out, "--part-films", "10")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
        wait_for(lambda: len(list(out.glob("part-*.parquet"))) >= 2)
        child.send_signal(signal.SIGKILL)
    written = sorted(out.glob("part-*.parquet"))
    assert 2 <= len(written) < 8
    first = [part.read_bytes() for part in written]
    subprocess.run(command, check=True, capture_output=True)
    assert [part.read_bytes() for part in written] == first
    rows, whole = read_rows(out), read_rows(scored)
    pd.testing.assert_frame_equal(rows.drop(columns=["part", "number"]), whole.drop(columns=["part", "number"]))


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(
    archive_films: Path, bundle: Bundle, bundle_path: Path, read_rows: ReadRows, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = triage_command(archive_films, bundle_path, out, "--part-films", "10")
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets its background jobs ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  (no lock is held)
    ) as child:
        wait_for(lambda: any(out.glob("part-*.parquet")))
        child.send_signal(signal.SIGINT)
        _, said = child.communicate()
    assert child.returncode == 130
    assert "the same command goes on" in said
    assert "Traceback" not in said
    score(archive_films, out, bundle)
    assert read_rows(out)["file"].nunique() == len(read_rows(out)) == 73


def triage_command(films: Path, bundle: Path, out: Path, *more: str) -> list[str]:
    words = ("triage", str(films), "--bundle", str(bundle), "--parquet", str(out), "--provider", "cpu", *more)
    return [sys.executable, "-m", "cxr_desktop.cli", *words]


def wait_for(happened: Callable[[], bool], *, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.mark.waiting
def test_films_and_rows_behind_a_url(
    s3: str, archive_films: Path, scored: Path, bundle: Bundle, read_rows: ReadRows
) -> None:
    import s3fs

    system = s3fs.S3FileSystem()
    system.put(f"{archive_films}/", f"{s3}/local/", recursive=True)
    system.pipe_file("films/local/sub/DICOMDIR", b"not read")
    listed = score(f"{s3}/local", f"{s3}/rows", bundle)[0]
    assert isinstance(listed, Listed)
    assert "1 DICOMDIRs behind a URL were not read" in " ".join(listed.remarks)
    rows, local = read_rows(f"{s3}/rows"), read_rows(scored)
    assert list(rows["file"].str.removeprefix(f"{s3}/local/")) == [
        os.path.relpath(file, archive_films) for file in local["file"]
    ]
    unequal = [name for name in local if name != "file" and not rows[name].equals(local[name])]
    assert unequal == []
    system.rm("films/rows/part-00001.parquet")
    assert score(f"{s3}/local", f"{s3}/rows", bundle)[0] == Listed(73, 53, ())


@pytest.mark.waiting
def test_a_film_that_cannot_be_fetched_is_a_row(
    s3: str, archive_films: Path, bundle: Bundle, read_rows: ReadRows
) -> None:
    import s3fs

    system = s3fs.S3FileSystem()
    for number in (1, 3):
        system.put(str(archive_films / "sub" / f"film-{number}.png"), f"{s3}/lost/film-{number}.png")

    def lose(event: Event) -> None:
        if isinstance(event, Listed):
            system.rm("films/lost/film-1.png")

    score_archive(archive(f"{s3}/lost", f"{s3}/lost-rows"), bundle, Here(bundle), tell=lose)
    rows = read_rows(f"{s3}/lost-rows")
    assert list(rows["refusal_kind"].fillna("")) == ["fetch-failed", ""]


@pytest.mark.waiting
def test_an_archive_out_of_reach_is_no_rows(s3: str, archive_films: Path, bundle: Bundle) -> None:
    import s3fs

    system = s3fs.S3FileSystem()
    for number in (1, 3):
        system.put(str(archive_films / "sub" / f"film-{number}.png"), f"{s3}/gone/film-{number}.png")

    def lose(event: Event) -> None:
        if isinstance(event, Listed):
            system.rm("films/gone", recursive=True)

    with pytest.raises(ArchiveUnreachable, match="None of the 2 films of part 0 could be fetched"):
        score_archive(archive(f"{s3}/gone", f"{s3}/gone-rows"), bundle, Here(bundle), tell=lose)
    assert not [name for name in system.ls("films/gone-rows") if "part-" in name]


def test_options_that_do_not_go_together(archive_films: Path, bundle_path: Path, tmp_path: Path) -> None:
    for words in (
        ("--on", "ray"),
        ("--parquet", str(tmp_path / "out"), "--json", "x.json"),
        ("--parquet", str(tmp_path / "out"), "--actors", "2"),
    ):
        with pytest.raises(ArchiveOptions):
            app(["triage", str(archive_films), "--bundle", str(bundle_path), *words], result_action="return_value")
    with pytest.raises(ArchiveOptions, match="add --parquet"):
        app(["triage", "s3://bucket/films", "--bundle", str(bundle_path)], result_action="return_value")


@pytest.mark.parametrize("module", ["pyarrow", "fsspec", "s3fs"])
def test_a_missing_extra_is_one_sentence(module: str, archive_films: Path, bundle_path: Path, tmp_path: Path) -> None:
    films = str(archive_films) if module == "pyarrow" else "s3://bucket/films"
    blocked = f"import sys; sys.modules[{module!r}] = None; from cxr_desktop.cli import main; sys.exit(main())"
    words = ("triage", films, "--bundle", str(bundle_path), "--parquet", str(tmp_path / "out"), "--provider", "cpu")
    found = subprocess.run([sys.executable, "-c", blocked, *words], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert f"needs '{module}'" in found.stderr
    assert "pip install 'cxr-triage[cluster]'" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_name_that_is_no_text_is_kept(bundle: Bundle, write_film: WriteFilm, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    film = write_film(tmp_path / "film.png", grey=90)
    film.rename(tmp_path / "films" / os.fsdecode(b"film-\xff.png"))
    score(tmp_path / "films", tmp_path / "out", bundle)
    row = pd.read_parquet(tmp_path / "out").iloc[0]
    assert (row["state"], Path(row["file"]).name) == ("scored", "film-\\udcff.png")


def test_the_page_names_every_column_and_what_the_schema_says_of_all_rows(scored: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "triage-an-archive.md").read_text("utf-8")
    schema = pq.read_schema(scored / "part-00000.parquet")
    of_targets = [name for name in schema.names if name.startswith(("pneumothorax_", "effusion_"))]
    assert {name.partition("_")[2] for name in of_targets} == {"logit", "probability", "threshold", "positive"}
    named = [name for name in schema.names if name not in of_targets]
    named += [f"TARGET_{each}" for each in ("logit", "probability", "threshold", "positive")]
    named += [key.decode() for key in schema.metadata if key.startswith(b"cxr.")]
    assert [name for name in named if f"`{name}`" not in page] == []
    assert f"parts of {PART_FILMS:,} films" in page
