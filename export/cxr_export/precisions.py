"""One model's files: float32, and the reduced precisions that pass the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cxr_export.errors import ExportRefused
from cxr_export.graph import Graph
from cxr_export.parity import Trained, accepted_tolerance, measure_parity, require_equal, shortfall
from cxr_shared.bundle import Fallback, ModelFile, Parity, Precision, Tolerance
from cxr_shared.files import sha256_bytes
from cxr_shared.findings import Target

CHOICES: Final[tuple[Precision, ...]] = ("float32", "float16", "int8")
"""What can be asked for; ``mixed`` is what INT8 falls back to."""
DEFAULT: Final[tuple[Precision, ...]] = ("float32", "int8")
_KEPT: Final = (1, 2, 4, 8)
Report = Callable[[str], None]


@dataclass(slots=True)
class Files:
    """A model's files, float32 first, and what was tried in vain.

    Attributes
    ----------
    entries
        For the manifest.
    data
        ONNX bytes by file name.
    fallbacks
        Precisions that did not pass, and why.
    """

    entries: list[ModelFile] = field(default_factory=list)
    data: dict[str, bytes] = field(default_factory=dict)
    fallbacks: list[Fallback] = field(default_factory=list)


def parse_precisions(text: str) -> tuple[Precision, ...]:
    """Read a list such as ``float32,int8``; float32 is always among them, since the others are judged by it.

    Raises
    ------
    ExportRefused
        A name is none of `CHOICES`.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in CHOICES]
    if unknown:
        raise ExportRefused(
            f"There is no precision '{unknown[0]}'. Give some of {', '.join(CHOICES)}, separated by commas."
        )
    return tuple(each for each in CHOICES if each == "float32" or each in names)


def model_files(
    target: Target, graph: Graph, trained: Trained, *, precisions: Sequence[Precision], report: Report
) -> Files:
    """Make and judge a model's files.

    Parameters
    ----------
    target
        What it finds.
    graph
        Its float32 graph.
    trained
        What the files must do.
    precisions
        Those wanted.
    report
        Called with a line for each file and each fallback.

    Raises
    ------
    ExportRefused
        The float32 file is not the trained model.
    """
    making = _Making(target, graph.opset, trained, report)
    parity = measure_parity(graph.data, trained)
    require_equal(parity, making.tolerance, name=target.display)
    making.accept("float32", graph.data, parity, making.tolerance)
    if "float16" in precisions:
        from cxr_export.half import to_half

        making.offer("float16", to_half(graph.data))
    if "int8" in precisions:
        _add_int8(making, graph.data)
    return making.files


def _add_int8(making: _Making, data: bytes) -> None:
    """Offer INT8, and where it does not pass, INT8 with the most harmful convolutions in float32."""
    calibration = making.trained.films.calibration
    if not len(calibration):
        making.refuse("int8", "the run's validation films, which it is calibrated on, are not at hand")
        return
    from cxr_export.quantize import Quantizer

    quantizer = Quantizer(data, calibration)
    if making.offer("int8", quantizer.quantized()):
        return
    harmful = quantizer.most_harmful()
    counts = [count for count in _KEPT if count < len(harmful)]
    for count in counts:
        kept = quantizer.quantized(keep=harmful[:count])
        if making.offer("mixed", kept, last=count == counts[-1], how=f"{count} of {len(harmful)} layers in float32"):
            return


@dataclass(slots=True)
class _Making:
    """The files of one model as they are judged."""

    target: Target
    opset: int
    trained: Trained
    report: Report
    files: Files = field(default_factory=Files)
    tolerance: Tolerance = field(default_factory=Tolerance)

    def offer(self, precision: Precision, data: bytes, *, last: bool = True, how: str = "") -> bool:
        """Accept a file of reduced precision if it passes; say why not where it was the last of its kind."""
        parity = measure_parity(data, self.trained)
        reason = shortfall(parity, self.trained, self.tolerance)
        if reason is None:
            self.accept(precision, data, parity, accepted_tolerance(parity, self.tolerance), how=how)
        elif last:
            self.refuse(precision, f"{how}: {reason}" if how else reason)
        return reason is None

    def accept(self, precision: Precision, data: bytes, parity: Parity, tolerance: Tolerance, *, how: str = "") -> None:
        """Take a file in."""
        suffix = "" if precision == "float32" else f".{precision}"
        name = f"{self.target.slug}{suffix}.onnx"
        entry = ModelFile(
            file=name,
            sha256=sha256_bytes(data),
            opset=self.opset,
            precision=precision,
            tolerance=tolerance,
            parity=parity,
        )
        self.files.entries.append(entry)
        self.files.data[name] = data
        self.report(f"{self.target.display}, {precision}{f' ({how})' if how else ''}: {parity_text(parity)}")

    def refuse(self, precision: Precision, reason: str) -> None:
        """Note that a precision is not to be had."""
        self.files.fallbacks.append(Fallback(precision=precision, reason=reason))
        self.report(f"{self.target.display}, {precision}: left out, since {reason}")


def parity_text(parity: Parity) -> str:
    """A parity in words, in one line."""
    parts = [f"logit within {parity.max_logit_difference:.1e}"]
    if parity.mean_logit_difference is not None:
        parts[0] += f" (mean {parity.mean_logit_difference:.1e})"
    parts.append(f"map mean within {parity.max_map_mean_difference:.1e}")
    if parity.auc is not None:
        before, after = parity.auc.before, parity.auc.after
        parts.append(
            f"AUC {before.value:.4f} ({before.low:.3f} to {before.high:.3f}) before, "
            f"{after.value:.4f} ({after.low:.3f} to {after.high:.3f}) after"
        )
    crossed = ", ".join(f"{round(share * parity.films)} at {name}" for name, share in parity.flips.items())
    if parity.gate_flips is not None:
        crossed += f", {round(parity.gate_flips * parity.films)} at the film gate"
    parts.append(f"films that cross a threshold: {crossed}")
    return f"{'; '.join(parts)}; {parity.films} {parity.source}"
