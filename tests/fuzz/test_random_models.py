"""Random models around a layer, held against every row unrolled alone, its places known by hand."""

import random

import torch
from torch import nn

import reference
from captum_rnn import AdjointDeltaAttribution, LogitDeltaAttribution
from readers import Reader
from unrolled import Unrolled

WORDS, WIDTH = 40, 3


def moved(how, vectors, start, lengths):
    """What a model makes of its word vectors, and the number of steps of each row."""
    rows = torch.arange(len(vectors)).unsqueeze(1)
    time = torch.arange(vectors.shape[1])
    if how == "reversed":
        return vectors.flip(1), lengths
    if how == "each row reversed":
        mirrored = torch.where(time < lengths.unsqueeze(1), lengths.unsqueeze(1) - 1 - time, time)
        return vectors[rows, mirrored], lengths
    if how == "first dropped":
        return vectors[:, 1:], lengths - 1
    if how == "start put before":
        return torch.cat([start.expand(len(vectors), 1, -1), vectors], 1), lengths + 1
    if how == "shifted":
        return torch.cat([start.expand(len(vectors), 1, -1), vectors[:, :-1]], 1), lengths
    return (torch.sigmoid(vectors), lengths) if how == "changed" else (vectors, lengths)


def places(how, time, length):
    """The token that each step of a row read; None: none."""
    if how == "reversed":
        return list(reversed(range(time)))
    if how == "each row reversed":
        return list(reversed(range(length)))
    if how == "first dropped":
        return list(range(1, length))
    if how == "start put before":
        return [None, *range(length)]
    if how == "shifted":
        return [None, *range(length - 1)]
    return list(range(length))


class Around(nn.Module):
    """Moves its word vectors, sorts its batch if it packs, and reads the layer."""

    def __init__(self, reader, how, packed):
        super().__init__()
        self.words, self.start = nn.Embedding(WORDS, WIDTH), nn.Parameter(torch.randn(WIDTH))
        self.reader, self.how, self.packed = reader, how, packed

    def read(self, ids, lengths):
        return moved(self.how, self.words(ids), self.start, lengths)

    def forward(self, ids, lengths):
        vectors, steps = self.read(ids, lengths)
        if not self.packed:
            return self.reader(vectors)
        order = steps.argsort(descending=True)
        return self.reader(vectors[order], steps[order])[order.argsort()]


HOWS = ["plain", "changed", "reversed", "each row reversed", "first dropped", "start put before"]
HOWS += ["shifted"]


def test_random_models(fuzz_seeds):
    for seed in fuzz_seeds(60):
        try:
            check_a_random_model(seed)
        except (AssertionError, ValueError) as error:
            raise AssertionError(f"seed {seed}") from error


def check_a_random_model(seed):
    draw = random.Random(seed)
    torch.manual_seed(seed)
    how = draw.choice(HOWS)
    packed = how != "reversed" and draw.random() < 0.5
    layer = reference.make_layer(
        draw.choice(reference.KINDS),
        WIDTH,
        draw.randint(5, 7),
        num_layers=draw.randint(1, 3),
        bidirectional=draw.random() < 0.5,
        batch_first=draw.random() < 0.5,
    )
    readout = draw.choice(["final", "last", "middle", "mean", "everything"])
    model = Around(Reader(layer, readout), how, packed).double().eval()
    batch, time = draw.randint(1, 4), draw.randint(2, 7)
    ids = torch.randint(WORDS, (batch, time))
    lengths = torch.randint(2, time + 1, (batch,)) if packed else torch.full((batch,), time)
    expected = {
        kind: torch.zeros(batch, time, dtype=torch.float64) for kind in ("adjoint", "logit")
    }
    with torch.no_grad():
        vectors, steps = model.read(ids, lengths)
    for row in range(batch):
        alone = Unrolled(model.reader, vectors[row, : steps[row]])
        of_row = {"adjoint": alone.adjoint_scores(), "logit": alone.read_scores()}
        for step, token in enumerate(places(how, time, int(lengths[row]))):
            if token is not None:
                for kind, scores in of_row.items():
                    expected[kind][row, token] = scores[step]
    for kind, made in (("adjoint", AdjointDeltaAttribution), ("logit", LogitDeltaAttribution)):
        found = made(model, model.reader.layer).attribute(
            ids, target=1, additional_forward_args=(lengths,)
        )
        torch.testing.assert_close(found, expected[kind], rtol=1e-7, atol=1e-9)
    assert not layer._forward_hooks
    assert not layer._forward_pre_hooks
