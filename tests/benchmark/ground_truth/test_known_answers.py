import pytest
import torch

from captum_rnn.benchmark.dataset import explained_model
from captum_rnn.benchmark.ground_truth import known_answers as module
from captum_rnn.benchmark.ground_truth.hybrid import hybrid_documents
from captum_rnn.benchmark.ground_truth.judging import judge_methods
from captum_rnn.benchmark.ground_truth.known_answers import ask_tasks, hybrid_texts
from captum_rnn.benchmark.ground_truth.tasks import RULES, TASKS, learnt_rule
from captum_rnn.benchmark.methods import METHODS, find_methods
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.evaluation import average_precision, pearson_correlations
from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.vocabulary import Vocabulary
from made_classifier import made_classifier

POSITIVE = ["很好的书，非常好", "热水器很好，很推荐", "好，推荐，很好", "非常好的酒店，好"]
NEGATIVE = ["酒店差，不推荐", "不推荐，非常差的书", "差，差，不好", "非常差的热水器，差"]
REVIEWS = [*(Review(text, 1) for text in POSITIVE), *(Review(text, 0) for text in NEGATIVE)]


def untrained_network(task, kind, seed, *, show_progress, solved=True):
    torch.manual_seed(seed)
    model = RecurrentClassifier(
        len(task.words), len(task.classes), kind, embedding_dim=6, hidden_size=5
    )
    return TextClassifier(
        model,
        Vocabulary(task.words),
        task.classes,
        task.longest,
        {"solved": solved, "fresh": {"accuracy": 0.5}},
    )


@pytest.fixture
def few_sequences(monkeypatch):
    monkeypatch.setattr(module, "SEQUENCES", 6)
    monkeypatch.setattr(module, "_LEARNT_FROM", 32)
    monkeypatch.setattr(learnt_rule, "task_network", untrained_network)


@pytest.mark.parametrize("name", RULES)
def test_scores_are_judged_by_the_true_contributions(name, few_sequences):
    (entry,) = ask_tasks(["position"], tasks=[name], kinds=["gru"], seed=4)
    answers = RULES[name].sample(6, seed=4)
    read = answers.ids != 0
    positions = read.cumsum(1) / read.sum(1, keepdim=True) * read
    if entry.measure == "average_precision":
        expected = average_precision(answers.ids, positions, answers.contributions > 0)
    else:
        expected = pearson_correlations(answers.ids, positions, answers.contributions)
    assert (entry.task, entry.kind, entry.seed) == (name, "gru", 0)
    assert entry.methods["position"].per_text[entry.measure] == pytest.approx(
        expected.tolist(), abs=1e-5
    )


def test_the_explained_class_is_the_targets(few_sequences):
    """On five classes the logit delta of the second class is not that of the predicted one."""
    (entry,) = ask_tasks(["logit-delta"], tasks=["second-class"], seed=4)
    answers = RULES["second-class"].sample(6, seed=4)
    network = untrained_network(RULES["second-class"], "lstm", 0, show_progress=False)
    scores = METHODS["logit-delta"](
        explained_model(network.model.eval()), answers.ids, answers.targets
    )
    expected = average_precision(answers.ids, scores, answers.contributions > 0)
    assert entry.methods["logit-delta"].per_text["average_precision"] == pytest.approx(
        expected.tolist()
    )


def test_a_net_that_has_not_learnt_its_task_judges_nobody(few_sequences, monkeypatch):
    monkeypatch.setattr(
        learnt_rule, "task_network", lambda *a, **k: untrained_network(*a, **k, solved=False)
    )
    (entry,) = ask_tasks(["position"], tasks=["additive"])
    assert entry.methods == {}
    assert not entry.solved


def test_a_bag_of_vectors_is_one_net_whatever_the_kinds(few_sequences):
    """Its truth is what the network does; single precision tells no exact methods apart."""
    names = ["logit-delta", "input-x-gradient", "hidden-state-delta-l2"]
    found = ask_tasks(names, kinds=["lstm", "gru"], tasks=["bag-of-vectors"], seeds=[2], seed=4)
    assert [(e.task, e.kind, e.seed, e.solved) for e in found] == [
        ("bag-of-vectors", "linear-rnn", 2, True)
    ]
    first, second, last = (found[0].methods[name] for name in names)
    assert first.per_text["pearson"] == second.per_text["pearson"] == [1.0] * 6
    ties = [method.measures["pearson"].tied_with_best for method in (first, second, last)]
    assert ties == [True, True, False]


def test_all_tasks_are_asked_in_their_order(few_sequences):
    found = ask_tasks(["position"], kinds=["gru"])
    assert [entry.task for entry in found] == [*RULES, "bag-of-vectors"] == list(TASKS)


def test_hybrid_documents_ask_for_the_place_of_the_extreme_words():
    classifier = made_classifier()
    texts = hybrid_texts(classifier, REVIEWS, documents=5, seed=2)
    methods = find_methods(["position", "random"], seed=2)
    found = judge_methods(methods, texts, Fits(texts.dataset.model), seed=2)
    made = hybrid_documents(classifier, REVIEWS, documents=5, seed=2)
    classifier.model.eval()
    predicted = classifier.probabilities(made.ids).argmax(1)
    last = [int(row.nonzero()[-1]) for row in made.ids != 0]
    expected = [
        float(made.token_labels[row, place] == predicted[row]) for row, place in enumerate(last)
    ]
    assert len(texts.dataset.texts) == 5
    assert found["position"].per_text["top"] == expected
