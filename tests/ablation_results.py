"""Results of an ablation with made-up numbers."""

from typing import Any

DISTANCES = ("l2", "l1")


def ablation_results() -> dict[str, Any]:
    """Forty-two cells on two distances and twenty-one layers, the last two like those before."""
    axes = {
        "distance": list(DISTANCES),
        "readout": ["final"],
        "layer_index": list(range(-1, -22, -1)),
    }
    cells = []
    for number in range(42):
        shown = number - 2 if number >= 40 else number
        options = {
            "distance": DISTANCES[number % 2],
            "readout": "final",
            "layer_index": -1 - number // 2,
        }
        cells.append(options | _measures(0.9 - 0.02 * shown))
    return {
        "axes": axes,
        "cells": cells,
        "texts": 100,
        "effects": [
            {
                "axis": "distance",
                "option": "l1",
                "reference": "l2",
                "pairs": 21,
                "comprehensiveness": entry(0.25, 0.125),
                "sufficiency": entry(-0.125, 0.125),
                "spearman_leave_one_out": entry(-0.0001, 0.0),
                "agreement": entry(0.5, 0.25),
            }
        ],
        "accuracy": {
            "trained": {"accuracy": 0.8, "texts": 200},
            "l2": {"accuracy": 0.775, "texts": 200},
            "difference": entry(-0.025, 0.025),
            "predictions_changed": entry(0.05, 0.02),
        },
        "work": {
            "share_of_perturbed_forwards": 0.8,
            "seconds": 9.0,
            "summary_seconds": 1.0,
            "perturbed_texts": 1234,
            "rankings": 100,
            "rankings_of_texts": 4200,
        },
    }


def entry(mean: float, half: float) -> dict[str, float | int]:
    """A mean in the middle of its interval."""
    return {"mean": mean, "low": mean - half, "high": mean + half, "texts": 100}


def _measures(value: float) -> dict[str, dict[str, float | int]]:
    return {
        "comprehensiveness": entry(value, 0.1),
        "sufficiency": entry(1 - value, 0.1),
        "spearman_leave_one_out": entry(value, 0.05),
    }
