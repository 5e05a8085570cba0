"""Where a run computes, and in which precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from lightning_fabric import Fabric

from cxr_trainer.errors import DeviceUnavailable
from cxr_trainer.fit.memory import keep_freed_memory

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
    """

    fabric: Fabric
    device: torch.device
    precision: str
    channels_last: bool
    description: str


def choose_compute(name: DeviceName = "auto") -> Compute:
    """CUDA where there is one, else the CPU; bf16 where the hardware computes it natively.

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
    fabric = Fabric(accelerator="cuda" if on_gpu else "cpu", devices=1, precision=precision)
    model = torch.cuda.get_device_name() if on_gpu else f"CPU, {torch.get_num_threads()} threads"
    return Compute(fabric, fabric.device, precision, channels_last=True, description=f"{model}, {precision}")


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 itself; without that, autocast is some ten times slower than float32."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe)() for probe in probes if hasattr(torch.cpu, probe))
