"""What is recorded of a forward pass, and of the backward pass that stops at the layer."""

import threading

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from torch.overrides import TorchFunctionMode

import reference
from captum_rnn.states.layers import recurrent_layer
from captum_rnn.states.recording import record, record_calls
from recorded import record_read_gradients

TOKENS = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
LENGTHS = torch.tensor([2, 4])


def hooks(layer):
    return len(layer._forward_hooks) + len(layer._forward_pre_hooks)


def make(kind="lstm", **options):
    return reference.make_layer(kind, 3, 5, **options)


class TestRecordCalls:
    @pytest.mark.parametrize("kind", ["rnn_tanh", "lstm", "gru"])
    def test_input_output_and_states_of_a_call(self, kind):
        layer = make(kind, num_layers=2)
        tokens, initial = TOKENS.transpose(0, 1), reference.make_initial_state(layer, 2)
        (call,) = record_calls(layer, lambda: layer(tokens, initial))
        with torch.no_grad():
            outputs, final = layer(tokens, initial)
        assert torch.equal(call.input, tokens)
        assert torch.equal(call.output, outputs)
        given, answered = (initial, final) if isinstance(initial, tuple) else ((initial,), (final,))
        torch.testing.assert_close(call.initial, given, rtol=0, atol=0)
        torch.testing.assert_close(call.final, answered, rtol=0, atol=0)
        assert not call.output.requires_grad

    def test_arguments_by_keyword(self):
        layer = make("gru", batch_first=True)
        initial = torch.randn(1, 2, 5)
        (call,) = record_calls(layer, lambda: layer(hx=initial, input=TOKENS))
        assert torch.equal(call.input, TOKENS)
        assert torch.equal(call.initial[0], initial)

    def test_no_initial_state_and_several_calls(self):
        layer = make(batch_first=True)
        first, second = record_calls(layer, lambda: [layer(TOKENS[:1]), layer(TOKENS)])
        assert first.initial is None
        assert (len(first.output), len(second.output)) == (1, 2)
        assert record_calls(layer, lambda: None) == []

    def test_nothing_is_left_behind(self):
        layer = make(batch_first=True)
        user = layer.register_forward_hook(lambda *_: None)
        with pytest.raises(ZeroDivisionError):
            record_calls(layer, lambda: layer(TOKENS) and 1 / 0)
        assert hooks(layer) == 1
        user.remove()
        assert torch.is_grad_enabled()


