import subprocess
import sys


def test_the_package_loads_nothing_heavy_that_captum_does_not():
    code = (
        "import sys, captum.attr\n"
        "before = set(sys.modules)\n"
        "from captum_rnn import HiddenStateDeltaAttribution, functional, pack_tokens\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "new -= {'captum_rnn', 'safetensors'} | sys.stdlib_module_names\n"
        "assert not new, new"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, b"")
