"""Tunes MiniLM to tell roles apart: thin matrices are added to its layers and trained, all else stays as it is.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from nlp.embedding import WORDING, Change, MiniLm
from nlp.values import ROLES, Vectors

TUNED = (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
    "intermediate.dense", "output.dense",
)  # fmt: skip
RANK = 8
STRENGTH = 2.0  # how much more the thin matrices count than they are trained to: Hu's alpha over rank
ROUNDS = 5  # times each sentence is seen
BATCH = 32  # sentences
POOL = 20  # batches whose sentences are sorted by length, so that little is computed on padding
LONGEST = 96  # word pieces
SPEED = 1e-3
WARMING = 0.1  # share of the steps in which the speed rises; then it falls to nothing
DECAY = 0.05
FORGETTING = 0.2  # share of a sentence's numbers that are hidden at each step
DOUBT = 0.1  # share of certainty that is not asked for
PLAIN, UNSTOPPED = 0.15, 0.10  # shares of sentences that are seen in small letters, and without their stop


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What was learnt: MiniLM's changes by layer, and the roles as a linear function of its wording."""

    changes: Mapping[str, Change]
    matrix: Vectors
    bias: Vectors


class _Thin(nn.Module):  # type: ignore[misc]
    """A linear layer and what is added to it."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        self.inward = nn.Parameter(torch.randn(layer.in_features, RANK) * layer.in_features**-0.5)
        self.outward = nn.Parameter(torch.zeros(RANK, layer.out_features))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        added: torch.Tensor = self.layer(states) + STRENGTH * (states @ self.inward @ self.outward)
        return added


def tune(encoder: MiniLm, texts: Sequence[str], roles: Sequence[int], *, seed: int = 0) -> Tuned:
    """Learn the roles (numbers in `ROLES`) of these sentences; one thread gives the same numbers each time."""
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    network = deepcopy(encoder.model).requires_grad_(requires_grad=False).train()
    thin = {}
    for number, layer in enumerate(network.encoder.layer):
        for name in TUNED:
            parent, _, last = name.rpartition(".")
            added = _Thin(layer.get_submodule(name))
            setattr(layer.get_submodule(parent), last, added)
            thin[f"encoder.layer.{number}.{name}"] = added
    head = nn.Linear(WORDING, len(ROLES))
    learnt = [
        *(part for layer in thin.values() for part in (layer.inward, layer.outward)),
        *head.parameters(),
    ]
    counts = np.bincount(roles, minlength=len(ROLES))
    surprise = nn.CrossEntropyLoss(
        weight=torch.tensor((len(roles) / len(ROLES) / counts) ** 0.5, dtype=torch.float32),
        label_smoothing=DOUBT,
    )
    stepper = torch.optim.AdamW(learnt, lr=SPEED, weight_decay=DECAY)
    steps = ROUNDS * -(-len(texts) // BATCH)
    pace = torch.optim.lr_scheduler.LambdaLR(
        stepper, lambda step: min(1, (step + 1) / (WARMING * steps)) * max(0, 1 - step / steps)
    )
    for _ in range(ROUNDS):
        seen = [_as_typed(text, chance) for text in texts]
        for rows, ids, mask in _batches(encoder, seen, chance):
            states = network(input_ids=ids, attention_mask=mask).last_hidden_state
            shares = mask.unsqueeze(-1) / mask.sum(dim=1)[:, None, None]
            wording = torch.cat([(states * shares).sum(dim=1), states[:, 0]], dim=1)
            guessed = head(nn.functional.dropout(wording, FORGETTING))
            stepper.zero_grad()
            surprise(guessed, torch.tensor([roles[row] for row in rows])).backward()
            nn.utils.clip_grad_norm_(learnt, 1.0)
            stepper.step()
            pace.step()
    return Tuned(
        changes={
            name: (STRENGTH * layer.inward.detach().numpy(), layer.outward.detach().numpy())
            for name, layer in thin.items()
        },
        matrix=head.weight.detach().numpy().T,
        bias=head.bias.detach().numpy(),
    )


def _as_typed(text: str, chance: np.random.Generator) -> str:
    """The sentence, or as somebody in a hurry types it."""
    habit = chance.random()
    if habit < PLAIN:
        return text.lower()
    return text.rstrip(".!") if habit < PLAIN + UNSTOPPED else text


def _batches(
    encoder: MiniLm, texts: Sequence[str], chance: np.random.Generator
) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor]]:
    """Rows of the texts, their word pieces and which of these are no padding, in an order of chance."""
    pieces = encoder.tokenizer(list(texts), truncation=True, max_length=LONGEST)["input_ids"]
    order = chance.permutation(len(texts)).tolist()
    for first in range(0, len(order), BATCH * POOL):
        pool = sorted(order[first : first + BATCH * POOL], key=lambda row: len(pieces[row]))
        batches = [pool[start : start + BATCH] for start in range(0, len(pool), BATCH)]
        chance.shuffle(batches)
        for rows in batches:
            length = max(len(pieces[row]) for row in rows)
            ids, mask = (torch.zeros(len(rows), length, dtype=torch.long) for _ in range(2))
            for line, row in enumerate(rows):
                ids[line, : len(pieces[row])] = torch.tensor(pieces[row])
                mask[line, : len(pieces[row])] = 1
            yield rows, ids, mask
