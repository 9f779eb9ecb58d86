"""The language model's forward pass over a batch that is laid out, on the weights of the ordinary model.

It computes what transformers' Llama computes, in fewer passes over memory: rotations as products of complex numbers,
norms whose weights are folded into the matrices behind them, keys and values gathered together.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from transformers import LlavaForConditionalGeneration

from bench.tiny.layout import Layer

__all__ = ["decode", "depth"]


class _Norm(torch.autograd.Function):
    """Divide rows by their root mean square (Zhang and Sennrich 2019), without a weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        scale = (
            torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        )
        normed: Tensor = x * scale
        ctx.save_for_backward(normed, scale)
        return normed

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        normed, scale = ctx.saved_tensors
        along = (grads[0] * normed).mean(-1, keepdim=True)
        return torch.addcmul(grads[0], normed, along, value=-1).mul_(scale), None


class _Gather(torch.autograd.Function):
    """Rows by index; the way back adds them up."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.rows = x.shape[0]
        return x.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        grad = grads[0].contiguous()
        return grad.new_zeros(ctx.rows, grad.shape[1]).index_add_(0, index, grad), None


class _Move(torch.autograd.Function):
    """Rows to other places, some of which stay empty; `back` says where each row went, or the other way round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, to: Tensor, back: Tensor, empty: Tensor | None) -> Tensor:
        ctx.save_for_backward(back)
        ctx.empty = empty
        return x.index_select(0, to)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        grad = grads[0].index_select(0, ctx.saved_tensors[0])
        return grad if ctx.empty is None else grad.index_fill_(0, ctx.empty, 0.0), None, None, None


_norm: Any = _Norm.apply
_gather: Any = _Gather.apply
_move: Any = _Move.apply


def _turns(model: Any, positions: Tensor) -> Tensor:
    """Rotations `[tokens, 1, size / 2]` of rotary embeddings (Su et al. 2021)."""
    angles = positions[:, None].float() * model.rotary_emb.inv_freq[None, :]
    return torch.polar(torch.ones_like(angles), angles)[:, None, :]


def _paired(weight: Tensor, heads: int) -> Tensor:
    """Rows of a query or key matrix in the order that puts the two numbers of a rotation side by side."""
    halves = weight.view(heads, 2, -1, weight.shape[-1])
    return halves.transpose(1, 2).reshape(weight.shape)


def _rotated(x: Tensor, turns: Tensor, heads: int) -> Tensor:
    pairs = torch.view_as_complex(x.view(len(x), heads, -1, 2))
    return torch.view_as_real(pairs * turns).reshape(x.shape)


def _attend(layer: Layer, query: Tensor, seen: Tensor, heads: int) -> Tensor:
    """Attention of every piece; `seen` holds keys and values side by side, both `[tokens, width]`."""
    width = query.shape[1]
    q_all = _move(query, layer.ask, layer.back, None)
    sizes = [mask.shape[0] * mask.shape[2] for mask in layer.masks]
    seen_sizes = [mask.shape[0] * mask.shape[3] for mask in layer.masks]
    split = zip(q_all.split(sizes), _gather(seen, layer.see).split(seen_sizes), layer.masks, strict=True)
    found = []
    for part, kv_part, mask in split:
        q = part.view(len(mask), -1, heads, width // heads).transpose(1, 2)
        k, v = kv_part.view(len(mask), -1, 2, heads, width // heads).unbind(2)
        out = F.scaled_dot_product_attention(q, k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask)
        found.append(out.transpose(1, 2).reshape(-1, width))
    made: Tensor = _move(torch.cat(found), layer.back, layer.ask, layer.empty)
    return made


def depth(model: LlavaForConditionalGeneration) -> int:
    """How many layers its language model has."""
    language: Any = model.model.language_model
    return len(language.layers)


def decode(
    model: LlavaForConditionalGeneration, embeds: Tensor, positions: Tensor, layers: list[Layer]
) -> list[Tensor]:
    """States after each layer of the tokens that it puts out, the last as the head reads it.

    `embeds` is `[tokens, width]`, `positions` `[tokens]`.
    """
    language: Any = model.model.language_model
    config = language.config
    heads, eps = config.num_attention_heads, config.rms_norm_eps
    turns = _turns(language, positions)
    x, states = embeds, []
    for plan, layer in zip(layers, language.layers, strict=True):
        a, m = layer.self_attn, layer.mlp
        gain, normed = layer.input_layernorm.weight, _norm(x, eps)
        asking = normed
        seen_turns = turns
        if plan.asking is not None:
            asking, x, turns = _gather(normed, plan.asking), _gather(x, plan.asking), turns[plan.asking]
        q = _rotated(F.linear(asking, _paired(a.q_proj.weight, heads) * gain), turns, heads)
        k = _rotated(F.linear(normed, _paired(a.k_proj.weight, heads) * gain), seen_turns, heads)
        v = F.linear(normed, a.v_proj.weight * gain)
        x = x + F.linear(_attend(plan, q, torch.cat((k, v), 1), heads), a.o_proj.weight)
        gain, normed = layer.post_attention_layernorm.weight, _norm(x, eps)
        gate, up = F.linear(normed, m.gate_proj.weight * gain), F.linear(normed, m.up_proj.weight * gain)
        x = x + F.linear(F.silu(gate) * up, m.down_proj.weight)
        states.append(x)
    states[-1] = language.norm(states[-1])
    return states
