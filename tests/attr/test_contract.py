"""What Captum's users expect of every class, whatever it scores."""

import inspect
import subprocess
import sys
import textwrap

import pytest
import torch
from captum.attr import NoiseTunnel
from captum.attr._utils.attribution import InternalAttribution
from captum.metrics import infidelity, sensitivity_max
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import reference
from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
)
from models import Classifier, SentencePair

FEATURES, VOCABULARY = 5, 50
TOKEN = torch.linspace(-1, 1, FEATURES)
MAKERS = {
    "hidden_state": HiddenStateDeltaAttribution,
    "lower_level": lambda *args, **options: HiddenStateDeltaAttribution(
        *args, layer_index=0, **options
    ),
    "logit": LogitDeltaAttribution,
    "local": lambda *args, **options: LocalDeltaAttribution(*args, reference=TOKEN, **options),
    "adjoint": AdjointDeltaAttribution,
    "replaced": lambda *args, **options: AdjointDeltaAttribution(
        *args, counterfactual=TOKEN, **options
    ),
}
CLASS_BLIND = ["hidden_state", "lower_level"]
CLASS_AWARE = [name for name in MAKERS if name not in CLASS_BLIND]


@pytest.fixture(params=list(MAKERS))
def make(request):
    return MAKERS[request.param]


@pytest.fixture(params=CLASS_AWARE)
def make_class_aware(request):
    return MAKERS[request.param]


@pytest.fixture
def model():
    return Classifier(nn.LSTM(FEATURES, 6, num_layers=2, batch_first=True), VOCABULARY)


@pytest.fixture
def ids():
    return torch.randint(1, VOCABULARY, (3, 7))


LENGTHS = torch.tensor([7, 3, 5])


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_it_is_a_captum_attribution(make, model):
    method = make(model, model.layer)
    assert isinstance(method, InternalAttribution)
    assert method.get_name() == type(method).__name__.replace("Attribution", "").replace(
        "Delta", " Delta Attribution"
    ).replace("HiddenState", "Hidden State")
    assert method.multiplies_by_inputs is False
    assert callable(type(method).attribute.__wrapped__)
    names = list(inspect.signature(type(method).attribute.__wrapped__).parameters)
    assert names[:5] == ["self", "inputs", "target", "additional_forward_args", "lengths"]
    with pytest.raises(NotImplementedError, match=f"{type(method).__name__}; call attribute"):
        method.attribute_future()


def test_only_methods_with_a_known_sum_have_a_convergence_delta(model):
    found = {n: make(model, model.layer).has_convergence_delta() for n, make in MAKERS.items()}
    assert found == {n: n in (*CLASS_BLIND, "logit") for n in MAKERS}


def test_tensor_in_tensor_out_and_tuple_in_tuple_out(make, model, ids):
    method = make(model, model.layer)
    scores = method.attribute(ids, target=1)
    in_tuple = method.attribute((ids,), target=1)
    assert scores.shape == ids.shape
    assert scores.dtype == torch.float32
    assert scores.is_contiguous()
    assert not scores.requires_grad
    assert isinstance(in_tuple, tuple)
    assert len(in_tuple) == 1
    assert torch.equal(in_tuple[0], scores)


def test_embedded_inputs_share_a_tokens_score_over_its_features(make, model, ids):
    scores = make(model, model.layer).attribute(ids, target=1)
    embedded = model.embedding(ids).detach()
    model.embedding = None
    shared = make(model, model.layer).attribute(embedded, target=1)
    assert shared.shape == embedded.shape
    torch.testing.assert_close(shared, (scores / FEATURES).unsqueeze(-1).expand_as(embedded))


def test_targets_choose_the_class_of_each_row(make_class_aware, model, ids):
    method = make_class_aware(model, model.layer)
    zero, one = (method.attribute(ids, target=target) for target in (0, 1))
    assert (zero - one).abs().max() > 1e-4
    mixed = torch.stack([zero[0], one[1], zero[2]])
    for target in ([0, 1, 0], torch.tensor([0, 1, 0])):
        torch.testing.assert_close(method.attribute(ids, target=target), mixed, rtol=0, atol=1e-7)
    for target in (torch.tensor(1), torch.tensor([1])):
        torch.testing.assert_close(method.attribute(ids, target=target), one, rtol=0, atol=1e-7)


