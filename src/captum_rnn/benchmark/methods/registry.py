"""The attribution methods that are compared, by name: those of this package, and Captum's.

What needs nothing but a model and its layer stands in `captum_rnn.attr.named`, whose table whole
corpora share. To add another method, write a subclass of `Method` and add a line here.
"""

from collections.abc import Iterable
from dataclasses import replace

from captum_rnn.attr.named import NAMED_METHODS
from captum_rnn.benchmark.methods.ceiling import Ceiling
from captum_rnn.benchmark.methods.gradient_methods import (
    ActivationTimesGradient,
    DeepLiftFromZero,
    GradientShapFromZero,
    GradientTimesInput,
    IntegratedGradientsFromWord,
    IntegratedGradientsFromZero,
    SaliencyNorm,
    SaliencySum,
)
from captum_rnn.benchmark.methods.method import Method
from captum_rnn.benchmark.methods.mixture import MeanOfMethods
from captum_rnn.benchmark.methods.perturbation_methods import (
    Ablation,
    LeaveOneOut,
    WindowOcclusion,
)
from captum_rnn.benchmark.methods.sampling_methods import (
    KernelShapley,
    LimeForTexts,
    ShapleySampling,
)
from captum_rnn.benchmark.methods.state_methods import (
    CalibratedDelta,
    NamedStateMethod,
    WordInformation,
)
from captum_rnn.benchmark.methods.word_methods import (
    EmbeddingNorm,
    FixedWordScores,
    LastWordsFirst,
    RandomScores,
    WordRarity,
)

_TEACHER = IntegratedGradientsFromZero(
    name="teacher", label="Integrated Gradients, 5 points", steps=5
)
_MIDPOINT = IntegratedGradientsFromZero(
    name="integrated-gradients-midpoint",
    label="Integrated Gradients, midpoint",
    passes="1 + 1 backward",
    steps=1,
)
_NAMED = {name: NamedStateMethod.of(named) for name, named in NAMED_METHODS.items()}
_RELEVANCE = _NAMED["relevance-propagation"]
_CONVERGED = replace(
    _NAMED["recurrent-shapley"],
    name="recurrent-shapley-converged",
    label="Shapley values, converged",
    passes="100 n",
    options=(("n_samples", 200), ("estimator", "permutations")),
)
_AFTER_THE_CALIBRATED = (
    "adjoint-delta",
    "adjoint-delta-replaced",
    "relevance-propagation",
    "recurrent-deep-lift",
    "recurrent-deep-lift-word",
    "secant-step",
    "recurrent-shapley",
)
_OF_THIS_PACKAGE: tuple[Method, ...] = (
    *(method for name, method in _NAMED.items() if name not in _AFTER_THE_CALIBRATED),
    CalibratedDelta(
        name="calibrated-delta", label="calibrated delta", passes="1", teacher=_TEACHER
    ),
    CalibratedDelta(
        name="calibrated-delta-by-distance",
        label="calibrated delta, by distance",
        passes="1",
        by_distance=True,
        teacher=_TEACHER,
    ),
    CalibratedDelta(
        name="calibrated-delta-mean-adjoint",
        label="calibrated delta, mean adjoint",
        passes="1",
    ),
    CalibratedDelta(
        name="calibrated-local-delta",
        label="calibrated delta, local",
        passes="1 + a parallel cell step",
        local=True,
        teacher=_TEACHER,
    ),
    *(_NAMED[name] for name in _AFTER_THE_CALIBRATED),
    _CONVERGED,
    MeanOfMethods(
        name="relevance-and-midpoint",
        label="relevance + midpoint",
        passes="2 + 1 backward + a reverse scan",
        ours=True,
        parts=(_RELEVANCE, _MIDPOINT),
    ),
    WordInformation(name="word-information", label="word information"),
)
_BY_GRADIENT: tuple[Method, ...] = (
    SaliencyNorm(name="saliency", label="Saliency"),
    SaliencySum(name="saliency-sum", label="Saliency, sum"),
    GradientTimesInput(name="input-x-gradient", label="Input × Gradient"),
    ActivationTimesGradient(name="layer-gradient-x-activation", label="LayerGradientXActivation"),
    IntegratedGradientsFromZero(name="integrated-gradients", label="Integrated Gradients"),
    _MIDPOINT,
    IntegratedGradientsFromWord(
        name="integrated-gradients-word", label="Integrated Gradients, neutral word"
    ),
    GradientShapFromZero(name="gradient-shap", label="GradientShap"),
    DeepLiftFromZero(name="deep-lift", label="DeepLift"),
)
_BY_PERTURBATION: tuple[Method, ...] = (
    LeaveOneOut(name="leave-one-out", label="leave-one-out, removal", passes="n"),
    Ablation(name="feature-ablation", label="FeatureAblation", passes="n"),
    WindowOcclusion(name="occlusion", label="Occlusion, 3 words", passes="n"),
    ShapleySampling(name="shapley-sampling", label="ShapleyValueSampling", passes="25 n"),
    KernelShapley(name="kernel-shap", label="KernelShap", passes="25 n"),
    LimeForTexts(name="lime", label="Lime", passes="25 n"),
    Ceiling(name="ceiling", label="ceiling", measure="comprehensiveness"),
    Ceiling(name="ceiling-sufficiency", label="ceiling, sufficiency", measure="sufficiency"),
)
_WITHOUT_THE_MODEL: tuple[Method, ...] = (
    FixedWordScores(name="word-lexicon", label="per-word scores, no context", teacher=_TEACHER),
    EmbeddingNorm(name="embedding-norm", label="embedding norm"),
    WordRarity(name="word-rarity", label="−log P(word)"),
    LastWordsFirst(name="position", label="last words first"),
    RandomScores(name="random", label="random"),
)

