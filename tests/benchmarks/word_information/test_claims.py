from benchmarks.word_information.claims import claims, entry


def figure(mean, width=0.01):
    return {"mean": mean, "low": mean - width, "high": mean + width}


def made_up_results(*, ours, others):
    measures = {
        "word information": {"jump": figure(ours)},
        "gradient": {"jump": figure(others)},
        "perturbation": {"jump": figure(others)},
    }
    areas = {
        name: {"within_step": figure(value), "across_steps": figure(value)}
        for name, value in (
            ("word information", 1 - ours / 10),
            ("gradient", 1 - others / 10),
            ("perturbation", 1 - others / 10),
        )
    }
    stages = {
        name: {
            "layer 1": {"function_words_minus_others": figure(0.0)},
            "pooled": {
                "function_words_minus_others": figure(others - 1.5),
                "neighbours": figure(value),
            },
        }
        for name, value in (("LSTM", 0.8), ("CNN", 0.8), ("Transformer", 0.1), ("BERT-style", 0.1))
    }
    return {
        "coherence": {"LSTM": measures},
        "reverse": {"decoder": areas},
        "layers": stages,
        "agreement": {"authors": {"two_runs": figure(0.77)}},
    }


def test_a_claim_reproduces_only_if_the_intervals_say_so():
    good = [claim["reproduces"] for claim in claims(made_up_results(ours=0.2, others=1.0))]
    assert good == ["yes", "yes", "yes", "yes", "yes", "no"]
    bad = [claim["reproduces"] for claim in claims(made_up_results(ours=2.0, others=2.0))]
    assert bad == ["no", "no", "no", "no", "yes", "no"]
    assert entry("c", holds=False, holds_in_part=True, figures="f")["reproduces"] == "in part"