def test_targets_in_further_dimensions(make_class_aware, model, ids):
    def tagger(tokens):
        return model(tokens).unsqueeze(1) * torch.tensor([[[1.0], [3.0]]])

    expected = make_class_aware(model, model.layer).attribute(ids, target=1)
    method = make_class_aware(tagger, model.layer)
    torch.testing.assert_close(method.attribute(ids, target=(1, 1)), 3 * expected)
    each = method.attribute(ids, target=[(1, 1), (0, 1), (1, 1)])
    torch.testing.assert_close(each, torch.stack([3 * expected[0], expected[1], 3 * expected[2]]))


@pytest.mark.parametrize("target", [[0, 1], torch.tensor([1, 0]), torch.ones(3, 2).long()])
def test_captum_refuses_targets_that_do_not_fit(make, model, ids, target):
    with pytest.raises(AssertionError):
        make(model, model.layer).attribute(ids, target=target)
    assert hooks(model) == 0


def test_an_output_with_several_classes_needs_a_target(make_class_aware, model, ids):
    method = make_class_aware(model, model.layer)
    sentence = r"the model's output has shape \(3, 2\), but one number for each row is explained; "
    with pytest.raises(ValueError, match=sentence + "pass the class as target"):
        method.attribute(ids)
    with pytest.raises(ValueError, match=r"output has shape \(1, 2\)"):
        method.attribute(ids[:1])
    assert hooks(model) == 0


@pytest.mark.parametrize("keepdim", [False, True])
def test_an_output_with_one_number_for_each_row_needs_none(make, model, ids, keepdim):
    expected = make(model, model.layer).attribute(ids, target=1)
    scores = make(lambda ids: model(ids)[:, 1:] if keepdim else model(ids)[:, 1], model.layer)
    torch.testing.assert_close(scores.attribute(ids), expected)


def test_noise_tunnel(make, model):
    model.embedding = None
    embedded = torch.randn(2, 4, FEATURES)
    method = make(model, model.layer)
    scores = NoiseTunnel(method).attribute(embedded, nt_samples=3, stdevs=1e-6, target=1)
    torch.testing.assert_close(scores, method.attribute(embedded, target=1), rtol=0, atol=1e-4)


def test_captums_infidelity(make, model, ids):
    scores = make(model, model.layer).attribute(ids, target=1, additional_forward_args=(LENGTHS,))

    def remove_tokens(inputs):
        mask = torch.rand(inputs.shape) < 0.3
        return mask.float(), inputs.masked_fill(mask, 0)

    values = infidelity(
        model,
        remove_tokens,
        ids,
        scores,
        additional_forward_args=(LENGTHS,),
        target=1,
        n_perturb_samples=5,
        normalize=True,
    )
    assert values.shape == (3,)
    assert (values >= 0).all()


@pytest.mark.parametrize("as_tuple", [False, True])
def test_captums_sensitivity_max(make, model, ids, as_tuple):
    method = make(model, model.layer)

    def swap_last_token(tokens):
        return torch.cat([tokens[:, :-1], 1 + tokens[:, -1:] % 49], 1)

    def attribute(tokens):
        return method.attribute(tokens, target=1, additional_forward_args=(LENGTHS,))

    values = sensitivity_max(
        method.attribute,
        (ids,) if as_tuple else ids,
        perturb_func=swap_last_token,
        n_perturb_samples=2,
        target=1,
        additional_forward_args=(LENGTHS,),
    )
    before = attribute(ids)
    expected = (attribute(swap_last_token(ids)) - before).norm(dim=1) / before.norm(dim=1)
    torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-6)
    assert values[1] < 1e-6  # its last token is padding


@pytest.mark.parametrize("gradients", [False, True])
def test_everything_is_as_it_was(make, model, ids, gradients):
    model.train()
    model.head.requires_grad_(False)
    model.layer.weight_hh_l0.grad = torch.ones_like(model.layer.weight_hh_l0)
    trained = {name: weight.requires_grad for name, weight in model.named_parameters()}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.set_grad_enabled(gradients):
        make(model, model.layer).attribute(ids, target=1)
        assert torch.is_grad_enabled() == gradients
    assert model.training
    assert model.layer.training
    assert hooks(model) == 0
    assert {name: weight.requires_grad for name, weight in model.named_parameters()} == trained
    grads = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert grads == {"layer.weight_hh_l0"}
    assert (model.layer.weight_hh_l0.grad == 1).all()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_inputs_that_want_gradients_get_none(make, model):
    model.embedding = None
    embedded = torch.randn(2, 4, FEATURES, requires_grad=True)
    scores = make(model, model.layer).attribute(embedded, target=1)
    assert not scores.requires_grad
    assert embedded.requires_grad
    assert embedded.grad is None


