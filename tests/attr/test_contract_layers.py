"""Layers that are followed and that are refused, over all classes."""

import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn

from attribution_methods import FEATURES, RECURRENT, VOCABULARY
from models import Classifier, hooks

FOLLOWING = [name for name, method in RECURRENT.items() if method.follows_steps]


def test_a_layer_that_is_not_recurrent(make, model, ids):
    with pytest.raises(TypeError, match="of type Linear, which is not recurrent"):
        make(model, model.head).attribute(ids, target=1)


def test_a_layer_that_does_not_run(make, model, ids):
    with pytest.raises(ValueError, match=r"did not run .* pass the layer that forward_func uses"):
        make(model, nn.LSTM(5, 6)).attribute(ids, target=1)


def test_a_layer_that_runs_twice_for_one_input(make, model, ids):
    def twice(tokens):
        return model(tokens) + model(tokens)

    method, once = make(twice, model.layer), make(model, model.layer)
    if type(method)._looks_at_class:  # the value is twice that of one run, and so are the shares
        twice_as_much = 2 * once.attribute(ids, target=1)
        torch.testing.assert_close(method.attribute(ids, target=1), twice_as_much)
        return
    with pytest.raises(ValueError, match=r"ran 2 times in the forward pass for 1 input tensor"):
        method.attribute(ids, target=1)


@pytest.mark.parametrize("name", [name for name, m in RECURRENT.items() if m.differentiates])
def test_a_model_that_detaches_the_layers_output(name, model, ids):
    def detached(tokens):
        outputs, _ = model.layer(model.embedding(tokens))
        return model.head(outputs.detach().mean(1))

    with pytest.raises(ValueError, match=r"does not depend on the output .* does not detach"):
        RECURRENT[name].make(detached, model.layer).attribute(ids, target=1)
    assert hooks(model) == 0


@pytest.mark.usefixtures("in_one_run")
def test_a_subclass_that_reads_from_the_end(make, ids):
    """As torch's own layer on the reversed text."""

    class Backwards(nn.GRU):
        def forward(self, input, hx=None):
            outputs, state = super().forward(input.flip(1), hx)
            return outputs.flip(1), state

    model = Classifier(Backwards(FEATURES, 6, 2, batch_first=True), VOCABULARY)
    plain = Classifier(nn.GRU(FEATURES, 6, 2, batch_first=True), VOCABULARY)
    plain.load_state_dict(model.state_dict())
    scores = make(model, model.layer).attribute(ids, target=1)
    expected = make(plain, plain.layer).attribute(ids.flip(1), target=1).flip(1)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FOLLOWING)
def test_what_cannot_be_followed_is_refused(name, ids):
    class Backwards(nn.GRU):
        def forward(self, input, hx=None):
            outputs = []
            for token in reversed(input.split(1, 1)):
                output, hx = super().forward(token, hx)
                outputs.append(output)
            return torch.cat(outputs, 1), hx

    make = RECURRENT[name].make
    model = Classifier(Backwards(FEATURES, 6, 2, batch_first=True), VOCABULARY)
    with pytest.raises(ValueError, match="Backwards computes something else than the torch layer"):
        make(model, model.layer).attribute(ids, target=1)
    model = Classifier(nn.GRU(FEATURES, 6, 2, dropout=0.5, batch_first=True), VOCABULARY)
    with pytest.raises(ValueError, match="GRU drops out between its layers"):
        make(model, model.layer).attribute(ids, target=1)
    assert hooks(model) == 0
    assert make(model.eval(), model.layer).attribute(ids, target=1).isfinite().all()


@pytest.mark.skipif(torch.__version__.startswith("2.4."), reason="its compiler refuses our hooks")
def test_a_compiled_model():
    """In a process of its own, since the compiler leaves its mark on the interpreter."""
    script = """
        import torch
        from attribution_methods import RECURRENT
        from models import Classifier
        from torch import nn
        from captum_rnn.attr import HiddenStateDeltaAttribution

        model = Classifier(nn.LSTM(5, 6, num_layers=2, batch_first=True), 50).eval()
        ids = torch.randint(50, (2, 4))
        expected = {
            name: method.make(model, model.layer).attribute(ids, target=1)
            for name, method in RECURRENT.items()
        }
        compiled = torch.compile(model, backend="eager")
        for _ in range(2):
            compiled(ids)
            for name, method in RECURRENT.items():
                for layer in (model.layer, compiled.layer):
                    scores = method.make(compiled, layer).attribute(ids, target=1)
                    torch.testing.assert_close(scores, expected[name])
        embedded = model.embedding(ids).detach()
        bare = HiddenStateDeltaAttribution(torch.compile(model.layer, backend="eager"))
        torch.testing.assert_close(bare.attribute(embedded).sum(-1), expected["hidden_state"])
        print("the scores agree")
    """
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        cwd="tests",
    )
    assert answer.stdout == "the scores agree\n", answer.stderr
