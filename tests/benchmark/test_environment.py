import json
import platform

import captum
import pytest
import torch

from captum_rnn.benchmark import environment
from captum_rnn.benchmark.environment import machine, versions


def test_versions_are_those_imported() -> None:
    found = versions()
    # Its distribution need not say for which device it was built, as in 2.4.0+cu121.
    assert found["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert found["captum"] == captum.__version__
    assert found["python"] == platform.python_version()


def test_a_package_that_runs_from_its_source_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-distribution",))
    assert versions()["no-such-distribution"] == "not installed"


def test_the_machine_is_described_without_its_name() -> None:
    description = machine(torch.device("cpu"))
    assert description["threads"] == torch.get_num_threads()
    assert description["device"] == "cpu"
    assert description["processor"]
    assert description["cores"] >= 1
    assert platform.node() not in json.dumps(description)