def test_without_gradients_the_scores_are_the_same(make, model, ids):
    expected = make(model, model.layer).attribute(ids, target=1)
    with torch.no_grad():
        scores = make(model, model.layer).attribute(ids, target=1)
    assert torch.equal(scores, expected)


def test_inference_mode_rules_out_derivatives(make, model, ids):
    with torch.inference_mode():
        if not make(model, model.layer)._looks_at_class:
            expected = make(model, model.layer).attribute(ids)
        else:
            with pytest.raises(ValueError, match=r"call it under torch.no_grad\(\) instead"):
                make(model, model.layer).attribute(ids, target=1)
            return
    torch.testing.assert_close(expected, make(model, model.layer).attribute(ids))


@pytest.mark.parametrize("packed", [False, True])
def test_a_model_that_changes_the_layers_output_in_place(make, model, ids, packed):
    def read(outputs, in_place):
        data = outputs.data if packed else outputs
        data = data.relu_() if in_place else data.relu()
        if packed:
            outputs = PackedSequence(data, *outputs[1:])
            data = pad_packed_sequence(outputs, batch_first=True)[0]
        return model.head(data.mean(1))

    def forward(tokens, in_place):
        embedded = model.embedding(tokens)
        if packed:
            embedded = pack_padded_sequence(embedded, LENGTHS, True, enforce_sorted=False)
        return read(model.layer(embedded)[0], in_place)

    method = make(forward, model.layer)
    scores, expected = (
        method.attribute(ids, target=1, additional_forward_args=(in_place,))
        for in_place in (True, False)
    )
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-7)


def test_the_callers_autocast_does_not_reach_the_scores(make, ids):
    # Not an LSTM, which some CPUs cannot run in bfloat16.
    model = Classifier(nn.GRU(FEATURES, 6, num_layers=2, batch_first=True), VOCABULARY)
    method = make(model, model.layer)
    expected = method.attribute(ids, target=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = method.attribute(ids, target=1)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, expected, rtol=0, atol=0.05 * expected.abs().max().item())


def test_one_number_for_the_whole_batch_is_refused(make_class_aware, model, ids):
    method = make_class_aware(lambda ids: model(ids)[:, 1].sum(), model.layer)
    with pytest.raises(ValueError, match=r"output has shape \(\), but one number for each row"):
        method.attribute(ids)
    expected = make_class_aware(model, model.layer).attribute(ids[:1], target=1)
    torch.testing.assert_close(method.attribute(ids[:1]), expected)


def test_a_model_that_raises(make, model, ids):
    def failing(tokens):
        model(tokens)
        raise RuntimeError("no such luck")

    with pytest.raises(RuntimeError, match="no such luck"):
        make(failing, model.layer).attribute(ids)
    assert hooks(model) == 0
    assert torch.is_grad_enabled()


def test_an_encoder_that_the_model_runs_without_gradients(make, model, ids):
    def frozen_encoder(tokens):
        with torch.no_grad():
            outputs, _ = model.layer(model.embedding(tokens))
        return model.head(outputs.mean(1))

    expected = make(model, model.layer).attribute(ids, target=1)
    scores = make(frozen_encoder, model.layer).attribute(ids, target=1)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-7)


def test_one_forward_pass(make, model, ids):
    runs = []
    handle = model.register_forward_hook(lambda *_: runs.append(1))
    make(model, model.layer).attribute(ids, target=0)
    handle.remove()
    assert len(runs) == 1


def test_additional_forward_args(make, model, ids):
    def weighted(tokens, lengths, weight):
        return weight * model(tokens, lengths)

    plain = make(model, model.layer).attribute(ids, target=1, additional_forward_args=LENGTHS)
    scores = make(weighted, model.layer).attribute(
        ids, target=1, additional_forward_args=(LENGTHS, 2.0)
    )
    if make(model, model.layer)._looks_at_class:
        plain = 2 * plain
    torch.testing.assert_close(scores, plain)
    assert (scores[1, 3:] == 0).all()
    assert (scores[2, 5:] == 0).all()