class TestRecordReadGradients:
    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("kind", reference.KINDS)
    def test_gradients_are_those_of_the_classifier_alone(self, kind, packed):
        layer = make(kind, batch_first=True, num_layers=2, bidirectional=True)
        fed = TOKENS
        if packed:
            fed = pack_padded_sequence(TOKENS, LENGTHS, batch_first=True, enforce_sorted=False)

        def read(outputs, final):
            states = final if isinstance(final, tuple) else (final,)
            value = sum((rank * state.sin()).sum((0, 2)) for rank, state in enumerate(states, 2))
            data = outputs.data if isinstance(outputs, PackedSequence) else outputs
            return value + data.square().sum() / 2

        values, (call,), (gradient,) = record_read_gradients(layer, lambda: read(*layer(fed)))
        with torch.no_grad():
            outputs, final = layer(fed)
            torch.testing.assert_close(values, read(outputs, final), rtol=0, atol=0)
        assert isinstance(gradient.output, PackedSequence) == packed
        found, output = gradient.output, call.output
        if packed:
            for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
                assert torch.equal(getattr(found, name), getattr(outputs, name))
            found, output, outputs = found.data, output.data, outputs.data
        assert torch.equal(output, outputs)
        # The sum over both rows counts the outputs of the batch twice.
        torch.testing.assert_close(found, 2 * outputs)
        final = final if isinstance(final, tuple) else (final,)
        for rank, (gradient_of, state) in enumerate(zip(gradient.final, final, strict=True), 2):
            torch.testing.assert_close(gradient_of, rank * state.cos())
        for tensor in (values, output, found, *call.final, *gradient.final):
            assert not tensor.requires_grad

    def test_what_is_not_used_is_none(self):
        layer = make(batch_first=True)
        _, _, (of_final,) = record_read_gradients(layer, lambda: layer(TOKENS)[1][0].sum((0, 2)))
        assert of_final.output is None
        assert of_final.final[1] is None
        _, _, (of_output,) = record_read_gradients(layer, lambda: layer(TOKENS)[0].sum((1, 2)))
        assert of_output.final == (None, None)
        assert torch.equal(of_output.output, torch.ones(2, 4, 5))

    def test_a_call_of_its_own_for_each_of_two_inputs(self):
        layer = make("gru", batch_first=True)

        def product():
            return (layer(TOKENS[:, :2])[1][-1] * layer(TOKENS[:, 2:])[1][-1]).sum(1)

        _, calls, gradients = record_read_gradients(layer, product)
        assert torch.equal(gradients[0].final[0], calls[1].final[0])
        assert torch.equal(gradients[1].final[0], calls[0].final[0])

    def test_the_recurrence_is_never_entered_and_no_gradient_is_left(self):
        layer, head = make("gru", batch_first=True), nn.Linear(5, 1)
        seen = []

        class Seeing(TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                if func is torch.gru:
                    seen.append(torch.is_grad_enabled())
                return func(*args, **(kwargs or {}))

        head.weight.grad = torch.full_like(head.weight, 7.0)
        tokens = TOKENS.clone().requires_grad_()
        with Seeing():
            record_read_gradients(layer, lambda: head(layer(tokens)[1][-1]).squeeze(1))
        assert seen == [False]
        assert tokens.grad is None
        assert all(weight.grad is None for weight in layer.parameters())
        assert (head.weight.grad == 7).all()
        assert head.bias.grad is None

    def test_frozen_weights_and_a_caller_without_gradients(self):
        layer, head = make("gru", batch_first=True), nn.Linear(5, 1)
        forward = lambda: head(layer(TOKENS)[1][-1]).squeeze(1)  # noqa: E731
        _, _, (expected,) = record_read_gradients(layer, forward)
        for module in (layer, head):
            module.requires_grad_(False)
        with torch.no_grad():
            _, _, (found,) = record_read_gradients(layer, forward)
            assert not torch.is_grad_enabled()
        assert torch.equal(found.final[0], expected.final[0])
        assert not any(weight.requires_grad for weight in layer.parameters())

    @pytest.mark.parametrize("enabled", [False, True])
    @pytest.mark.parametrize("where", ["before", "inside", "after"])
    def test_nothing_is_left_behind_by_a_model_that_raises(self, enabled, where):
        class Failing(nn.GRU):
            def forward(self, *args):
                raise RuntimeError("no such luck")

        layer = (Failing if where == "inside" else nn.GRU)(3, 5, batch_first=True)

        def forward():
            if where != "before":
                layer(TOKENS)
            raise RuntimeError("no such luck")

        with torch.set_grad_enabled(enabled):
            with pytest.raises(RuntimeError, match="no such luck"):
                record_read_gradients(layer, forward)
            assert torch.is_grad_enabled() == enabled
        assert hooks(layer) == 0

    @pytest.mark.parametrize(
        "read", [lambda outputs: outputs.detach(), lambda outputs: outputs.argmax(-1).float()]
    )
    def test_values_that_do_not_depend_on_the_layer(self, read):
        layer = make("gru", batch_first=True)
        with pytest.raises(ValueError, match=r"does not depend on the output .* does not detach"):
            record_read_gradients(layer, lambda: read(layer(TOKENS)[0]).flatten(1).sum(1))
        assert hooks(layer) == 0


def test_a_layer_that_is_not_recurrent():
    with pytest.raises(TypeError, match="of type Linear, which is not recurrent"):
        recurrent_layer(nn.Linear(2, 2))
    with pytest.raises(TypeError, match="of type LSTM, which is not recurrent"):
        recurrent_layer(nn.LSTM)  # the class itself
    layer = nn.GRU(2, 2)
    assert recurrent_layer(layer) is layer


@pytest.mark.parametrize("under_no_grad", [False, True])
def test_a_model_may_change_what_it_reads_in_place(under_no_grad):
    layer, runs = make("gru"), []

    def forward():
        outputs, _ = layer(TOKENS.transpose(0, 1))
        runs.append(1)
        if under_no_grad:
            with torch.no_grad():
                outputs.add_(1.0)
        else:
            outputs.mul_(3.0)
        return outputs[-1].sum(1)

    values, (call,), (read,) = record_read_gradients(layer, forward)
    with torch.no_grad():
        expected = layer(TOKENS.transpose(0, 1))[0]
    assert len(runs) == 1
    assert torch.equal(call.output, expected)
    change = expected[-1] + 1.0 if under_no_grad else 3.0 * expected[-1]
    torch.testing.assert_close(values, change.sum(1))
    derivative = torch.zeros_like(expected)
    derivative[-1] = 1.0 if under_no_grad else 3.0
    assert torch.equal(read.output, derivative)


@pytest.mark.parametrize("differentiable", [False, True])
@pytest.mark.parametrize("inference", [False, True])
def test_what_is_recorded_stays_as_it_was(differentiable, inference):
    """The model overwrites all that it gave to the layer and got from it, unseen by autograd."""
    layer, runs = make("lstm", batch_first=True), []
    tokens, state = TOKENS.clone(), (torch.randn(1, 2, 5), torch.randn(1, 2, 5))
    with torch.no_grad():
        outputs, final = layer(tokens, state)
    given = [tokens.clone(), *(part.clone() for part in state)]

    def forward():
        with torch.inference_mode(inference):
            read, ends = layer(tokens, state)
            value = read.sum((1, 2))
            for tensor in (tokens, *state, read, *ends):
                tensor.data.fill_(7.0)
        with torch.no_grad():
            layer.weight_hh_l0.data.mul_(2.0)
        runs.append(1)
        return value

    weight = layer.weight_hh_l0.detach().clone()
    with torch.set_grad_enabled(differentiable):
        (call,) = record([layer], forward, differentiable=differentiable).calls
    assert len(runs) == 1
    for kept, expected in zip((call.input, *call.initial), given, strict=True):
        assert torch.equal(kept, expected)
    for kept, expected in zip((call.output, *call.final), (outputs, *final), strict=True):
        assert torch.equal(kept, expected)
        assert not kept.is_inference()
    assert not differentiable or torch.equal(call.weights["weight_hh_l0"], weight)


def test_a_head_reads_what_its_encoder_made_in_inference_mode():
    layer, head = make("gru", batch_first=True), nn.Linear(5, 1)

    def forward():
        with torch.inference_mode():
            _, states = layer(TOKENS)
        return head(states[-1]).squeeze(1)

    _, _, (read,) = record_read_gradients(layer, forward)
    assert torch.equal(read.final[0], head.weight.detach().expand(1, 2, -1))


def test_other_threads_do_not_meet_the_hooks():
    """One thread records, one trains, one predicts; each gets what it would get alone."""
    layer, head = make("gru", batch_first=True), nn.Linear(5, 1)
    forward = lambda: head(layer(TOKENS)[1][-1]).squeeze(1)  # noqa: E731
    expected = torch.autograd.grad(forward().sum(), layer.weight_hh_l0)[0]
    _, _, (read,) = record_read_gradients(layer, forward)
    recording, faults = threading.Event(), []

    def train():
        while not recording.is_set():
            (found,) = torch.autograd.grad(forward().sum(), layer.weight_hh_l0)
            faults.extend(["gradient"] * (not torch.equal(found, expected)))

    def predict():
        with torch.no_grad():
            while not recording.is_set():
                faults.extend(["graph"] * forward().requires_grad)

    def checked(work):
        try:
            work()
        except Exception as error:
            faults.append(repr(error))

    others = [threading.Thread(target=checked, args=(work,)) for work in (train, predict)]
    for thread in others:
        thread.start()
    for _ in range(200):
        _, calls, (again,) = record_read_gradients(layer, forward)
        faults.extend(["calls"] * (len(calls) != 1))
        faults.extend(["read"] * (not torch.equal(again.final[0], read.final[0])))
    recording.set()
    for thread in others:
        thread.join()
    assert faults == []
    assert hooks(layer) == 0
