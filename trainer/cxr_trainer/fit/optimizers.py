"""SGD, Adam and RMSprop with Keras's semantics, which differ from torch's in small, lasting ways.

- SGD folds the rate into the velocity when a gradient enters it, so a falling rate does not scale old steps.
- Adam adds epsilon (1e-7) to the uncorrected root of the second moment.
- RMSprop adds epsilon (1e-7) under the root; its momentum sums whole steps, the rate of each included.

Keras's ``decay`` is a schedule here: `cxr_trainer.schedule.Decay`.

The golden numbers in the tests come from Keras itself.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from cxr_trainer.recipe import OptimizerName

_EPSILON = 1e-7


class _KerasOptimizer(Optimizer):
    """Base: gathers parameters with gradients and hands them on; the rate is set before each step."""

    def __init__(self, parameters: Iterable[Tensor], *, lr: float, **defaults: float) -> None:
        super().__init__(list(parameters), {"lr": lr, **defaults})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            parameters = [each for each in group["params"] if each.grad is not None]
            if parameters:
                self._update(parameters, [each.grad for each in parameters], group)
        return loss

    @abstractmethod
    def _update(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None: ...

    def _slots(self, parameters: list[Tensor], name: str) -> list[Tensor]:
        for each in parameters:
            if name not in self.state[each]:
                self.state[each][name] = torch.zeros_like(each)
        return [self.state[each][name] for each in parameters]


class SGD(_KerasOptimizer):
    """``v ← momentum·v − lr·g``, ``w ← w + v``."""

    def __init__(self, parameters: Iterable[Tensor], *, lr: float, momentum: float = 0.9) -> None:
        super().__init__(parameters, lr=lr, momentum=momentum)

    def _update(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        velocity = self._slots(parameters, "velocity")
        torch._foreach_mul_(velocity, group["momentum"])
        torch._foreach_add_(velocity, gradients, alpha=-group["lr"])
        torch._foreach_add_(parameters, velocity)


class Adam(_KerasOptimizer):
    """``w ← w − lr·√(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + epsilon)``."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = _EPSILON,
    ) -> None:
        super().__init__(parameters, lr=lr, beta1=beta1, beta2=beta2, epsilon=epsilon)

    def _update(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["beta1"], group["beta2"]
        group["updates"] = step = group.get("updates", 0) + 1
        first, second = self._slots(parameters, "first"), self._slots(parameters, "second")
        torch._foreach_lerp_(first, gradients, 1.0 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, value=1.0 - beta2)
        rate = group["lr"] * (1.0 - beta2**step) ** 0.5 / (1.0 - beta1**step)
        root = torch._foreach_sqrt(second)  # noqa: SLF001
        torch._foreach_add_(root, group["epsilon"])
        torch._foreach_addcdiv_(parameters, first, root, value=-rate)


class RMSprop(_KerasOptimizer):
    """``m ← momentum·m + lr·g / √(v + epsilon)``, ``w ← w − m``, with ``v ← rho·v + (1 − rho)·g²``."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = _EPSILON,
    ) -> None:
        super().__init__(parameters, lr=lr, rho=rho, momentum=momentum, epsilon=epsilon)

    def _update(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        rho = group["rho"]
        second = self._slots(parameters, "second")
        torch._foreach_mul_(second, rho)
        torch._foreach_addcmul_(second, gradients, gradients, value=1.0 - rho)
        root = torch._foreach_sqrt(torch._foreach_add(second, group["epsilon"]))  # noqa: SLF001
        if not group["momentum"]:
            torch._foreach_addcdiv_(parameters, gradients, root, value=-group["lr"])
            return
        step = self._slots(parameters, "step")
        torch._foreach_mul_(step, group["momentum"])
        torch._foreach_addcdiv_(step, gradients, root, value=group["lr"])
        torch._foreach_sub_(parameters, step)


def build_optimizer(name: OptimizerName, parameters: Iterable[Tensor], *, lr: float, momentum: float) -> Optimizer:
    """Build a recipe's optimizer; `momentum` counts for SGD only: the RMSprop of the paper's Keras had none."""
    if name == "sgd":
        return SGD(parameters, lr=lr, momentum=momentum)
    return Adam(parameters, lr=lr) if name == "adam" else RMSprop(parameters, lr=lr)


def set_rate(optimizer: Optimizer, lr: float) -> None:
    """Set the rate of the next update."""
    for group in optimizer.param_groups:
        group["lr"] = lr