@pytest.mark.parametrize("features", [(), (FEATURES,)], ids=["ids", "embedded"])
def test_time_first_inputs(make, model, features):
    if features:
        model.embedding = None
    inputs = torch.randn(3, 7, FEATURES) if features else torch.randint(50, (3, 7))
    expected = make(model, model.layer).attribute(inputs, target=1)
    scores = make(
        lambda time_first: model(time_first.transpose(0, 1)), model.layer, batch_first=False
    ).attribute(inputs.transpose(0, 1), target=1)
    assert scores.shape == inputs.transpose(0, 1).shape
    assert scores.is_contiguous()
    assert torch.equal(scores.transpose(0, 1), expected)


def test_lengths_of_a_model_that_runs_its_padding(make):
    """Right padding that the model reads past: the state at `lengths` − 1 is what it classifies."""
    layer = nn.GRU(FEATURES, 6, num_layers=2, batch_first=True)
    head = nn.Linear(6, 2)

    def model(embedded, lengths):
        return head(layer(embedded)[0][torch.arange(len(embedded)), lengths - 1])

    embedded = torch.randn(3, 7, FEATURES)
    scores = make(model, layer).attribute(
        embedded, target=1, additional_forward_args=(LENGTHS,), lengths=LENGTHS
    )
    for row, end in enumerate(LENGTHS.tolist()):
        alone = make(lambda tokens: head(layer(tokens)[1][-1]), layer).attribute(
            embedded[row : row + 1, :end], target=1
        )
        torch.testing.assert_close(scores[row, :end], alone[0], rtol=0, atol=1e-6)
        assert (scores[row, end:] == 0).all()


