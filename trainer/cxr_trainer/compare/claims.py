"""Whether what the paper claims of a comparison held here, as far as the runs can tell.

A claim held, or its opposite did, where a 95 % interval (or a sign test at 5 %) says so over two seeds or more.
Otherwise it is not decided: one seed cannot tell a choice from chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cxr_trainer.compare.plan import CONSTANT, CYCLICAL, slug
from cxr_trainer.compare.results import Comparison, Result
from cxr_trainer.compare.statistics import (
    Difference,
    epochs_to_reach,
    film_difference,
    sign_test,
    summarise,
)
from cxr_trainer.recipe_files import packaged_recipe

Verdict = Literal["held", "opposite held", "not decided"]
_P: Final = 0.05
_FEWEST_SIGNS: Final = 6
"""Fewer signs, all alike, have p > 0.05."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim about one choice: its verdict, the sentence that gives the numbers, the accuracy difference if any."""

    choice: str
    verdict: Verdict
    sentence: str
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim of the paper about several choices, and what must be known to read it."""

    statement: str
    claims: tuple[Claim, ...]
    remark: str = ""
    preposition: str = "for"

    @property
    def headline(self) -> str:
        """The claim and its verdicts in one sentence."""
        verdicts = [
            f"{verdict} {self.preposition} {', '.join(names)}"
            for verdict in ("held", "opposite held", "not decided")
            if (names := [slug(claim.choice) for claim in self.claims if claim.verdict == verdict])
        ]
        return f"{self.statement}: {'; '.join(verdicts)}."


def judge(comparison: Comparison) -> list[Finding]:
    """Every claim of the paper that the comparison can speak to."""
    if comparison.plan.axis == "policies":
        findings = [_clr_against_decay(comparison), _cycles_against_constant(comparison), *_sooner(comparison)]
    elif comparison.plan.axis == "architectures":
        findings = [
            _more_accurate(comparison, "densenet121", ["mobilenetv1"], "densenet121 ends more accurate (Table 6)"),
            _more_accurate(comparison, "mobilenetv1", ["alexnet"], "mobilenetv1 ends more accurate (section A7)"),
        ]
    else:
        best = packaged_recipe(comparison.plan.recipe.target)["decay"]["optimizer"]
        others = [choice for choice in comparison.choices if choice != best]
        findings = [_more_accurate(comparison, best, others, f"{best} ends more accurate (section A4.1)")]
    return [finding for finding in findings if finding.claims]


def difference_from(comparison: Comparison, choice: str, reference: str) -> Difference | None:
    """Final test accuracy of `choice` less that of `reference`, paired by seed; None without a common seed."""
    pairs = comparison.pairs(choice, reference)
    if not pairs or choice == reference:
        return None
    rights = [[result.right(result.last_stage) for result in side] for side in zip(*pairs, strict=True)]
    return film_difference(rights[0], rights[1], pairs[0][0].test["patient"])


def difference_verdict(difference: Difference) -> Verdict:
    """What an interval says of ``difference > 0``."""
    if len(difference.by_seed) > 1 and difference.low > 0.0:
        return "held"
    if len(difference.by_seed) > 1 and difference.high < 0.0:
        return "opposite held"
    return "not decided"


def sooner_claim(choice: str, epochs: Sequence[float], reference: Sequence[float]) -> Claim:
    """Whether `choice` needs fewer epochs to a level than its reference, by the sign test over seeds.

    Parameters
    ----------
    choice
        Its name.
    epochs, reference
        For each seed, the epoch at which the level is reached; NaN is never, and later than any epoch.
    """
    ranked = [math.inf if math.isnan(epoch) else epoch for epoch in epochs]
    wins = sum(own < other for own, other in zip(ranked, reference, strict=True))
    losses = sum(own > other for own, other in zip(ranked, reference, strict=True))
    p = sign_test(wins, losses)
    verdict: Verdict = "not decided"
    if p < _P:
        verdict = "held" if wins > losses else "opposite held"
    ties = len(epochs) - wins - losses
    counts = f"sooner in {wins} of {len(epochs)}, as late in {ties}, later or never in {losses}"
    few = f"; fewer than {_FEWEST_SIGNS} seeds cannot decide it" if len(epochs) < _FEWEST_SIGNS else ""
    listed = f"epoch {_epochs(epochs)} against {_epochs(reference)}"
    return Claim(choice, verdict, f"{counts} ({listed}; sign test p = {p:.2g}{few})")


def difference_text(difference: Difference) -> str:
    """``+4.1 points (95 % interval over seeds and test patients +1.9 to +6.3)``."""
    value, low, high = map(_points, (difference.value, difference.low, difference.high))
    return f"{value} points (95 % interval over {difference.covers} {low} to {high})"


def _clr_against_decay(comparison: Comparison) -> Finding:
    results = {choice: list(comparison.of(choice).values()) for choice in comparison.choices}
    claims = [_against_decay(choice, own) for choice, own in results.items() if own[0].start is not None]
    control = next((claim for claim in claims if claim.choice == CONSTANT), None)
    epochs = comparison.plan.recipe.clr.epochs
    remark = f"The CLR stage also trains {epochs} epochs longer, so this alone does not credit its cycles."
    if control:
        remark += f" The constant rate had as many: {control.sentence}."
    cyclical = tuple(claim for claim in claims if claim.choice in CYCLICAL)
    return Finding("CLR retraining beats what the decay stage left (section A7, Table 7)", cyclical, remark)


def _against_decay(choice: str, results: list[Result]) -> Claim:
    test = film_difference(
        [result.right("clr") for result in results],
        [result.right("decay") for result in results],
        results[0].test["patient"],
    )
    before, after = (
        summarise([result.metrics["stages"][stage]["test"]["accuracy"]["value"] for result in results]).mean
        for stage in ("decay", "clr")
    )
    starts = [float(result.start["accuracy"]) for result in results if result.start is not None]
    ends = [float(result.curve["accuracy"].iloc[-1]) for result in results]
    training = ", ".join(_points(end - start) for end, start in zip(ends, starts, strict=True))
    sentence = (
        f"test accuracy {100 * before:.1f} → {100 * after:.1f} %, {difference_text(test)}; "
        f"training accuracy {training} points, seed by seed"
    )
    return Claim(choice, difference_verdict(test), sentence, test)


def _cycles_against_constant(comparison: Comparison) -> Finding:
    cyclical = [choice for choice in comparison.choices if choice in CYCLICAL]
    statement = "A cyclical policy ends more accurate than a constant rate (section A7, Figures 7 and 9)"
    claims = tuple(
        Claim(choice, difference_verdict(difference), f"test accuracy {difference_text(difference)}", difference)
        for choice in cyclical
        if (difference := difference_from(comparison, choice, CONSTANT))
    )
    return Finding(statement, claims)


def _sooner(comparison: Comparison) -> list[Finding]:
    findings = []
    for name, what in (("validation_accuracy", "validation"), ("accuracy", "training")):
        claims = []
        for choice in (each for each in comparison.choices if each in CYCLICAL):
            curves = [(own.curve[name], other.curve[name]) for own, other in comparison.pairs(choice, CONSTANT)]
            if curves:
                own, reference = ([epochs_to_reach(list(pair[n]), pair[1].max()) for pair in curves] for n in (0, 1))
                claims.append(sooner_claim(choice, own, reference))
        statement = f"A cyclical policy reaches the constant rate's best {what} accuracy sooner (section A7)"
        remark = "The best of a noisy curve is a lucky epoch, which makes it hard to reach for the others."
        findings.append(Finding(statement, tuple(claims), remark))
    return findings


def _more_accurate(comparison: Comparison, best: str, others: Sequence[str], statement: str) -> Finding:
    claims = []
    for other in others:
        if difference := difference_from(comparison, best, other):
            sentence = f"test accuracy of {slug(best)} less that of {slug(other)}: {difference_text(difference)}"
            claims.append(Claim(other, difference_verdict(difference), sentence, difference))
    remark = "All choices had the same rates and epochs; each may do better with its own."
    return Finding(statement, tuple(claims), remark, preposition="against")


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _epochs(epochs: Sequence[float]) -> str:
    return ", ".join("never" if math.isnan(epoch) else f"{epoch:.0f}" for epoch in epochs)
