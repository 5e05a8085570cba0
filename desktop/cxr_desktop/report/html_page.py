"""The worklist as one self-contained dark HTML page: no script, no network."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cxr_desktop.inference.heatmap import CAPTION
from cxr_desktop.inference.lanes import NEGATIVE, POSITIVE, Lane
from cxr_desktop.inference.verdict import Score, Scored
from cxr_desktop.intake.names import shown_name
from cxr_desktop.report.pictures import jpeg, leading_target, overlay
from cxr_desktop.report.worklist import PICTURED, Worklist
from cxr_shared.bundle import InputSpec
from cxr_shared.files import write_text

THUMBNAIL: Final = 320
"""Longer side of the pictures in pixels."""

_HEADINGS: Final = {
    Lane.URGENT: "Urgent",
    Lane.ABNORMAL: "Abnormal: at or above an operating point",
    Lane.DISAGREEMENT: "Disagreement: the anomaly model and the findings' models do not say the same",
    Lane.REFUSED: "Refused: not scored, a person has to look",
    Lane.UNCONFIRMED: "Below every operating point, without a second opinion",
    Lane.NORMAL: "Normal: all models agree",
}


def write_html(path: Path, worklist: Worklist, spec: InputSpec) -> None:
    """Write the page; films with a thumbnail are pictured with the heat map of their gravest target.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    write_text(path, "".join(_page(worklist, spec)))


def _page(worklist: Worklist, spec: InputSpec) -> Iterable[str]:
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Worklist</title>'
    yield f"{_STYLE}</head><body>\n"
    yield from _head(worklist)
    verdicts = worklist.ordered()
    pictured = 0
    for lane, heading in _HEADINGS.items():
        films = [verdict for verdict in verdicts if worklist.lane(verdict) is lane]
        if not films:
            continue
        yield f"<h2>{heading} <small>{len(films):,}</small></h2>\n"
        for verdict in films:
            if isinstance(verdict, Scored):
                pictured += 1
                yield _scored(verdict, spec, pictured=pictured <= PICTURED)
            else:
                yield f'<article class="refused"><h3>{_text(verdict.source)}</h3>'
                yield f"<p>{_text(verdict.message)}</p></article>\n"
    yield f"<footer>{_text(CAPTION)}. Tick: operating point. {_text(worklist.provenance.notice)}</footer>"
    yield "</body></html>\n"


def _head(worklist: Worklist) -> Iterable[str]:
    origin = worklist.provenance
    yield f'<header><h1>Worklist</h1><p class="notice">{_text(origin.notice)}</p></header>\n<p class="facts">'
    yield f"{worklist.found:,} films · {worklist.count(*POSITIVE):,} above · "
    yield f"{worklist.count(*NEGATIVE):,} below · {worklist.count(Lane.REFUSED):,} refused"
    if not worklist.complete:
        yield f" · <strong>stopped early: {worklist.found - len(worklist.verdicts):,} not read</strong>"
    yield (
        f"<br>Bundle {_text(origin.bundle_name)} <code>{origin.bundle_sha256[:12]}</code> · "
        f"{_text(origin.provider)} ({_text(origin.provider_reason)}) · "
        f"pixel path {origin.pixel_path_version}</p>\n"
    )


def _scored(verdict: Scored, spec: InputSpec, *, pictured: bool) -> str:
    picture = ""
    if pictured and verdict.thumbnail is not None:
        target = leading_target(verdict)
        shown = overlay(verdict.thumbnail, verdict, target, spec)
        pair = "".join(_image(data) for data in (jpeg(verdict.thumbnail), jpeg(shown)))
        picture = f"<figure>{pair}<figcaption>Film · map of {_text(target.display.lower())}</figcaption></figure>"
    facts = verdict.facts
    patient = f" · patient {_text(facts.identity.patient_id)}" if facts.identity.patient_id else ""
    above = " above" if verdict.urgency.positive else ""
    return (
        f'<article class="scored{above}"><h3>{_text(shown_name(verdict.source))}</h3>'
        f'<p class="why">{_text("; ".join(filter(None, (verdict.urgency.why, verdict.disagreement))))}</p>'
        f'<p class="facts">urgency {verdict.urgency.value:.2f} · {_text(facts.view.value)} · '
        f"{facts.shape[1]}×{facts.shape[0]}{patient}<br>{_text(verdict.source)}</p>"
        f"<div class=body>{picture}<table>{''.join(map(_bar, verdict.scores.values()))}</table></div>"
        "</article>\n"
    )


def _bar(score: Score) -> str:
    style = "on" if score.positive else "off"
    return (
        f'<tr class="{style}" title="logit {score.logit:.2f}"><td>{_text(score.target.display)}</td>'
        f'<td><div class="bar">'
        f'<i style="width:{100 * score.probability:.1f}%"></i>'
        f'<b style="left:{100 * score.threshold:.1f}%"></b>'
        f"</div></td><td>{score.probability:.2f}</td></tr>"
    )


def _image(data: bytes) -> str:
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'


def _text(value: object) -> str:
    return html.escape(str(value))


_STYLE: Final = """<style>
:root{color-scheme:dark}
body{background:#0b0d10;color:#c9ced6;font:14px/1.45 system-ui,"DejaVu Sans",sans-serif;
margin:1.5rem auto;max-width:1180px;padding:0 1rem}
header{display:flex;justify-content:space-between;align-items:baseline;border-bottom:1px solid #262b33}
h1{font-size:1.5rem;color:#e6e9ee}h2{font-size:1.05rem;margin:2rem 0 .6rem;color:#e6e9ee}small{color:#7d8694}
h3{margin:0;font-size:1rem;color:#e6e9ee;word-break:break-all}
.notice{color:#f0b45b;font-weight:600}
.facts{color:#7d8694;margin:.2rem 0 .5rem;word-break:break-all}.why{margin:.1rem 0}
article{background:#14171c;border:1px solid #262b33;border-left:4px solid #3a414d;border-radius:6px;
padding:.8rem 1rem;margin:.6rem 0}
article.above{border-left-color:#e5705a}article.above .why{color:#f19c8b}
article.refused{border-left-color:#f0b45b}article.refused p{margin:.2rem 0;color:#f0b45b}
.body{display:flex;gap:1rem;flex-wrap:wrap;align-items:flex-start}figure{margin:0}
figure img{height:260px;border-radius:3px;margin-right:.4rem;background:#000}
figcaption{color:#7d8694;font-size:.85rem}
table{border-spacing:0;flex:1;min-width:320px}td{padding:1px 6px;font-variant-numeric:tabular-nums}
td:nth-child(2){width:60%}.bar{position:relative;height:10px;background:#1e232a;border-radius:2px}
.bar i{position:absolute;inset:0 auto 0 0;background:#566072;border-radius:2px}.on .bar i{background:#e5705a}
.bar b{position:absolute;top:-2px;bottom:-2px;width:2px;background:#e6e9ee}.on td{color:#f19c8b}
footer{color:#7d8694;margin:2rem 0;border-top:1px solid #262b33;padding-top:.6rem}
</style>"""
