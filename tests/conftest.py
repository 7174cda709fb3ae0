"""Every test starts from the same random state; layouts are covered, or with --full all run."""

import pytest
import torch

import layouts


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="run every layout of recurrent layers")


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
