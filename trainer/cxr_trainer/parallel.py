"""One run on several processes that compute exactly what one process would (``torchrun``).

Each rank takes its share of every batch through the backbone. Batch normalisation there uses the statistics of the
whole batch, and the pooled features of the whole batch are gathered before the small head, which every rank
computes alike, with the same dropout. So an update is that of one process with the same batch, but for the order of
sums, and no recipe has to be changed for more devices. (In float32 at high rates that order alone moves the loss in
its third digit within a few updates, as another number of threads does.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of how many processes this one is.

    Attributes
    ----------
    rank
        From 0; the process of rank 0 writes the run directory and speaks.
    count
        Processes in all; with 1, everything here does nothing.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def share(self, films: int) -> slice:
        """Return this rank's films of a batch of `films`: near-equal shares in the order of the ranks."""
        return slice(films * self.rank // self.count, films * (self.rank + 1) // self.count)

    def gather(self, part: Tensor, films: int) -> Tensor:
        """Rows (films, …) of all ranks from this rank's `share` of them; every rank gets the same.

        The gradient of a loss that every rank computes alike comes back unscaled.
        """
        if self.count == 1:
            return part
        gathered: Tensor = _Gather.apply(part, self.share(films), films)
        return gathered

    def sum_gradients(self, module: nn.Module) -> None:
        """Add up the ranks' gradients of `module`, whose loss each rank saw a share of."""
        if self.count == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def any(self, flag: bool) -> bool:  # noqa: FBT001  (a flag is what is asked about)
        """Whether any rank says so; all must ask at the same time."""
        if self.count == 1:
            return flag
        votes = torch.tensor([float(flag)], device=_collective_device())
        distributed.all_reduce(votes, op=distributed.ReduceOp.MAX)
        return bool(votes.item())

    def tell(self, value: Any) -> Any:  # noqa: ANN401  (any picklable)
        """Return rank 0's `value`; all must ask at the same time."""
        if self.count == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0, device=_collective_device())
        return box[0]

    def wait(self) -> None:
        """Return when every rank has come here."""
        if self.count > 1:
            distributed.barrier()


def ranks_of(fabric: Fabric) -> Ranks:
    """Ranks of a launched Fabric."""
    return Ranks(fabric.global_rank, fabric.world_size)


def normalise_over_ranks(backbone: nn.Module) -> None:
    """Let every batch normalisation of `backbone` use the batch of all ranks; names and values stay."""
    for module in backbone.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, _OverRanks):
            kind = type(module)
            module.__class__ = type(f"{kind.__name__}OverRanks", (_OverRanks, kind), {})


def _collective_device() -> torch.device:
    """Where the process group takes tensors from: NCCL from the card alone, gloo from the CPU."""
    if distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


class _Gather(torch.autograd.Function):
    """Rows of all ranks; the gradient of this rank's rows."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, own: slice, films: int) -> Tensor:  # noqa: ANN401
        ctx.own = own
        whole = part.new_zeros(films, *part.shape[1:])
        whole[own] = part
        distributed.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        return gradients[0][ctx.own], None, None


class _OverRanks:
    """Mixed into a batch normalisation of timm's or torch's: statistics of the whole batch in training.

    torch's own SyncBatchNorm runs on CUDA alone; this runs wherever the process group does.
    """

    def forward(self: Any, x: Tensor) -> Tensor:
        if not self.training:
            result: Tensor = super().forward(x)  # type: ignore[misc]
            return result
        value = x.to(torch.promote_types(x.dtype, torch.float32))
        axes = [0, 2, 3]
        count = value.new_full((1,), value.numel() / value.shape[1])
        sums = all_reduce(torch.cat([value.sum(axes), count]))  # type: ignore[no-untyped-call]
        total = sums[-1].detach()
        mean = sums[:-1] / total
        centred = value - mean.view(1, -1, 1, 1)
        variance = all_reduce(centred.square().sum(axes)) / total  # type: ignore[no-untyped-call]
        self._remember(mean.detach(), variance.detach(), float(total))
        scale = torch.rsqrt(variance + self.eps) * self.weight
        normal = centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        normal = normal.to(x.dtype)
        for name in ("drop", "act"):  # timm's layer has its activation inside
            normal = getattr(self, name, nn.Identity())(normal)
        assert isinstance(normal, Tensor)
        return normal

    def _remember(self: Any, mean: Tensor, variance: Tensor, total: float) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (total / max(total - 1.0, 1.0)), self.momentum)
