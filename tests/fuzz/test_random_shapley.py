"""Shapley values of random models against their estimators, drawn alike and counted one by one.

The axes: kind of layer, relu with dead units; layers, directions, layout of layer and inputs, ids
and vectors; padding that lengths, a mask, the ids or nobody tells; readouts; both estimators, the
number of draws and how many sub-texts are run at once.
"""

import itertools
import random

import torch
from torch import nn

from captum_rnn import RecurrentShapleyAttribution
from captum_rnn.functional.shapley import antithetic_permutations, complementary_sets
from insertion_reference import insertion_changes
from readers import Reader
from reference import KINDS, make_layer
from unrolled import Unrolled

TOLD = ["full", "lengths", "mask", "ids"]


class RandomTexts:
    """A model, texts for it, and how it is told where they end."""

    def __init__(self, seed):
        draw = random.Random(seed)
        torch.manual_seed(seed)
        self.seed, self.told = seed, draw.choice(TOLD)
        self.kind, features = draw.choice([*KINDS, "rnn_relu"]), draw.randint(1, 3)
        layer = make_layer(
            self.kind,
            features,
            draw.randint(5, 6) if self.kind == "lstm_projected" else draw.randint(1, 4),
            num_layers=draw.randint(1, 2),
            bidirectional=draw.random() < 0.4,
            batch_first=draw.random() < 0.5,
            bias=draw.random() < 0.8,
        ).double()
        if layer.bias and draw.random() < 0.5:
            with torch.no_grad():
                layer.bias_ih_l0.sub_(0.5)
        readouts = ["final", "last", "mean", "everything"]
        self.reader = Reader(layer, draw.choice(readouts)).eval()
        batch, time = draw.randint(1, 3), draw.randint(1, 6)
        self.counts = torch.full((batch,), time)
        if self.told != "full":
            self.counts = torch.randint(1, time + 1, (batch,))
            self.counts[draw.randrange(batch)] = time
        self.embedding = nn.Embedding(9, features, padding_idx=0).double()
        self.is_ids = self.told == "ids" or draw.random() < 0.5
        self.is_real = torch.arange(time) < self.counts.unsqueeze(1)
        ids = torch.randint(1, 9, (batch, time)) * self.is_real
        vectors = torch.randn(batch, time, features).double()
        self.vectors = self.embedding(ids).detach() if self.is_ids else vectors
        self.batch_first = draw.random() < 0.7
        self.inputs = self._laid_out(ids if self.is_ids else vectors)
        self.arguments = {
            "lengths": self.counts,
            "mask": self._laid_out(self.is_real),
        }.get(self.told)
        self.options = {
            "estimator": draw.choice(["permutations", "scans"]),
            "n_samples": draw.choice([2, 5, 8]),
            "seed": draw.randint(0, 9),
            "internal_batch_size": draw.choice([1, 3, 512]),
        }

    def _laid_out(self, tensor):
        return tensor if self.batch_first else tensor.transpose(0, 1)

    def forward(self, given, told=None):
        given = self._laid_out(given)
        if self.told == "mask":
            told = self._laid_out(told).sum(1)
        if self.told == "ids":
            told = (given != 0).sum(1)
        return self.reader(self.embedding(given) if self.is_ids else given, told)

    @torch.no_grad()
    def value(self, tokens):
        """Of the tokens of one text alone; of none, of the initial state."""
        layer = self.reader.layer
        if not len(tokens):
            outputs, final = layer(torch.zeros(1, layer.input_size).double())
            final = final if isinstance(final, tuple) else (final,)
            nothing = [torch.zeros_like(states) for states in (outputs, *final)]
            return float(self.reader.read(*nothing, *[None] * (3 - len(nothing)))[1])
        outputs, final = layer(tokens)
        final = final if isinstance(final, tuple) else (final, None)
        return float(self.reader.read(outputs, *final)[1])

    def expected(self):
        scores = torch.zeros(self.is_real.shape).double()
        for row, count in enumerate(self.counts.tolist()):
            tokens = self.vectors[row, :count]
            drawn = torch.Generator().manual_seed(self.options["seed"])
            pairs = -(-self.options["n_samples"] // 2)
            change = self.value(tokens) - self.value(tokens[:0])
            of_text = torch.zeros(count).double()
            if count > 1 and self.options["estimator"] == "scans":
                of_text = self.by_scans(tokens, complementary_sets(count, pairs, drawn))
            elif 2**count - 2 <= 2 * pairs * (count - 1):  # no more than by those orders
                every = list(itertools.permutations(range(count)))
                of_text = self.by_orders(tokens, torch.tensor(every))
            elif count > 1:
                of_text = self.by_orders(tokens, antithetic_permutations(count, pairs, drawn))
            moved = of_text != 0  # what changes nothing takes no part in what remains
            moved = moved if moved.any() else torch.ones_like(moved)
            scores[row, :count] = of_text + moved * (change - of_text.sum()) / moved.sum()
        return scores

    def by_orders(self, tokens, orders):
        scores = torch.zeros(len(tokens)).double()
        for order in orders.tolist():
            before = []
            for place in order:
                grown = sorted([*before, place])
                scores[place] += self.value(tokens[grown]) - self.value(tokens[before])
                before = grown
        return scores / len(orders)

    def by_scans(self, tokens, sets):
        scores, weights = torch.zeros(2, len(tokens)).double()
        for first, second in sets.view(-1, 2, len(tokens)):
            for held, others in ((first, second), (second, first)):
                if not held.any():
                    continue
                removed = Unrolled(self.reader, tokens[held]).adjoint_scores()
                for change, place in zip(removed, held.nonzero().flatten().tolist(), strict=True):
                    both = [float(change)]
                    if others.any():
                        added = insertion_changes(self.reader, tokens[others], tokens[place])
                        both.append(float(added[int(others[:place].sum())]))
                    scores[place] += sum(both) / len(both) / int(held.sum())
                    weights[place] += 1 / int(held.sum())
        return scores / weights


def test_random_shapley(fuzz_seeds):
    for seed in fuzz_seeds(60):
        try:
            check_random_shapley(RandomTexts(seed))
        except (AssertionError, ValueError, RuntimeError) as error:
            raise AssertionError(f"seed {seed}") from error


def check_random_shapley(texts):
    method = RecurrentShapleyAttribution(
        texts.forward, texts.reader.layer, batch_first=texts.batch_first
    )
    found, delta = method.attribute(
        texts.inputs,
        1,
        texts.arguments,
        per_step=True,
        return_convergence_delta=True,
        **texts.options,
    )
    assert delta.abs().max() <= 1e-10
    found, expected = texts._laid_out(found), texts.expected()
    size = float(expected.abs().max().clamp(min=1e-3))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7 * size)


def test_the_draws_cover_all_axes():
    drawn = [RandomTexts(seed) for seed in range(60)]
    seen = {(texts.told, texts.options["estimator"]) for texts in drawn}
    assert len(seen) == 2 * len(TOLD)
    assert {texts.kind for texts in drawn} == set(KINDS)
    assert {(texts.is_ids, texts.batch_first) for texts in drawn} == {
        (one, other) for one in (True, False) for other in (True, False)
    }
