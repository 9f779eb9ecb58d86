"""The optimizer: Muon (Jordan et al. 2024) for the decoder's matrices, AdamW (Loshchilov and Hutter 2019) for the rest.

Muon takes steps along the nearest orthogonal matrix to the momentum, so that all directions of a matrix are learnt at
the same pace; the same lessons then need fewer steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration

__all__ = ["Muon", "orthogonal"]

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_LIKE_ADAM = 0.2
"""Root mean square of AdamW's usual steps: by it, one rate fits both (Liu et al. 2025)."""


class Muon(torch.optim.Optimizer):
    """Steps for everything but the vision tower; `ratio` is Muon's rate over AdamW's."""

    def __init__(self, model: LlavaForConditionalGeneration, rate: float, *, ratio: float = 2.5) -> None:
        named = [(n, p) for n, p in model.named_parameters() if "vision_tower" not in n]
        matrices = [p for n, p in named if "language_model.layers" in n and p.ndim == 2]
        rest = [p for n, p in named if not ("language_model.layers" in n and p.ndim == 2)]
        groups = [
            {"params": matrices, "lr": rate * ratio, "orthogonal": True},
            {"params": rest, "lr": rate, "orthogonal": False},
        ]
        super().__init__(groups, {"momentum": 0.95, "weight_decay": 0.01, "betas": (0.9, 0.98)})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step by the gradients that are set."""
        for group in self.param_groups:
            weights = group["params"]
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            (self._turn if group["orthogonal"] else self._adapt)(weights, group)

    def _turn(self, weights: list[Tensor], group: Mapping[str, Any]) -> None:
        momentum = self._kept(weights, "momentum")
        grads = [_grad(w) for w in weights]
        torch._foreach_lerp_(momentum, grads, 1 - group["momentum"])
        ahead = torch._foreach_lerp(grads, momentum, group["momentum"])
        for places in _alike(weights):
            steps = orthogonal(torch.stack([ahead[i] for i in places]))
            scale = -group["lr"] * _LIKE_ADAM * max(weights[places[0]].shape) ** 0.5
            torch._foreach_add_([weights[i] for i in places], list(steps), alpha=scale)

    def _adapt(self, weights: list[Tensor], group: Mapping[str, Any]) -> None:
        (slow, fast), grads = group["betas"], [_grad(w) for w in weights]
        mean, square = self._kept(weights, "mean"), self._kept(weights, "square")
        first = self.state[weights[0]]
        steps = first["steps"] = first.get("steps", 0) + 1
        torch._foreach_lerp_(mean, grads, 1 - slow)
        torch._foreach_mul_(square, fast)
        torch._foreach_addcmul_(square, grads, grads, 1 - fast)
        size = torch._foreach_sqrt(square)
        torch._foreach_div_(size, (1 - fast**steps) ** 0.5)
        torch._foreach_add_(size, 1e-8)
        torch._foreach_addcdiv_(weights, mean, size, -group["lr"] / (1 - slow**steps))

    def _kept(self, weights: list[Tensor], name: str) -> list[Tensor]:
        for weight in weights:
            if name not in self.state[weight]:
                self.state[weight][name] = torch.zeros_like(weight)
        return [self.state[weight][name] for weight in weights]


def orthogonal(matrices: Tensor, rounds: int = 5) -> Tensor:
    """Matrices `[n, rows, columns]` with all singular values near 1, by Newton and Schulz's iteration."""
    a, b, c = _NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _alike(weights: list[Tensor]) -> Iterator[list[int]]:
    by: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for i, weight in enumerate(weights):
        by[tuple(weight.shape)].append(i)
    yield from by.values()


def _grad(weight: Tensor) -> Tensor:
    assert weight.grad is not None
    return weight.grad
