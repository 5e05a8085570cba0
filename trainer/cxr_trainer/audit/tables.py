"""An audit in words: tables for a terminal, a pipe and a Markdown file alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cxr_shared.findings import parse_target
from cxr_trainer.audit.audit import Audit
from cxr_trainer.audit.cohorts import CohortRow, LeakRow
from cxr_trainer.audit.images import Images, Twins
from cxr_trainer.audit.labels import MakeUp, Rows
from cxr_trainer.audit.paper import MISPRINTS, PNEUMOTHORAX_NOTE, Compared

MARKS: Final = {"equal": "=", "different": "≠", "misprint": "≠"}
_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its title, the heads of its columns, its rows as text, and sentences below it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def audit_tables(audit: Audit) -> list[Table]:
    """Everything an audit found, in reading order."""
    tables = [
        _overview(audit),
        _table_1(audit),
        _counts("Figure 1: the commonest label strings", "label string", audit.labels.top),
        _counts("Figure 2: films by label after one-hot encoding", "label", audit.labels.findings),
        _table_2(audit.cohorts),
        _table_3(audit),
        _leaks(audit),
        _make_up(audit.make_up),
    ]
    faults = _row_faults(audit.rows)
    return [*tables, *([faults] if faults.rows else []), _images(audit.images)]


def verdict_sentence(audit: Audit) -> str:
    """How many of the paper's figures the data give."""
    figures = [*_figures(audit)]
    different = sum(each.verdict == "different" for each in figures)
    misprints = sum(each.verdict == "misprint" for each in figures)
    if different:
        return f"{different:,} of {len(figures):,} figures differ from the paper's: this is not the set it used."
    return (
        f"All {len(figures):,} figures are the paper's, {misprints} of them misprints that its other figures correct."
    )


def compared_text(figure: Compared | None) -> str:
    """``23,559 ≠ 23,599 (misprint)``: what was found, whether it is the paper's, and the paper's."""
    if figure is None:
        return "–"
    misprint = " (misprint)" if figure.verdict == "misprint" else ""
    return f"{figure.found:,} {MARKS[figure.verdict]} {figure.paper:,}{misprint}"


def _figures(audit: Audit) -> Iterable[Compared]:
    labels = audit.labels
    yield from (labels.films, labels.patients, labels.label_strings)
    for pair in labels.table_1.values():
        yield from pair
    for row in audit.cohorts:
        yield from row.films.values()
        yield from row.batches.values()
    if audit.pneumothorax_clr_batches:
        yield audit.pneumothorax_clr_batches


def _overview(audit: Audit) -> Table:
    labels = audit.labels
    rows = [("films", labels.films), ("patients", labels.patients), ("distinct label strings", labels.label_strings)]
    return Table(
        f"{audit.label_file}",
        ("", "here = the paper's"),
        tuple((name, compared_text(figure)) for name, figure in rows),
        (verdict_sentence(audit),),
    )


def _table_1(audit: Audit) -> Table:
    rows = [
        (_display(name), compared_text(alone), compared_text(at_all))
        for name, (alone, at_all) in audit.labels.table_1.items()
    ]
    return Table(
        "Table 1: films by label, here = the paper's", ("label", "before one-hot", "after one-hot"), tuple(rows)
    )


def _counts(title: str, what: str, counts: dict[str, int]) -> Table:
    return Table(title, (what, "films"), tuple((name, f"{count:,}") for name, count in counts.items()))


def _table_2(cohorts: Sequence[CohortRow]) -> Table:
    columns = ("positives", "negatives", "total", "train", "test")
    rows = [(_target(row.target), *(compared_text(row.films.get(name)) for name in columns)) for row in cohorts]
    printed = {figure.paper for row in cohorts for figure in row.films.values() if figure.paper in MISPRINTS}
    notes = [MISPRINTS[figure] for figure in sorted(printed, reverse=True)]
    problems = [f"{_target(row.target)}: {row.problem}" for row in cohorts if row.problem]
    notes.append("A run of the trainer takes its validation films out of train.")
    return Table(
        "Table 2: cohorts in films, here = the paper's", ("cohort", *columns), tuple(rows), (*notes, *problems)
    )


def _table_3(audit: Audit) -> Table:
    columns = ("batch", "train", "test")
    rows = [
        (_target(row.target), *(compared_text(row.batches.get(name)) for name in columns))
        for row in audit.cohorts
        if row.target != "anomaly"
    ]
    clr = audit.pneumothorax_clr_batches
    rows.append(("Pneumothorax, in its cyclical stage", "16", compared_text(clr), "–"))
    return Table(
        "Table 3: films a batch and batches an epoch, here = the paper's",
        ("cohort", "films a batch", "train batches", "test batches"),
        tuple(rows),
        (PNEUMOTHORAX_NOTE,),
    )