METHODS: dict[str, Method] = {
    method.name: method
    for method in (*_OF_THIS_PACKAGE, *_BY_GRADIENT, *_BY_PERTURBATION, *_WITHOUT_THE_MODEL)
}
"""Every method that can be asked for, by name."""

CEILINGS = ("recurrent-shapley-converged", "ceiling", "ceiling-sufficiency")
"""What shows how far methods could get, at a price that is no method's."""

ALL_METHODS = tuple(name for name in METHODS if name not in CEILINGS)
"""The names of all methods that compete, which `captum-rnn compare --methods all` compares."""

EXPENSIVE = (
    "ceiling",
    "ceiling-sufficiency",
    "recurrent-shapley-converged",
    "kernel-shap",
    "lime",
    "shapley-sampling",
    "integrated-gradients",
    "integrated-gradients-word",
    "gradient-shap",
    "word-information",
    "recurrent-shapley",
    "leave-one-out",
    "feature-ablation",
    "occlusion",
)
"""What runs the model dozens of times for a text, the longest first; a comparison begins with the
others."""

QUICK_METHODS = (
    "hidden-state-delta-l2",
    "hidden-state-delta-projection",
    "logit-delta",
    "local-delta",
    "calibrated-delta",
    "calibrated-delta-mean-adjoint",
    "adjoint-delta",
    "relevance-propagation",
    "recurrent-deep-lift",
    "recurrent-shapley",
    "saliency",
    "input-x-gradient",
    "integrated-gradients-midpoint",
    "integrated-gradients",
    "leave-one-out",
    "word-lexicon",
    "random",
)
"""One method of each kind, for a first look: what `captum-rnn compare` compares by default."""


def find_methods(names: Iterable[str] = QUICK_METHODS, *, seed: int = 0) -> list[Method]:
    """Looks methods up by name.

    Args:
        names: Keys of `METHODS`.
        seed: Seed of the methods that draw at random.

    Returns:
        The methods in the order of the names, each once.

    Raises:
        ValueError: There is no method of that name, or no name at all.

    Example:
        >>> [method.label for method in find_methods(["saliency", "random"])]
        ['Saliency', 'random']
    """
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in METHODS]
    if unknown or not wanted:
        raise ValueError(
            f"{', '.join(map(repr, unknown)) or 'an empty list'} names no method; choose from "
            f"{', '.join(METHODS)}"
        )
    return [METHODS[name].seeded(seed) for name in wanted]
