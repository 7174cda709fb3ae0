from dataclasses import dataclass

import pytest
import torch

from captum_rnn.benchmark import estimate
from captum_rnn.benchmark.methods.method import Method
from captum_rnn.benchmark.subject import Subject

TEXTS = ["很好的书", "xyz", "酒店差，不推荐", "热水器很好", "不推荐", "非常差的书", "很好", "差"]


class Clock:
    """Shows the seconds that were put on it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class Slow(Method):
    """Takes some seconds a text."""

    clock: Clock
    seconds: float

    def __call__(self, model, ids, target):
        self.clock.seconds += self.seconds * len(ids)
        if self.name == "broken":
            raise ValueError("why")
        return torch.zeros(ids.shape)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(estimate.time, "perf_counter", clock)
    return clock


@pytest.fixture
def methods(clock):
    return [
        Slow(name=name, label=name, passes="1", clock=clock, seconds=seconds)
        for name, seconds in (("slow", 3), ("broken", 2))
    ]


@pytest.fixture
def subject(classifier):
    classifier.model.eval()
    return Subject.of(classifier, TEXTS)


def test_the_time_of_all_readable_texts_follows_from_a_few(methods, subject):
    # "xyz" has no known word: seven texts at 3 + 2 seconds.
    assert estimate.seconds_to_score(methods, subject) == pytest.approx(35)


def test_measuring_and_scoring_again_take_their_time_too(methods, subject, clock, monkeypatch):
    measured = []

    def measure(part, scores, working, metrics, seed):
        measured.append((sorted(scores), [method.name for method in working]))
        clock.seconds += 7 * len(part.ids)

    monkeypatch.setattr(estimate, "measure_block", measure)
    seconds = estimate.seconds_to_compare(methods, subject, ["deletion"], 0, scored_again=10)
    assert seconds == pytest.approx(5 * (7 + 10) + 7 * 7)
    assert measured == [(["slow"], ["slow"])]


def test_the_time_is_said_in_whole_minutes(capsys):
    estimate.announce("all of it", 200)
    estimate.announce("a bit", 4)
    assert capsys.readouterr().err == (
        "all of it takes at most about 3 min\na bit takes at most about 1 min\n"
    )
