"""The work of a comparison on reviews, which two processes can make and share."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from captum_rnn.benchmark.any_model import known_metrics, readable_texts
from captum_rnn.benchmark.checkpoint import Checkpoint
from captum_rnn.benchmark.comparison import Comparison, comparison_of
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.examples import post_examples
from captum_rnn.benchmark.ground_truth.judging import JudgedTexts, Judging
from captum_rnn.benchmark.ground_truth.known_answers import hybrid_texts
from captum_rnn.benchmark.ground_truth.marks import marked_words
from captum_rnn.benchmark.ground_truth.marks_files import MarkedText
from captum_rnn.benchmark.methods import Method, find_methods
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.benchmark.parts import Parts
from captum_rnn.benchmark.plan import Plan
from captum_rnn.benchmark.post_examples import load_post_examples
from captum_rnn.benchmark.results import Example, ModelSummary
from captum_rnn.benchmark.scoring import Findings
from captum_rnn.benchmark.second_process import Stage
from captum_rnn.benchmark.stages import stages_of
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

_MOST_BACKGROUND = 2_000


@dataclass(frozen=True)
class ReviewRun:
    """What a comparison on reviews depends on, of which each process makes the same work.

    Attributes:
        classifier: A trained classifier.
        reviews: Reviews that it has not seen.
        texts: Number of reviews to explain.
        methods: Names of the methods.
        metrics: What to measure.
        marked: Texts whose opinion words people marked.
        seed: Seed of all that is drawn.
        folder: Where finished parts are kept; None: in memory.
    """

    classifier: TextClassifier
    reviews: Sequence[Review]
    texts: int
    methods: Sequence[str]
    metrics: Sequence[str]
    marked: Sequence[MarkedText]
    seed: int
    folder: str | Path | None

    @cached_property
    def explained(self) -> Sequence[Review]:
        """The reviews to explain."""
        return self.reviews[: self.texts]

    @cached_property
    def dataset(self) -> Dataset:
        """The reviews to explain, as the classifier sees them."""
        return Dataset.of(self.classifier, [review.text for review in self.explained])

    @cached_property
    def _learnt(self) -> int:
        return max(0, min(_MOST_BACKGROUND, (len(self.reviews) - self.texts) // 2))

    @cached_property
    def plan(self) -> Plan:
        """What to do with them."""
        background = self.reviews[self.texts : self.texts + self._learnt]
        fits = Fits(self.dataset.model, _background_ids(self.classifier, background))
        chosen = find_methods(self.methods, seed=self.seed)
        metrics = known_metrics(self.metrics)
        return Plan(readable_texts(self.dataset), chosen, metrics, fits, self.seed)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """Where finished parts are kept."""
        return Checkpoint(self.folder, self.plan.fingerprint)

    @cached_property
    def hybrids(self) -> Judging | str | None:
        """Documents made of reviews that no method learns from, or why there are none."""
        if len(self.classifier.classes) != 2 or not self._learnt:
            return None
        unseen = [*self.explained, *self.reviews[self.texts + self._learnt :]]
        try:
            mixed = hybrid_texts(self.classifier, unseen, documents=self.texts, seed=self.seed)
        except ValueError as error:  # Too few short reviews are no reason to measure nothing.
            return str(error)
        return self._judging(mixed)

    @cached_property
    def marks(self) -> Judging | None:
        """The texts whose words people marked; None without any."""
        if not self.marked:
            return None
        return self._judging(
            marked_words(self.classifier, self.marked[: self.texts], seed=self.seed)
        )

    @cached_property
    def post(self) -> Dataset | None:
        """The sentences of the post, for a classifier that reads Chinese."""
        if self.classifier.language != "chinese":
            return None
        return Dataset.of(self.classifier, [example.text for example in load_post_examples()])

    def judge(self, method: Method) -> None:
        """What else there is to do with each method, beside the texts of the plan."""
        for judging in (self.hybrids, self.marks):
            if isinstance(judging, Judging):
                judging.part(method)
        if self.post is not None:
            self.post_scores(method)

    def post_scores(self, method: Method) -> Tensor | None:
        """Scores of the sentences of the post; None where the method fails."""
        assert self.post is not None  # which only then is asked for
        return Parts(self.plan, self.checkpoint).of_other_texts(method, "post", self.post)

    @contextmanager
    def stages(self) -> Iterator[Sequence[Stage]]:
        """The stages of the run, for a second process, which computes as the first one does."""
        with evaluation_mode(self.classifier.model), single_thread():
            yield stages_of(Parts(self.plan, self.checkpoint), self.judge)

    def comparison(self, findings: Findings, *, whole: bool) -> Comparison:
        """What was found, without what is measured on other texts; of the post only if whole."""
        summary = _model_summary(self.classifier, self.dataset, self.explained)
        sentences = self._post_sentences(findings) if whole and self.post is not None else []
        return comparison_of(self.plan, findings, summary, self.dataset, sentences)

    def _post_sentences(self, findings: Findings) -> list[Example]:
        assert self.post is not None
        answers = {s.method.name: self.post_scores(s.method) for s in findings.done}
        scores = {name: scores for name, scores in answers.items() if scores is not None}
        return post_examples(self.post, scores, load_post_examples())

    def _judging(self, texts: JudgedTexts) -> Judging:
        return Judging(
            self.plan.methods,
            texts,
            self.plan.fits,
            seed=self.seed,
            folder=self.folder,
        )


def _background_ids(classifier: TextClassifier, reviews: Sequence[Review]) -> list[Tensor]:
    """Batches of ids of the texts that methods learn from."""
    if not reviews:
        return []
    dataset = Dataset.of(classifier, [review.text for review in reviews])
    return [dataset.batch_ids(rows) for rows in dataset.batches()]


def _model_summary(
    classifier: TextClassifier, dataset: Dataset, reviews: Sequence[Review]
) -> ModelSummary:
    rows = dataset.readable
    labels = torch.tensor([reviews[row].label for row in rows])
    right = dataset.predicted.cpu()[rows] == labels
    return ModelSummary(
        kind=_kind(classifier.model.architecture),
        classes=list(dataset.classes),
        accuracy=float(right.double().mean()),
        trained_on=dict(classifier.trained_on),
    )


def _kind(architecture: Mapping[str, Any]) -> str:
    """The recurrent layer in a few words, such as "2-layer GRU, mean pooling"."""
    layers, bidirectional = architecture.get("layers", 1), architecture.get("bidirectional", False)
    name = ("Bi" if bidirectional else "") + str(architecture["kind"]).upper()
    pooling = ", mean pooling" if architecture.get("pooling") == "mean" else ""
    return (f"{layers}-layer " if layers > 1 else "") + name + pooling