def test_one_encoder_over_two_inputs(make_class_aware):
    model = SentencePair()
    first, second = torch.randint(50, (3, 4)), torch.randint(50, (3, 6))
    scores = make_class_aware(model, model.encoder).attribute((first, second), target=1)
    assert isinstance(scores, tuple)
    for number, ids in enumerate((first, second)):
        other = model.encode((second, first)[number]).detach()

        def against(ids, other=other):
            return torch.cosine_similarity(model.encode(ids), other)

        alone = make_class_aware(against, model.encoder).attribute(ids)
        torch.testing.assert_close(scores[number], alone, rtol=0, atol=1e-6)
    lengths = (torch.tensor([1, 2, 3]), None)
    shorter = make_class_aware(model, model.encoder).attribute(
        (first, second), target=1, lengths=lengths
    )
    assert (shorter[0][0, 1:] == 0).all()
    assert torch.equal(shorter[1], scores[1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_scored_in_single_precision(make, dtype):
    model = Classifier(nn.GRU(FEATURES, 6, num_layers=2, batch_first=True).to(dtype))
    inputs = torch.randn(3, 7, FEATURES).to(dtype)
    scores = make(model, model.layer).attribute(inputs, target=1).sum(-1)
    assert scores.dtype == torch.float32
    expected = make(model.float(), model.layer).attribute(inputs.float(), target=1).sum(-1)
    torch.testing.assert_close(scores, expected, rtol=0, atol=0.05 * expected.abs().max().item())


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(reference.KINDS), two_way=st.booleans())
@settings(max_examples=12, deadline=None)
@pytest.mark.parametrize("name", list(MAKERS))
def test_rows_are_independent(name, seed, kind, two_way):
    torch.manual_seed(seed)
    layer = reference.make_layer(
        kind, FEATURES, num_layers=2, bidirectional=two_way, batch_first=True
    ).double()
    model = Classifier(layer)
    method = MAKERS[name](model, layer)
    # All to the mean of as many columns, which the classifier divides by.
    inputs = torch.randn(4, 7, FEATURES, dtype=torch.float64)
    lengths = torch.randint(1, 7, (4,))
    lengths[0] = 7
    target = torch.randint(2, (4,))
    scores = method.attribute(inputs, target=target, additional_forward_args=(lengths,))

    order = torch.randperm(4)
    permuted = method.attribute(
        inputs[order], target=target[order], additional_forward_args=(lengths[order],)
    )
    torch.testing.assert_close(permuted, scores[order], rtol=0, atol=1e-12)

    without = method.attribute(
        inputs[:2], target=target[:2], additional_forward_args=(lengths[:2],)
    )
    torch.testing.assert_close(without, scores[:2], rtol=0, atol=1e-12)

    further = torch.cat([inputs, torch.full((4, 3, FEATURES), torch.nan, dtype=torch.float64)], 1)
    padded = method.attribute(further, target=target, additional_forward_args=(lengths,))
    torch.testing.assert_close(padded[:, :7], scores, rtol=0, atol=1e-12)
    assert (padded[:, 7:] == 0).all()

    by_length = lengths.argsort(descending=True, stable=True)
    model.enforce_sorted = True
    presorted = method.attribute(
        inputs[by_length], target=target[by_length], additional_forward_args=(lengths[by_length],)
    )
    torch.testing.assert_close(presorted, scores[by_length], rtol=0, atol=1e-12)


def test_one_token_and_one_row(make, model):
    scores = make(model, model.layer).attribute(torch.tensor([[7]]), target=0)
    assert scores.shape == (1, 1)
    assert scores.isfinite().all()


def test_a_bare_module_has_no_classes(make_class_aware):
    layer = nn.LSTM(FEATURES, 6)
    for method in (make_class_aware(layer), make_class_aware(layer, layer)):
        with pytest.raises(ValueError, match=r"forward_func is the recurrent module itself, whose"):
            method.attribute(torch.randn(7, 3, FEATURES), target=1)


def test_a_layer_that_is_not_recurrent(make, model, ids):
    with pytest.raises(TypeError, match="of type Linear, which is not recurrent"):
        make(model, model.head).attribute(ids, target=1)


def test_a_layer_that_does_not_run(make, model, ids):
    with pytest.raises(ValueError, match=r"did not run .* pass the layer that forward_func uses"):
        make(model, nn.LSTM(5, 6)).attribute(ids, target=1)


def test_a_model_that_detaches_the_layers_output(make_class_aware, model, ids):
    def detached(tokens):
        outputs, _ = model.layer(model.embedding(tokens))
        return model.head(outputs.detach().mean(1))

    with pytest.raises(ValueError, match=r"does not depend on the output .* does not detach"):
        make_class_aware(detached, model.layer).attribute(ids, target=1)
    assert hooks(model) == 0


@pytest.mark.parametrize("name", ["lower_level", "local", "adjoint", "replaced"])
def test_what_cannot_be_followed_is_refused(name, ids):
    class Doubling(nn.GRU):
        def forward(self, input, hx=None):
            return super().forward(2 * input, hx)

    model = Classifier(Doubling(FEATURES, 6, 2, batch_first=True), VOCABULARY)
    with pytest.raises(ValueError, match="Doubling computes something else than the torch layer"):
        MAKERS[name](model, model.layer).attribute(ids, target=1)
    model = Classifier(nn.GRU(FEATURES, 6, 2, dropout=0.5, batch_first=True), VOCABULARY)
    with pytest.raises(ValueError, match="GRU drops out between its levels"):
        MAKERS[name](model, model.layer).attribute(ids, target=1)
    assert hooks(model) == 0
    assert MAKERS[name](model.eval(), model.layer).attribute(ids, target=1).isfinite().all()


def test_a_compiled_model():
    """In a process of its own, since the compiler leaves its mark on the interpreter."""
    script = """
        import torch
        from models import Classifier
        from torch import nn
        from captum_rnn.attr import *

        model = Classifier(nn.LSTM(5, 6, num_layers=2, batch_first=True), 50).eval()
        ids, token = torch.randint(50, (2, 4)), torch.ones(5)
        compiled = torch.compile(model, backend="eager")
        for kind, options in (
            (LogitDeltaAttribution, {}),
            (LocalDeltaAttribution, {"reference": token}),
            (AdjointDeltaAttribution, {}),
            (AdjointDeltaAttribution, {"counterfactual": token}),
        ):
            expected = kind(model, model.layer, **options).attribute(ids, target=1)
            for _ in range(2):
                compiled(ids)
                for layer in (model.layer, compiled.layer):
                    scores = kind(compiled, layer, **options).attribute(ids, target=1)
                    torch.testing.assert_close(scores, expected)
        print("the scores agree")
    """
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        cwd="tests",
    )
    assert answer.stdout == "the scores agree\n", answer.stderr
