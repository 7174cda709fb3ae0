"""The data randomisation test: the same model trained on shuffled labels, and how scores change."""

import functools
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from torch import Tensor

from captum_rnn.attr.calibration import weights_digest
from captum_rnn.benchmark.cache import cached_folder, load_or_train
from captum_rnn.benchmark.checkpoint import Checkpoint, fingerprint
from captum_rnn.benchmark.dataset import Dataset, explained_model
from captum_rnn.benchmark.ground_truth.judging import measure_done
from captum_rnn.benchmark.methods import Method
from captum_rnn.benchmark.results import ShuffledLabels
from captum_rnn.benchmark.scoring import Findings
from captum_rnn.evaluation import rank_correlations
from captum_rnn.evaluation.agreement.correlations import RANK_CORRELATION
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.corpus import Corpus
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.split import held_out_reviews
from captum_rnn.text.training import TrainingSettings, train

# Counted up when the training changes in a way that the settings do not show.
_RECIPE_VERSION = 1
_GROUP = "shuffled-labels"
_NAME = "shuffled-labels"


def model_on_shuffled_labels(
    classifier: TextClassifier, corpus: Corpus, *, show_progress: bool = False
) -> TextClassifier:
    """The same model trained on permuted labels, from the cache or trained now.

    Corpus, split and settings are those that the classifier records.

    Args:
        classifier: A classifier that `captum_rnn.text.train` trained.
        corpus: The corpus that it was trained on, as `load_corpus` reads it.
        show_progress: Say beforehand that it is trained, and show the progress, on standard error.

    Returns:
        The model: all but its weights is as in the classifier.

    Raises:
        ValueError: The classifier does not record its training, was trained on shuffled labels
            itself or on another corpus, or the training gives another vocabulary or model than it
            has.
        OSError: The cache cannot be written; see `captum_rnn.benchmark.cache`.
    """
    settings = _shuffled_settings(classifier)
    held_out_reviews(classifier.trained_on, corpus)  # refuses another corpus
    split_seed = classifier.trained_on["split_seed"]
    recipe = {
        "version": _RECIPE_VERSION,
        "corpus": corpus.name,
        "split_seed": split_seed,
        "split_digest": classifier.trained_on["split_digest"],
        "vocabulary": list(classifier.vocabulary.words),
        "settings": asdict(settings),
    }
    name = f"{settings.kind}-{corpus.name}-{settings.seed}"
    shuffled = load_or_train(
        cached_folder(_GROUP, name, recipe),
        functools.partial(
            train, corpus, settings, split_seed=split_seed, show_progress=show_progress
        ),
        "training the same model on shuffled labels" if show_progress else None,
    )
    check_shuffled(classifier, shuffled)
    return shuffled


def change_by_shuffled_labels(
    shuffled: TextClassifier,
    dataset: Dataset,
    findings: Findings,
    *,
    background: Sequence[Tensor] = (),
    seed: int = 0,
    folder: str | Path | None = None,
    show_progress: bool = False,
) -> ShuffledLabels:
    """Compares the scores of a comparison with those for a model trained on shuffled labels.

    That model has learnt the same texts, but nothing of what tells the classes apart. Scores that
    rank the words alike for both explain the texts and not what was learnt. Both explain the class
    that the classifier predicts; each method learns from background texts on it again. Scores
    are compared as they are, with their signs.

    Args:
        shuffled: The same model trained on shuffled labels; see `model_on_shuffled_labels` and
            `check_shuffled`.
        dataset: The compared texts.
        findings: What the comparison found.
        background: Batches of ids of background texts, to fit methods on.
        seed: Seed of the bootstrap and of all that is drawn.
        folder: Where what is finished is kept, so that an interrupted run resumes; None: nowhere.
        show_progress: Show progress on standard error.

    Returns:
        What that model was trained on, and the figures of each method with the measure
        `rank_correlation`: Spearman's, in [-1, 1], near 0 where a method explains what was learnt.
        Nobody competes.

    Source: the data randomisation test of Adebayo et al., "Sanity Checks for Saliency Maps",
    NeurIPS 2018.
    """
    on_shuffled = replace(dataset, model=explained_model(shuffled.model))

    def correlation(method: Method) -> dict[str, Tensor]:
        after = on_shuffled.score(method.fit(on_shuffled.model, background))
        before = findings.scores[method.name]
        return {RANK_CORRELATION.key: rank_correlations(dataset.ids.cpu(), before, after)}

    ids = [dataset.ids, dataset.probabilities, *background]
    weights = weights_digest(shuffled.model, shuffled.model.rnn)
    methods = [scored.method for scored in findings.done]
    with evaluation_mode(shuffled.model):
        found = measure_done(
            findings,
            correlation,
            Checkpoint(folder, fingerprint(dataset.model, methods, seed, ids, _NAME, weights)),
            measures=(RANK_CORRELATION,),
            seed=seed,
            name=_NAME,
            show_progress=show_progress,
        )
    return ShuffledLabels(dict(shuffled.trained_on), found)


def check_shuffled(classifier: TextClassifier, shuffled: TextClassifier) -> None:
    """Refuses a model that differs from the classifier in more than its weights.

    Args:
        classifier: The classifier.
        shuffled: The model trained on shuffled labels.

    Raises:
        ValueError: It has another vocabulary, other classes, reads another number of words, or is
            another model.
    """
    parts = {
        "vocabulary": (classifier.vocabulary, shuffled.vocabulary),
        "classes": (classifier.classes, shuffled.classes),
        "number of words read": (classifier.max_length, shuffled.max_length),
        "architecture": (classifier.model.architecture, shuffled.model.architecture),
    }
    other = [name for name, (first, second) in parts.items() if first != second]
    if other:
        raise ValueError(
            f"the model trained on shuffled labels has another {' and another '.join(other)} than "
            "the classifier; both have to come from the same corpus, split and settings in the "
            "same versions: train the classifier again"
        )


def _shuffled_settings(classifier: TextClassifier) -> TrainingSettings:
    """The settings that the classifier was trained with, but for the labels."""
    settings = classifier.trained_on.get("settings")
    known = {field.name for field in fields(TrainingSettings)}
    if not isinstance(settings, dict) or not settings.keys() <= known:
        raise ValueError(
            "the classifier does not record the settings that it was trained with, so the same "
            "model cannot be trained on shuffled labels; train it again with captum_rnn.text.train"
        )
    if settings.get("shuffled_labels"):
        raise ValueError(
            "the classifier was itself trained on shuffled labels; give the one that was trained "
            "on the right ones"
        )
    return replace(TrainingSettings(**settings), shuffled_labels=True)
