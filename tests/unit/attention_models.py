"""Attention as people write it, and call it."""

import torch
import torch.nn.functional as F
from torch import nn

N, ROWS, COLUMNS, SIZE, HEADS = 3, 5, 7, 16, 4


class OneAttention(nn.Module):
    """Attention of one sequence to another, called as a user may call it."""

    def __init__(self, call=None, **settings):
        super().__init__()
        self.attend = nn.MultiheadAttention(SIZE, HEADS, **settings)
        self.call = call or {}

    def forward(self, query, key, value, key_padding_mask=None, attn_mask=None):
        masks = {"key_padding_mask": key_padding_mask, "attn_mask": attn_mask}
        return self.attend(query, key, value, **masks, **self.call)[0]


class DotProduct(nn.Module):
    """Calls the function itself, in ways that are given."""

    def __init__(self, **call):
        super().__init__()
        self.call = call

    def forward(self, query, key, value):
        return F.scaled_dot_product_attention(query, key, value, **self.call)


class Block(nn.Module):
    """Self-attention written out, in one of the ways in which people write it."""

    def __init__(self, way):
        super().__init__()
        self.qkv = nn.Linear(SIZE, 3 * SIZE)
        self.dropout = nn.Dropout(0.2)
        self.way = way

    def forward(self, x):
        q, k, v = (p.unflatten(-1, (HEADS, -1)).transpose(1, 2) for p in self.qkv(x).chunk(3, -1))
        may = torch.ones(x.shape[1], x.shape[1]).tril().bool()
        energies = (q @ k.transpose(-2, -1) / 2).masked_fill(~may, torch.finfo(q.dtype).min)
        weights = self.dropout(F.softmax(energies, dim=-1, dtype=torch.float32).to(q.dtype))
        if self.way == "matmul":
            mixed = torch.matmul(weights, v)
        elif self.way == "einsum":
            mixed = torch.einsum("bhqk,bhkd->bhqd", weights, v)
        elif self.way == "turned":
            mixed = (v.transpose(-2, -1) @ weights.transpose(-2, -1)).transpose(-2, -1)
        else:
            mixed = torch.bmm(weights.flatten(0, 1), v.flatten(0, 1)).unflatten(0, (-1, HEADS))
        self.last = weights
        return mixed.transpose(1, 2).flatten(2)


class Written(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.embed = nn.Embedding(9, SIZE)
        self.blocks = nn.ModuleList(Block(way) for _ in range(2))
        self.out = nn.Linear(SIZE, 9)

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = x + block(x)
        return F.softmax(self.out(x), -1).log()  # a softmax that is no attention


class Additive(nn.Module):
    """A module of the user's own: its weights multiply and are summed by hand, in a loop."""

    def __init__(self, returns):
        super().__init__()
        self.score = nn.Linear(SIZE, 1)
        self.returns = returns

    def forward(self, state, memory):
        weights = torch.softmax(self.score(torch.tanh(memory + state[:, None])).squeeze(-1), dim=1)
        context = (weights.unsqueeze(-1) * memory).sum(1)
        return {
            "tuple": (context, weights),
            "dict": {"context": context, "maps": weights * 100},
            "context": context,
        }[self.returns]


class Loop(nn.Module):
    def __init__(self, returns="tuple"):
        super().__init__()
        self.attention = Additive(returns)

    def forward(self, memory):
        state, rows = memory[:, 0], []
        for _ in range(3):
            found = self.attention(state, memory)
            state = (
                found[0]
                if isinstance(found, tuple)
                else found["context"]
                if isinstance(found, dict)
                else found
            )
            rows.append(state)
        return torch.stack(rows, 1)
