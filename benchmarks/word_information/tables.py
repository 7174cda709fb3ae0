"""The results as Markdown; `docs/layers.md` includes them as they are written."""

from typing import Any

from benchmarks.word_information.summaries import shown


def tables(results: dict[str, Any]) -> str:
    """All tables and the list of claims."""
    parts = (agreement, layers, coherence, reverse, deltas, claims, made_by)
    return "\n\n".join(part(results) for part in parts) + "\n"


def agreement(results: dict[str, Any]) -> str:
    """How near few steps come to a converged search, and at what cost."""
    found = results["agreement"]
    rows = [
        [
            steps,
            shown(row["spearman"]),
            f"{row['share_at_95']:.0%}",
            shown(row["spearman_without_control"]),
            f"{1000 * row['seconds_a_text']:.0f} ms",
            f"{row['times_faster']:.0f}",
        ]
        for steps, row in found["few_steps"].items()
    ]
    theirs = found["authors"]
    head = [
        "steps",
        "Spearman",
        "texts at .95",
        "without the linear model",
        "a text",
        "times faster",
    ]
    return (
        "### Steps, agreement and cost\n\n"
        f"Final state of the shipped LSTM, {found['texts']} texts, {found['samples_a_step']} noise "
        f"samples (antithetic pairs) a step, against a search of {found['converged_steps']} steps; "
        "cost in a batch of 64 on one thread, against the authors' way in the same run.\n\n"
        f"{table(head, rows)}\n\n"
        f"Two converged searches agree with Spearman {shown(found['two_converged'])}, one of them "
        f"and one without the linearised model with {shown(found['converged_without_control'])}; "
        f"log σ spreads over the words of a text by {shown(found['spread_of_log_sigma'])}. The "
        f"authors' way ({theirs['steps']} steps timed, one text at a time) takes "
        f"{theirs['seconds_a_text']:.1f} s a text; two of its runs agree with "
        f"{shown(theirs['two_runs'])}, and with the converged search "
        f"{shown(theirs['with_converged'])}."
    )


def layers(results: dict[str, Any]) -> str:
    """Study 1."""
    keys = (
        "information",
        "function_words_minus_others",
        "neighbours",
        "later_minus_earlier_half",
        "with_replacement",
    )
    rows = [
        [name, stage, *(shown(row[key]) for key in keys)]
        for name, stages in results["layers"].items()
        for stage, row in stages.items()
    ]
    accuracy = "; ".join(
        f"{name} {row['accuracy']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        for name, row in results["accuracy"].items()
    )
    head = [
        "classifier",
        "stage",
        "nats a word",
        "function words, less others",
        "neighbours",
        "later half, less earlier",
        "with replacement",
    ]
    return (
        "### 1. Layer by layer\n\n"
        "Information kept of a word; that of function words less that of others, in spreads of the "
        "words of a text; the correlation of a word's information with its neighbour's; later half "
        "less earlier half of a text, in spreads; Spearman with what replacing the word by the "
        f"mean word does to the state. Accuracy: {accuracy}.\n\n{table(head, rows)}"
    )


def coherence(results: dict[str, Any]) -> str:
    """Study 3."""
    rows = [
        [name, measure, shown(row["jump"]), shown(row["agreement"])]
        for name, measures in results["coherence"].items()
        for measure, row in measures.items()
    ]
    return (
        "### 3. Smoothness over layers\n\n"
        "Root mean square change of a word from stage to stage on a logarithmic scale, in spreads "
        "of the words of a text (smaller is smoother), and Spearman of neighbouring stages.\n\n"
        + table(["classifier", "measure", "jump", "agreement"], rows)
    )


def reverse(results: dict[str, Any]) -> str:
    """Study 2."""
    rows = [
        [part, measure, shown(row["within_step"]), shown(row["across_steps"])]
        for part in ("encoder", "decoder")
        for measure, row in results["reverse"][part].items()
    ]
    return (
        "### 2. The reverse-sequence task\n\n"
        f"Share of right symbols: {results['reverse']['symbols_right']:.4f}. Area under the ROC "
        "curve of telling the symbols that a state still needs, within one step and with the "
        "values of all steps in one ranking. (In the encoder the others "
        "have not been read yet, which every "
        f"measure sees.)\n\n{table(['part', 'measure', 'within a step', 'across steps'], rows)}"
    )


def deltas(results: dict[str, Any]) -> str:
    """Study 4."""
    found = results["deltas"]
    rows = [
        [name, shown(figure), shown(found["with_information"].get(name))]
        for name, figure in found["with_replacement"].items()
    ]
    apart = found["disagreement"]
    words = {
        name: ", ".join(f"{word['word']} ({word['rank_difference']:+.2f})" for word in listed)
        for name, listed in found["words"].items()
    }
    return (
        "### 4. Beside the hidden-state deltas\n\n"
        f"Spearman a text with the check, the change of the final state when the word is replaced "
        f"by the mean word, and with word information; deltas by their size, {found['texts']} "
        f"texts.\n\n{table(['score', 'with replacement', 'with word information'], rows)}\n\n"
        "Share of the words in the top fifth of one and the lower half of the other: credited by "
        f"the projection delta but not kept {shown(apart['credited_but_not_kept'])}, kept but not "
        f"credited {shown(apart['kept_but_not_credited'])}. Words with the largest difference of "
        f"ranks, credited but not kept: {words['credited_but_not_kept']}; kept but not credited: "
        f"{words['kept_but_not_credited']}."
    )


def claims(results: dict[str, Any]) -> str:
    """The claims, with what was found."""
    rows = [[row["claim"], row["reproduces"], row["figures"]] for row in results["claims"]]
    return f"### What reproduces\n\n{table(['claim', 'reproduces', 'figures'], rows)}"


def made_by(results: dict[str, Any]) -> str:
    """Where and when."""
    machine = results["machine"]
    return (
        f"Intervals are 95 % bootstrap intervals over texts. {results['date']}, "
        f"{machine['processor']}, {machine['cores']} cores, {results['minutes']} minutes, of them "
        f"{results['processor_minutes']} on the processor."
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
