"""A comparison on few texts, for the measures that go on from its scores."""

from collections.abc import Sequence

from torch import Tensor

from captum_rnn.benchmark.checkpoint import Checkpoint
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.methods import find_methods
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.benchmark.plan import Plan
from captum_rnn.benchmark.scoring import Findings, carry_out
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.pipeline import TextClassifier


def scored_texts(
    classifier: TextClassifier,
    texts: Sequence[str],
    methods: Sequence[str],
    background: Sequence[Tensor] = (),
) -> tuple[Dataset, Findings]:
    """The texts with a known word, and what the methods say of them."""
    with evaluation_mode(classifier.model):
        whole = Dataset.of(classifier, texts)
        dataset = whole.select(whole.readable)
        plan = Plan(dataset, find_methods(methods), (), Fits(dataset.model, background), seed=0)
        return dataset, carry_out(plan, Checkpoint(None, "test"))
