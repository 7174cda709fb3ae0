"""Every test starts from the same random state; `--full` and `--fuzz N` run more of them."""

import pytest
import torch
from hypothesis import settings

import layouts

# A busy machine is no failure, and the same commit draws the same examples everywhere.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="run every layout of recurrent layers")
    parser.addoption(
        "--fuzz",
        type=int,
        metavar="N",
        help="run N random cases in each fuzz test, in place of the few that it runs by itself",
    )


@pytest.fixture
def fuzz_seeds(request):
    """`fuzz_seeds(few)`: the seeds of a test's cases, `few` of them or as many as `--fuzz` says.

    Each case has to follow from its seed alone, so that a failure is repeated by its seed.
    """
    return lambda few: range(request.config.getoption("--fuzz") or few)


def pytest_configure(config):
    config.addinivalue_line("markers", "over_every_layer: run over the layouts of tests/layouts.py")


def pytest_generate_tests(metafunc):
    if not metafunc.definition.get_closest_marker("over_every_layer"):
        return
    names = [name for name in layouts.OPTIONS if name in metafunc.fixturenames]
    chosen = layouts.product if metafunc.config.getoption("--full") else layouts.covering
    configurations = chosen(names)
    identifiers = [layouts.identifier(names, each) for each in configurations]
    metafunc.parametrize(names, configurations, ids=identifiers)
