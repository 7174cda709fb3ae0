"""A corpus as an iterator: texts in and explanations out, or batches in and scores out."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import torch

from captum_rnn.attr.calibration_data import read_batches
from captum_rnn.jobs.explaining import Clock, ExplainedRow, explain_rows
from captum_rnn.jobs.rows import Row
from captum_rnn.jobs.scoring import DEFAULT_METHOD, Scorer
from captum_rnn.text.explanation import Explanation
from captum_rnn.text.pipeline import TextClassifier

_TEXTS_AT_ONCE = 2_000


class Attribution(Protocol):
    """A Captum attribution, of this package or of Captum itself."""

    forward_func: Any

    def attribute(self, inputs: Any, **arguments: Any) -> Any:
        """Scores of the inputs."""


def attribute_corpus(
    texts: Iterable[str],
    model: TextClassifier | str | Path | None = None,
    *,
    method: str = DEFAULT_METHOD,
    calibration: str | Path | None = None,
) -> Iterator[Explanation]:
    """Explains texts as they come, 2,000 at a time in batches of similar length.

    Args:
        texts: Any number of texts; they are read as the explanations are taken.
        model: A classifier or its folder; None: the classifier that comes with the package.
        method: One of `captum_rnn.jobs.scoring.METHOD_NAMES`.
        calibration: The stored calibration of the calibrated delta.

    Yields:
        One explanation for each text, in order, as `TextClassifier.explain` gives it.

    Raises:
        OSError: The model or the calibration cannot be read.
        TypeError: `texts` is one string, or one of them is no string.
        ValueError: No such method, or files that do not fit.

    Example:
        >>> explanations = attribute_corpus(["非常好的热水器", "质量太差"], method="logit-delta")
        >>> [explanation.predicted_class for explanation in explanations]
        ['positive', 'negative']
    """
    if isinstance(texts, str):
        raise TypeError("texts is one string; expected a list of texts: put it in [ ]")
    classifier = model if isinstance(model, TextClassifier) else TextClassifier.load(model)
    scorer = Scorer(classifier.model, method, None if calibration is None else Path(calibration))
    return _explanations(iter(texts), classifier, scorer, method)


def attribute_batches(
    batches: Iterable[Any],
    attribution: Attribution,
    *,
    target: Any = None,
    lengths_at: int | None = None,
) -> Iterator[Any]:
    """Scores batches as they come, e.g. from a `torch.utils.data.DataLoader`.

    Args:
        batches: Each the inputs, or a `captum_rnn.attr.Batch` of them and of the other arguments.
        attribution: An attribution of this package, or any of Captum's for batches without lengths.
        target: The class, as for `attribute`; `"predicted"`: the most probable class of each row,
            which takes one more forward pass.
        lengths_at: Which entry of a batch of several holds the lengths, which the model is given
            too; the first is the inputs, and all others are labels, which are left out.

    Yields:
        What `attribute` answers for each batch, in order.

    Raises:
        TypeError: A batch of another form.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from captum_rnn import HiddenStateDeltaAttribution
        >>> classifier = TextClassifier.load()
        >>> loader = DataLoader(torch.randint(1, 100, (64, 12)), batch_size=32)
        >>> delta = HiddenStateDeltaAttribution(classifier.model, classifier.model.rnn)
        >>> [tuple(scores.shape) for scores in attribute_batches(loader, delta)]
        [(32, 12), (32, 12)]
    """
    for batch in read_batches(batches, lengths_at):
        arguments: dict[str, Any] = {"target": target}
        if batch.additional_forward_args is not None:
            arguments["additional_forward_args"] = batch.additional_forward_args
        if isinstance(target, str) and target == "predicted":
            arguments["target"] = _predicted(attribution, batch.inputs, arguments)
        if batch.lengths is not None:
            arguments["lengths"] = batch.lengths
        yield attribution.attribute(batch.inputs, **arguments)


def _predicted(attribution: Attribution, inputs: Any, arguments: dict[str, Any]) -> Any:
    more = arguments.get("additional_forward_args", ())
    rows = inputs if isinstance(inputs, tuple) else (inputs,)
    with torch.no_grad():
        logits = attribution.forward_func(*rows, *(more if isinstance(more, tuple) else (more,)))
    return logits.argmax(dim=-1)


def _explanations(
    texts: Iterator[str], classifier: TextClassifier, scorer: Scorer, method: str
) -> Iterator[Explanation]:
    no_words = torch.zeros(1, 1, dtype=torch.long, device=classifier.model.head.weight.device)
    probability, predicted = classifier.probabilities(no_words)[0].max(dim=0)
    of_no_words = classifier.classes[int(predicted)], float(probability)
    while window := list(itertools.islice(texts, _TEXTS_AT_ONCE)):
        rows = [Row(number, None, text) for number, text in enumerate(window)]
        explained = explain_rows(rows, classifier, scorer, Clock())
        for text, row in zip(window, explained, strict=True):
            yield _explanation(text, row, classifier, method, of_no_words)


def _explanation(
    text: str,
    row: ExplainedRow,
    classifier: TextClassifier,
    method: str,
    of_no_words: tuple[str, float],
) -> Explanation:
    tokens = tuple(row.tokens or ())
    scored = row.scores is not None and row.predicted_class is not None
    return Explanation(
        text=text,
        tokens=tokens,
        scores=tuple(row.scores.tolist()) if row.scores is not None else (0.0,) * len(tokens),
        known=tuple(token in classifier.vocabulary.ids for token in tokens),
        method=method,
        predicted_class=row.predicted_class if scored and row.predicted_class else of_no_words[0],
        probability=of_no_words[1] if row.probability is None else row.probability,
        words_cut=row.words_cut,
        remarks=classifier.remarks(text),
    )
