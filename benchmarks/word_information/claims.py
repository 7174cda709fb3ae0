"""The paper's claims, each with the figures that speak for or against it."""

from typing import Any

from benchmarks.word_information.summaries import shown


def claims(results: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry a claim: what was claimed, whether it reproduces here, and the figures."""
    return [
        coherent(results["coherence"]),
        reverse(results["reverse"], "within_step", "in each state of the decoder"),
        reverse(results["reverse"], "across_steps", "over all states of the decoder together"),
        discarded(results["layers"]),
        subsequences(results["layers"]),
        repeatable(results["agreement"]),
    ]


def coherent(found: dict[str, Any]) -> dict[str, Any]:
    """The measure goes from layer to layer more smoothly than gradient and perturbation."""
    wins, figures = 0, []
    for name, measures in found.items():
        ours = measures["word information"]["jump"]
        others = {n: measures[n]["jump"] for n in ("gradient", "perturbation")}
        wins += all(ours["high"] < other["low"] for other in others.values())
        against = ", ".join(f"{n} {shown(other)}" for n, other in others.items())
        figures.append(f"{name}: {shown(ours)} against {against}")
    return entry(
        "The measure is coherent over layers where gradient and perturbation jump.",
        wins == len(found),
        wins > 0,
        "jump from stage to stage, in spreads of the words; " + "; ".join(figures),
    )


def reverse(found: dict[str, Any], kind: str, where: str) -> dict[str, Any]:
    """The states of the reverse task keep what is still to be written."""
    decoder = found["decoder"]
    ours = decoder["word information"][kind]
    others = {name: decoder[name][kind] for name in ("gradient", "perturbation")}
    better = all(ours["low"] > other["high"] for other in others.values())
    against = ", ".join(f"{name} {shown(other)}" for name, other in others.items())
    return entry(
        f"It tells, {where}, which symbols of the reverse task are still needed, and better than "
        "gradient and perturbation.",
        ours["low"] > 0.9 and better,
        ours["low"] > 0.9,
        f"area under the ROC curve {shown(ours)} against {against}",
    )


def discarded(found: dict[str, Any]) -> dict[str, Any]:
    """Layers discard words that say little; the attention-based ones in particular."""
    figures, falls = [], {}
    for name, stages in found.items():
        gaps = [stages[stage]["function_words_minus_others"] for stage in stages]
        falls[name] = gaps[-1]["high"] < gaps[0]["low"]
        figures.append(
            f"{name}: {shown(gaps[0])} in the first stage, {shown(gaps[-1])} in the last"
        )
    return entry(
        "Words of little meaning are discarded on the way up.",
        all(falls.values()),
        any(falls.values()),
        "function words minus the others, in spreads; " + "; ".join(figures),
    )


def subsequences(found: dict[str, Any]) -> dict[str, Any]:
    """LSTM and CNN use runs of neighbouring words, Transformer and BERT single words."""
    pooled = {name: stages["pooled"]["neighbours"] for name, stages in found.items()}
    runs = min(pooled[name]["low"] for name in ("LSTM", "CNN"))
    single = max(pooled[name]["high"] for name in ("Transformer", "BERT-style"))
    some = pooled["LSTM"]["low"] > single or pooled["CNN"]["low"] > single
    return entry(
        "LSTM and CNN use runs of neighbouring words, Transformer and BERT single words.",
        runs > single,
        some,
        "correlation of a word's information with its neighbour's in the pooled state; "
        + "; ".join(f"{name}: {shown(figure)}" for name, figure in pooled.items()),
    )


def repeatable(found: dict[str, Any]) -> dict[str, Any]:
    """The authors' procedure settles on one answer."""
    theirs = found["authors"]["two_runs"]
    return entry(
        "The procedure as published gives one answer (two seeds, 5,000 steps).",
        theirs["low"] >= 0.95,
        theirs["mean"] >= 0.95,
        f"Spearman a text of two runs {shown(theirs)}",
    )


def entry(claim: str, holds: bool, holds_in_part: bool, figures: str) -> dict[str, Any]:
    """One claim; "yes", "in part" or "no"."""
    verdict = "yes" if holds else "in part" if holds_in_part else "no"
    return {"claim": claim, "reproduces": verdict, "figures": figures}
