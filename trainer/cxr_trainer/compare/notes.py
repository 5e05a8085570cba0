"""What a reader must know of a comparison: how it was made, on what, and what is missing."""

from __future__ import annotations

from cxr_trainer.compare.plan import CONSTANT, FIELDS, slug
from cxr_trainer.compare.results import Comparison, peak_rate
from cxr_trainer.compare.work import Failure


def notes(comparison: Comparison) -> list[str]:
    """Sentences, the most important first."""
    metrics = comparison.results[0].metrics
    return [
        *map(_missing, comparison.failures),
        f"{metrics['split']['kind'].capitalize()} split. {metrics['split']['leak']}",
        *metrics["cohort"]["notes"],
        _design(comparison),
        *_rates(comparison),
        (
            "Figures are mean ± standard deviation (lowest to highest) over seeds; with one seed the brackets hold a "
            "95 % bootstrap interval over test patients. Differences are paired by seed and film; their intervals are "
            "not adjusted for how many there are."
        ),
        (
            "The final model is the last epoch's; the best has the highest validation AUC over all stages"
            f"{_best_stages(comparison)}."
        ),
        (
            "Training accuracy and loss are running means while training, with augmentation, dropout and penalties, as "
            "Keras prints them; test accuracy is at a probability of 0.5."
        ),
        f"Seconds an epoch are the median of training alone, on {_devices(comparison)}.",
        "The paper splits at random by film and does not always say whether an accuracy is of training or test.",
    ]


def _missing(failure: Failure) -> str:
    return f"Missing: {slug(failure.choice)}, seed {failure.seed}: {failure.reason.rstrip('.')}."


def _design(comparison: Comparison) -> str:
    plan = comparison.plan
    seeds = ", ".join(map(str, plan.seeds))
    if plan.axis != "policies":
        return (
            f"Runs of the stages {', '.join(plan.recipe.stages)} differ in {FIELDS[plan.axis]} alone: the same films, "
            f"split, rates and epochs. The seed ({seeds}) sets the initial weights of the head, the films' "
            "order, augmentation and dropout."
        )
    return (
        f"All policies of a seed start from the same model, before the CLR stage, and see the same films in the same "
        f"order. The seed ({seeds}) sets that model, the order, augmentation and dropout; the split is always the same."
    )


def _rates(comparison: Comparison) -> list[str]:
    """Whence the rates of the CLR stage are."""
    plan = comparison.plan
    if "clr" not in plan.recipe.stages:
        return []
    sources = "; ".join(_sources(comparison))
    lines = [f"max_lr of the CLR stage: {sources}."] if sources else []
    if CONSTANT in plan.choices and plan.axis == "policies":
        rate = "max_lr, the rate that the range test is for and at which the cycles peak"
        if plan.constant_lr is not None:
            rate = f"{plan.constant_lr:g}, as given"
        lines.append(f"The constant rate is {rate}. The paper does not print its own.")
    return lines


def _sources(comparison: Comparison) -> list[str]:
    plan = comparison.plan
    cells = [each for each in comparison.results if each.choice != CONSTANT or plan.constant_lr is None]
    sources = []
    for seed, result in {each.seed: each for each in cells}.items():
        source = "given"
        if plan.recipe.clr.max_lr is None:
            found = result.run.recipe().clr.max_lr is None
            source = "found by the range test" if found else "given, since the range test suggested none"
        sources.append(f"seed {seed} {peak_rate(result):.3g} ({source})")
    return sources


def _best_stages(comparison: Comparison) -> str:
    stages = [result.metrics["best"]["stage"] for result in comparison.results]
    early = stages.count("decay")
    if "clr" not in comparison.plan.recipe.stages or not early:
        return ""
    return f": in {early} of {len(stages)} runs an epoch of the decay stage"


def _devices(comparison: Comparison) -> str:
    return "; ".join(sorted({result.metrics["device"] for result in comparison.results}))
