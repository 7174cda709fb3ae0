"""How near few steps come to a converged search, and what a text costs against the authors' way."""

import math
import time
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.word_information.authors import STEPS, authors_log_sigma
from benchmarks.word_information.summaries import over_texts, text_correlations
from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.attr.word_information import WordInformationAttribution
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.states.perturbing import run_embedded, seen_states
from captum_rnn.text import RecurrentClassifier
from captum_rnn.text.batching import pad_ids

BUDGETS = (10, 25, 50, 100, 200)
TIMED_BATCH = 64
PLAIN = {"exact": 0, "directions": 0}


def agreement(
    model: RecurrentClassifier,
    fit: Tensor,
    ids: Tensor,
    *,
    converged_steps: int,
    authors_texts: int,
    authors_steps: int,
) -> dict[str, Any]:
    """The study on the final state of one recurrent layer; `ids` (texts, time) are padded.

    Few steps are compared with a search of many. Another such search with other draws, and half as
    many, says how near two converged searches come to each other. A third one knows nothing of the
    linearised model but its estimated optimum, and takes the plain gradient that the authors take:
    it says that they aim at the same σ.
    """
    layer = model.rnn
    asked = WordInformationAttribution(model, layer, embedding=model.embedding).fit([fit])

    def search(steps: int, seed: int, **options: int) -> Tensor:
        settings = NoiseSearch(max_steps=steps, tolerance=0.0, seed=seed, **options)
        asked.attribute(ids, search=settings, show_progress=steps == converged_steps)
        assert asked.last_search is not None
        return asked.last_search.log_sigma.masked_fill(ids == 0, math.nan)

    with single_thread():
        converged = search(converged_steps, 1)
        second = search(converged_steps, 2, pairs=1)
        plain = search(converged_steps, 3, pairs=1, **PLAIN)
        few = {steps: search(steps, 4) for steps in BUDGETS}
        without = {steps: search(steps, 4, **PLAIN) for steps in BUDGETS}
        seconds = {steps: seconds_a_text(asked, ids, steps) for steps in BUDGETS}
        theirs, cost = authors_runs(asked, model, ids, authors_texts, authors_steps)
    first, again = theirs
    some = converged[:authors_texts]
    return {
        "texts": len(ids),
        "converged_steps": converged_steps,
        "samples_a_step": 2 * NoiseSearch().pairs,
        "spread_of_log_sigma": over_texts(
            torch.stack([row[row.isfinite()].std() for row in converged])
        ),
        "two_converged": over_texts(text_correlations(converged, second)),
        "converged_without_control": over_texts(text_correlations(converged, plain)),
        "few_steps": {
            str(steps): {
                "spearman": over_texts(text_correlations(converged, few[steps])),
                "share_at_95": share_at(text_correlations(converged, few[steps])),
                "spearman_without_control": over_texts(
                    text_correlations(converged, without[steps])
                ),
                "seconds_a_text": seconds[steps],
                "times_faster": cost / seconds[steps],
            }
            for steps in BUDGETS
        },
        "authors": {
            "texts": authors_texts,
            "steps": authors_steps,
            "seconds_a_text": cost,
            "two_runs": over_texts(text_correlations(first, again)),
            "with_converged": over_texts(text_correlations(some, first)),
        },
    }


def share_at(correlations: Tensor, least: float = 0.95) -> float:
    """Share of the texts whose correlation is at least 0.95."""
    return round((correlations >= least).double().mean().item(), 3)


def seconds_a_text(asked: WordInformationAttribution, ids: Tensor, steps: int) -> float:
    """Seconds that a text takes in a batch of 64."""
    rows = torch.arange(TIMED_BATCH) % len(ids)
    start = time.perf_counter()
    asked.attribute(ids[rows], search=NoiseSearch(max_steps=steps, tolerance=0.0))
    return (time.perf_counter() - start) / TIMED_BATCH


def authors_runs(
    asked: WordInformationAttribution,
    model: RecurrentClassifier,
    ids: Tensor,
    texts: int,
    steps: int,
) -> tuple[list[Tensor], float]:
    """Log σ of two seeds of the authors' way, and seconds a text for all of its 5,000 steps."""
    assert asked.state_variance is not None
    found: list[Tensor] = []
    seconds = 0.0
    for seed in (1, 2):
        rows = []
        for row in tqdm(ids[:texts], desc=f"the authors' way, seed {seed}"):
            text = row[row != 0].unsqueeze(0)

            def state(words: Tensor, text: Tensor = text) -> Tensor:
                embedded = words.unsqueeze(0)
                run = run_embedded(lambda: model(text), model.rnn, model.embedding, embedded)
                return seen_states(model.rnn, run, "final").values[0, 0]

            words = model.embedding(text)[0].detach()
            features = state(words).numel()
            start = time.perf_counter()
            log_sigma = authors_log_sigma(
                state,
                words,
                torch.tensor(math.sqrt(asked.state_variance / features)),
                asked.scale,
                seed=seed,
                steps=steps,
            )
            seconds += time.perf_counter() - start
            rows.append(log_sigma)
        padded = torch.full((texts, ids.shape[1]), math.nan)
        for place, log_sigma in enumerate(rows):
            padded[place, : len(log_sigma)] = log_sigma
        found.append(padded)
    return found, seconds / (2 * texts) * STEPS / steps


def dense(ids: Tensor, fewest: int, most: int, texts: int) -> Tensor:
    """The first texts of that many known words, without the unknown ones (texts, time)."""
    rows = [row[row != 0].tolist() for row in ids]
    return pad_ids([row for row in rows if fewest <= len(row) <= most][:texts])
