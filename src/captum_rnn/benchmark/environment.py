"""What a measurement ran on."""

import os
import platform
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = ("captum-rnn", "torch", "captum", "numpy", "scipy", "scikit-learn", "jieba")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide the results.

    Returns:
        Version by name; "not installed" for this package where it runs from its source folder.
    """
    return {"python": platform.python_version()} | {
        package: _version(package) for package in PACKAGES
    }


def machine(device: torch.device) -> dict[str, str | int]:
    """The machine, in the terms that decide how long things take.

    Args:
        device: Where the model runs.

    Returns:
        Operating system, processor, its cores, torch's threads, and the device.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "device": name,
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """The processor's name; Linux keeps it where `platform` does not look."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