def _leaks(audit: Audit) -> Table:
    kinds = list(dict.fromkeys(row.split for row in audit.leaks))
    targets = list(dict.fromkeys(row.target for row in audit.leaks))
    by_place = {(row.target, row.split): row for row in audit.leaks}
    rows = []
    for target in targets:
        cells = [text for kind in kinds for text in _leak_texts(by_place[target, kind])]
        rows.append((_target(target), f"{by_place[target, kinds[0]].films:,}", *cells))
    heads = [head for kind in kinds for head in (f"{kind}: test films", f"{kind}: test patients")]
    return Table(
        "Test films and patients that a split shares with training",
        ("cohort", "films", *heads),
        tuple(rows),
        _leak_notes(audit, kinds),
    )


def _leak_texts(row: LeakRow) -> tuple[str, str]:
    if row.problem:
        return "–", "–"
    return _share(row.shared_films, row.test_films), _share(row.shared_patients, row.test_patients)


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({100 * part / whole:.1f} %)"


def _leak_notes(audit: Audit, kinds: Sequence[str]) -> tuple[str, ...]:
    over = "the films that are there" if audit.images else "all films of the label file"
    notes = [f"Measured with the trainer's cohorts and splits over {over}; training includes validation."]
    if "official" not in kinds:
        notes.append("The official split is left out: NIH's train_val_list.txt and test_list.txt are not there.")
    for kind in kinds:
        refused = [row for row in audit.leaks if row.split == kind and row.problem]
        if refused:
            first = f"{_target(refused[0].target)}: {refused[0].problem}"
            notes.append(f"{kind}: the trainer would refuse {len(refused)} of these cohorts (the first: {first})")
    return tuple(notes)


def _make_up(found: MakeUp) -> Table:
    total = sum(found.views.values())
    groups = {"view": found.views, "sex": found.sexes, "age in years": found.age_bands}
    rows = [
        (group, value, f"{count:,}", f"{100 * count / total:.1f} %")
        for group, counts in groups.items()
        for value, count in counts.items()
    ]
    median, most = found.films_of_a_patient
    odd = [
        ("written with a suffix Y, as 058Y, and read as years", found.ages_in_years_suffix),
        ("in months, weeks or days, read as parts of a year", found.ages_below_a_year_unit),
        ("above 120 years, as 411, counted as unknown", found.ages_implausible),
        ("that are no age, counted as unknown", found.ages_unreadable),
    ]
    notes = [f"Films of a patient: median {median:g}, at most {most:,}."]
    notes += [f"Ages {what}: {count:,}." for what, count in odd if count]
    if found.patients_of_two_sexes:
        notes.append(f"Patients with films of both sexes: {found.patients_of_two_sexes:,}.")
    return Table("Who was filmed how", ("", "", "films", "share"), tuple(rows), tuple(notes))


def _row_faults(rows: Rows) -> Table:
    faults = [
        ("rows of an image listed before, with the same content", rows.repeated),
        ("rows of an image listed before, with other content", rows.contradicting),
        *((f"rows with the unknown label '{name}'", count) for name, count in rows.unknown_labels.items()),
    ]
    notes = ["The trainer refuses this file until they are corrected; the tables above take an image's first row."]
    if rows.repeated_images:
        notes.append(f"Images listed more than once: {_some(rows.repeated_images)}.")
    found = tuple((what, f"{count:,}") for what, count in faults if count)
    return Table("Faults of the label file", ("fault", f"of {rows.total:,} rows"), found, tuple(notes))


def _images(images: Images | None) -> Table:
    if images is None:
        return Table("Images", (), (), ("There are no images here; what needs the labels alone was computed.",))
    undecoded = "" if images.decoded else " (only opened, not decoded: --decode reads them all)"
    counted: list[tuple[str, Sequence[str]]] = [
        ("missing", images.missing),
        ("not in the label file", images.extra),
        ("in two places with the same content", [" = ".join(each) for each in images.two_places]),
        ("in two places with different content", [" ≠ ".join(each) for each in images.two_contents]),
        ("groups of different films with the same bytes", [_twin_text(each) for each in images.same_bytes]),
        (f"unreadable{undecoded}", [f"{each.path} ({each.message})" for each in images.unreadable]),
    ]
    if images.decoded:
        same = [_twin_text(each) for each in images.same_pixels]
        counted.append(("groups of different files with the same pixels", same))
    if images.closed:
        counted.append(("folders that could not be listed", images.closed))
    rows = [("listed", f"{images.listed:,}", ""), ("there", f"{images.there:,}", "")]
    rows += [(what, f"{len(names):,}", _some(names)) for what, names in counted]
    notes = ("The trainer refuses images with two contents: keep one of each.",) if images.two_contents else ()
    return Table("Images", ("", "number", "which"), tuple(rows), notes)


def _twin_text(twins: Twins) -> str:
    warnings = [f"{twins.patients} patients"] if twins.patients > 1 else []
    warnings += [f"{twins.labels} labels"] if twins.labels > 1 else []
    return " = ".join(twins.paths) + (f" ({', '.join(warnings)})" if warnings else "")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")


def _target(slug: str) -> str:
    return "One-class" if slug == "anomaly" else parse_target(slug).display


def _display(label: str) -> str:
    return label.replace("_", " ")
