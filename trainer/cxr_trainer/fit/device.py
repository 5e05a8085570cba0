"""Where a run computes, and in which precision."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch

from cxr_shared.memory import keep_freed_memory
from cxr_trainer.errors import DeviceUnavailable
from cxr_trainer.parallel import Ranks, ranks_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

DeviceName = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Compute:
    """A chosen device.

    Attributes
    ----------
    fabric
        Moves modules and runs autocast.
    device
        The torch device.
    precision
        ``bf16-mixed`` or ``32-true``.
    channels_last
        Whether convolutions run in NHWC, which is faster on every device measured so far.
    description
        For a person: the device's name and precision.
    ranks
        The processes that share each batch, under torchrun more than one.
    """

    fabric: Fabric
    device: torch.device
    precision: str
    channels_last: bool
    description: str
    ranks: Ranks = field(default_factory=Ranks)


def choose_compute(name: DeviceName = "auto") -> Compute:
    """CUDA where there is one, else the CPU; bf16 where the hardware computes it natively.

    Under torchrun the process group is joined, NCCL on CUDA and gloo on the CPU, one device a process.

    Raises
    ------
    DeviceUnavailable
        CUDA was asked for and torch sees none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceUnavailable(
            "CUDA was asked for, but torch sees no CUDA device. Check the NVIDIA driver with nvidia-smi, "
            "or use --device auto."
        )
    # One device, equal runs: cuDNN may otherwise choose another algorithm each time.
    torch.backends.cudnn.deterministic = True
    on_gpu = name != "cpu" and torch.cuda.is_available()
    if not on_gpu:
        keep_freed_memory()
    native = torch.cuda.is_bf16_supported(including_emulation=False) if on_gpu else _cpu_has_bf16()
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if native else "32-true"
    fabric = _fabric(on_gpu, precision)
    ranks = ranks_of(fabric)
    model = torch.cuda.get_device_name() if on_gpu else f"CPU, {torch.get_num_threads()} threads"
    times = f"{ranks.count} × " if ranks.count > 1 else ""
    description = f"{times}{model}, {precision}"
    return Compute(fabric, fabric.device, precision, channels_last=True, description=description, ranks=ranks)


def require_one_process(what: str) -> None:
    """Raise DeviceUnavailable under torchrun, which only `fit` and `resume` know how to share work with."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise DeviceUnavailable(f"{what} runs in one process. Start it without torchrun.")


def _fabric(on_gpu: bool, precision: Literal["bf16-mixed", "32-true"]) -> Fabric:  # noqa: FBT001
    from lightning_fabric import Fabric

    accelerator = "cuda" if on_gpu else "cpu"
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1 or "LOCAL_WORLD_SIZE" not in os.environ:  # not torchrun's
        return Fabric(accelerator=accelerator, devices=1, precision=precision)
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    fabric = Fabric(
        accelerator=accelerator, devices=here, num_nodes=processes // here, strategy="ddp", precision=precision
    )
    fabric.launch()
    return fabric


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 itself; without that, autocast is some ten times slower than float32.

    Not where ``ATEN_CPU_CAPABILITY`` keeps torch from AVX-512, as is done to get another machine's figures.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe)() for probe in probes if hasattr(torch.cpu, probe))
