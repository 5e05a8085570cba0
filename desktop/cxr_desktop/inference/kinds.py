"""The providers that there are, as data: what onnxruntime calls each, and how it is to be used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from cxr_desktop.inference.layouts import LayoutName
from cxr_shared.bundle import Precision
from cxr_shared.places import Kept, own_place

_GPU_BATCH: Final = 16


class Wanted(StrEnum):
    """What a person asked for: one provider, or the best that works."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"
    DIRECTML = "directml"
    OPENVINO = "openvino"
    COREML = "coreml"


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A provider of onnxruntime, and how it is used here.

    Attributes
    ----------
    wanted
        What a person calls it on the command line.
    name
        Its name for people.
    ort
        onnxruntime's name.
    package
        The package of onnxruntime that offers it.
    options
        What onnxruntime is told about it.
    precisions
        The precisions of model files to use, the preferred first; a model without one is run in float32.
    layouts
        The layouts worth measuring, the one to begin with first.
    batch
        Films to a batch.
    patience_s
        Longest time for its proof, in seconds.
    tolerance_factor
        How many times the float32 file's tolerance its logits may differ from the CPU's at float32, since it adds in
        another order; at a lower precision, as much more than that file's own tolerance.
    systems
        Values of `sys.platform` where its package exists.
    asked_for_only
        Whether it is left alone until a person names it.
    nvidia
        Whether it needs NVIDIA's driver and libraries.
    memory_pattern
        Whether onnxruntime may plan its memory ahead.
    behind
        onnxruntime's names of those that stand in for operators it lacks, before the CPU does.
    """

    wanted: Wanted
    name: str
    ort: str
    package: str
    options: Mapping[str, Any] = field(default_factory=dict)
    precisions: tuple[Precision, ...] = ("float16", "float32")
    layouts: tuple[LayoutName, ...] = (LayoutName.IN_TURN, LayoutName.BRANCHES, LayoutName.STACKED)
    batch: int = _GPU_BATCH
    patience_s: float = 120.0
    tolerance_factor: float = 10.0
    systems: tuple[str, ...] = ("linux", "win32")
    asked_for_only: bool = False
    nvidia: bool = False
    memory_pattern: bool = True
    behind: tuple[str, ...] = ()

    @property
    def here(self) -> bool:
        """Whether this operating system can have it."""
        return sys.platform in self.systems


CPU: Final = Kind(
    wanted=Wanted.CPU,
    name="CPU",
    ort="CPUExecutionProvider",
    package="onnxruntime",
    precisions=("int8", "float32"),
    layouts=(LayoutName.SIDE_BY_SIDE, LayoutName.IN_TURN, LayoutName.BRANCHES, LayoutName.STACKED),
    # A batch gains nothing, and alone a film's answer depends on no other film.
    batch=1,
    tolerance_factor=1.0,
    systems=(sys.platform,),
)

CUDA: Final = Kind(
    wanted=Wanted.CUDA,
    name="CUDA",
    ort="CUDAExecutionProvider",
    package="onnxruntime-gpu",
    # TF32 would round to 10 bits, far outside the manifest's tolerance. An exhaustive search, the default, would time
    # every algorithm again for each size of batch, and what it picks, and with it the last digits, may change.
    options={"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
    nvidia=True,
)

TENSORRT: Final = Kind(
    wanted=Wanted.TENSORRT,
    name="TensorRT",
    ort="TensorrtExecutionProvider",
    package="onnxruntime-gpu",
    # Building its engines takes minutes, so it is for those who ask, each is kept, and batches have one size.
    # float16 comes from float16 files alone.
    options={
        "trt_fp16_enable": "0",
        "trt_int8_enable": "0",
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(own_place("tensorrt", kept=Kept.CACHE)),
    },
    batch=1,
    patience_s=1800.0,
    asked_for_only=True,
    nvidia=True,
    behind=(CUDA.ort,),
)

DIRECTML: Final = Kind(
    wanted=Wanted.DIRECTML,
    name="DirectML",
    ort="DmlExecutionProvider",
    package="onnxruntime-directml",
    systems=("win32",),
    memory_pattern=False,  # DirectML refuses sessions with it
)

OPENVINO: Final = Kind(
    wanted=Wanted.OPENVINO,
    name="OpenVINO",
    ort="OpenVINOExecutionProvider",
    package="onnxruntime-openvino",
    options={"device_type": "CPU"},
    precisions=("int8", "float32"),
    layouts=(LayoutName.SIDE_BY_SIDE, LayoutName.IN_TURN, LayoutName.BRANCHES, LayoutName.STACKED),
    batch=1,
)

COREML: Final = Kind(
    wanted=Wanted.COREML,
    name="CoreML",
    ort="CoreMLExecutionProvider",
    package="onnxruntime",
    options={"ModelFormat": "MLProgram"},
    systems=("darwin",),
)

KINDS: Final = (CUDA, TENSORRT, DIRECTML, OPENVINO, COREML, CPU)
"""All of them, in the order in which they are tried; the CPU always works."""


def kind_of(ort: str) -> Kind:
    """Return the kind that onnxruntime calls `ort`; KeyError where it is none of these."""
    return {kind.ort: kind for kind in KINDS}[ort]


def kind_wanted(wanted: Wanted) -> Kind:
    """Return the kind that a person calls `wanted`; KeyError for `AUTO`."""
    return {kind.wanted: kind for kind in KINDS}[wanted]
