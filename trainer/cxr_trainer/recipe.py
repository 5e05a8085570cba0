"""A recipe: everything that decides one training run, resolved before it starts.

`cxr_trainer.recipe_files` puts one together from the packaged recipe, a file and the command line.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from cxr_shared.bundle import InputSpec
from cxr_shared.findings import Target

SplitKind = Literal["patient", "paper", "official"]
StageName = Literal["decay", "range_test", "clr"]
Architecture = Literal["mobilenetv1", "alexnet", "densenet121"]
OptimizerName = Literal["sgd", "adam", "rmsprop"]
Policy = Literal["constant", "decay", "triangular", "triangular2", "exp_range", "modified_triangular2"]
Suggester = Literal["minimum", "steepest", "valley"]

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
STAGES: tuple[StageName, ...] = ("decay", "range_test", "clr")
"""The three stages in their order (paper §§5-7)."""
ALEXNET_LEAST_SIZE = 63
"""Input side, in pixels, of which AlexNet's last pool leaves one cell."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class InputSection(InputSpec):
    """The pixels a model takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CohortSection(_Section):
    """Which films: Table 2 for a finding, section 'One-class classifier' for the anomaly model."""

    positives: Count | None = None
    """Films with the finding, at most (binary models)."""
    negatives: Count | None = None
    """'No Finding' films to go with them (binary models)."""
    normal: Count | None = None
    """'No Finding' films (one-class model)."""
    per_finding: Count | None = None
    """Films of each of the 14 findings (one-class model)."""


class SplitSection(_Section):
    """Who is trained on and who is tested on."""

    kind: SplitKind = "patient"
    """``patient``: no patient on two sides, one assignment for all 15 targets; ``paper``: films at random,
    which leaks patients; ``official``: NIH's list files."""
    test_fraction: Fraction = 0.2
    """Share that is tested on: of the patients (`patient`) or of the films (`paper`)."""
    validation_fraction: Fraction = 0.125
    """Share of the training side that is held out for choosing the model and its operating points."""
    seed: int = 0
    """Another seed gives another split."""


class AugmentSection(_Section):
    """Keras ImageDataGenerator's ranges (paper §A3.1), drawn anew for each film and epoch."""

    rotation: NotNegative = 7.0
    """Degrees, either way."""
    width_shift: NotNegative = 0.1
    """Share of the width, either way."""
    height_shift: NotNegative = 0.1
    """Share of the height, either way."""
    shear: NotNegative = 0.05
    """Degrees, either way, as Keras reads it."""
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Each axis is drawn from 1 ± zoom."""
    brightness: tuple[Positive, Positive] = (0.4, 1.5)
    """Range of the factor of the grey levels; [1, 1] leaves them alone."""
    horizontal_flip: bool = True
    """Mirror one film in two, left and right."""


class ModelSection(_Section):
    """Backbone and head (paper, Figure 3)."""

    architecture: Architecture = "mobilenetv1"
    """The paper's backbones; it compared AlexNet and DenseNet-121 on Atelectasis (Table 6)."""
    width: Annotated[float, Field(ge=0.25, le=1.0)] = 1.0
    """MobileNet's width multiplier; the paper's is 1. Narrow ones start from ``none`` or a file of their own."""
    shallow: bool = False
    """MobileNet without its five repeated blocks of 512 channels (Howard et al. 2017, Table 5); the paper's has them.
    Each pixel of the heat map then sees less around it."""
    weights: str = "imagenet"
    """``imagenet`` (timm's hub, for AlexNet and DenseNet torchvision's), ``none``, or a file: safetensors or a
    weights-only state dict in the layout of timm, torchvision or a run, or MobileNet's Keras ``.h5``. The hub's
    MobileNet was made with symmetric padding, so it starts a little further off here than Google's own, from a file."""
    units: tuple[Count, ...] = (250, 50, 10, 2)
    """Widths of the hidden Dense layers."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of the pooled features that is left out at an update."""
    kernel_l1: NotNegative = 0.001
    """L1 penalty of the hidden Dense layers' weights."""
    kernel_l2: NotNegative = 0.01
    """L2 penalty of the hidden Dense layers' weights."""
    bias_l2: NotNegative = 0.01
    """L2 penalty of their biases."""
    activity_l2: NotNegative = 0.001
    """L2 penalty of their outputs, mean over the batch."""
    bn_momentum: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the old value that a BN average keeps at an update. None: Keras's 0.99, or less where an
    epoch has too few batches for that average to arrive (see `Recipe.resolved_bn_momentum`)."""
    output_stride: Literal[8, 16, 32] = 32
    """Input pixels for each pixel of the last feature map, and so of the heat map; the paper's is 32. Less leaves the
    last strides out, without dilation."""

    @field_validator("width", "shallow", "output_stride")
    @classmethod
    def _mobilenets_own(cls, value: float, info: ValidationInfo) -> float:
        architecture = info.data.get("architecture", "mobilenetv1")
        if architecture != "mobilenetv1" and value != cls.model_fields[str(info.field_name)].default:
            raise PydanticCustomError(
                "mobilenet_only", f"only mobilenetv1 has this setting, and model.architecture is {architecture}"
            )
        return value


class DecaySection(_Section):
    """First stage: lr(i) = lr0 / (1 + decay·i), i = updates so far (Tables 4 and 5)."""

    optimizer: OptimizerName = "sgd"
    """With Keras's semantics."""
    lr0: Positive = 0.01
    """Rate of the first update."""
    decay: NotNegative = 0.001
    """How fast the rate falls; 0 leaves it constant."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Only ``sgd``."""
    epochs: Count = 10
    """Length of the stage."""
    batch_size: Count = 32
    """Films an update."""


class RangeTestSection(_Section):
    """Second stage: the learning-rate finder (paper §B)."""

    ramp: Literal["exponential", "linear"] = "exponential"
    """How the rate rises from update to update; the paper's is exponential."""
    start: Positive = 1e-7
    """Rate of the first update."""
    end: Positive = 1.0
    """Rate of the last update, above `start`."""
    suggester: Suggester = "minimum"
    """Where on the curve max_lr is: ``minimum``, the loss's lowest point (the paper's); ``steepest``, where it falls
    fastest with the logarithm of the rate; ``valley``, two thirds along its longest descent."""
    epochs: Count | None = None
    """None: as many as give 100 updates, within the paper's 1 to 5."""
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """The suggestion is read off a running median over about 1 / (1 - smoothing) updates; divergence is judged by a
    running mean that keeps this share of its old value, with bias correction."""
    divergence: Annotated[float, Field(gt=1)] = 4.0
    """The test stops when the smoothed loss passes this many times the untouched model's, and chance's (ln 2)."""

    @model_validator(mode="after")
    def _rising(self) -> RangeTestSection:
        if self.end <= self.start:
            raise ValueError("end must be above start")
        return self


class ClrSection(_Section):
    """Third stage: cyclical learning rates, starting from the model that the decay stage left."""

    policy: Policy = "triangular"
    """How the rate moves between its bounds; ``constant`` stays at max_lr, ``decay`` falls from it.
    `cxr-trainer schedule` draws each."""
    step_epochs: Positive = 2.0
    """Half a cycle, in epochs."""
    epochs: Count = 32
    """Length of the stage."""
    batch_size: Count = 32
    """Films an update."""
    optimizer: OptimizerName | None = None
    """None: the decay stage's."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Only ``sgd``."""
    max_lr: Positive | None = None
    """None: what the range test found."""
    base_lr: Positive | None = None
    """None: max_lr / 4."""
    gamma: Positive = 0.99994
    """Only ``exp_range``: the amplitude's factor at each update."""

    @model_validator(mode="after")
    def _ordered(self) -> ClrSection:
        if self.max_lr is not None and self.base_lr is not None and self.base_lr > self.max_lr:
            raise ValueError("base_lr must not be above max_lr")
        return self


class PaperFacts(_Section):
    """What the paper printed for this target, to set beside our own figures; nothing is trained with it."""

    stages: tuple[StageName, ...] = STAGES
    """What the paper ran: it left eight findings without CLR and trained Pneumonia with CLR alone."""
    train_batches: Count | None = None
    """Updates of an epoch (Table 3)."""
    accuracy_decay: NotNegative | None = None
    """Accuracy after the decay stage as printed, in per cent."""
    accuracy_clr: NotNegative | None = None
    """Accuracy after the CLR stage as printed, in per cent."""
    clr_max_lr: Positive | None = None
    """Upper bound of the cycles (Table 8)."""
    clr_base_lr: Positive | None = None
    """Lower bound of the cycles (Table 8)."""


class Recipe(_Section):
    """Everything that decides a run. `load_recipe` makes one; `run/recipe.toml` holds the resolved one."""

    target: Target
    """``Anomaly`` or a finding; the command line's ``--disease`` sets it."""
    seed: int = 0
    """Of initial weights, order of films, augmentation and dropout; the split has its own."""
    stages: tuple[StageName, ...] = STAGES
    """Which stages run. Without ``decay`` CLR starts from the initial weights, without ``range_test`` it takes
    ``clr.max_lr``."""
    input: InputSection = InputSection()
    """Pixels of a film."""
    cohort: CohortSection = CohortSection()
    """Which films."""
    split: SplitSection = SplitSection()
    """Who is trained on and tested on."""
    augment: AugmentSection = AugmentSection()
    """Random transforms of training films."""
    model: ModelSection = ModelSection()
    """Backbone and head."""
    decay: DecaySection = DecaySection()
    """First stage."""
    range_test: RangeTestSection = RangeTestSection()
    """Second stage."""
    clr: ClrSection = ClrSection()
    """Third stage."""
    paper: PaperFacts = PaperFacts()
    """What the paper printed."""

    @model_validator(mode="after")
    def _stages_that_train(self) -> Recipe:
        if list(self.stages) != [name for name in STAGES if name in self.stages]:
            raise ValueError(f"stages must be some of {', '.join(STAGES)}, each once and in this order")
        if not self.trained_stages:
            raise ValueError("stages must have decay or clr, or nothing is trained")
        if self.stages[-1] == "range_test":
            raise ValueError("stages must not end with range_test, which trains nothing: use find-lr for it alone")
        if "clr" in self.stages and "range_test" not in self.stages and self.clr.max_lr is None:
            raise ValueError("stages without range_test need clr.max_lr, since nothing finds it")
        return self

    @property
    def trained_stages(self) -> tuple[StageName, ...]:
        """Stages that leave a model."""
        return tuple(name for name in self.stages if name != "range_test")

    @field_validator("model")
    @classmethod
    def _room_for_the_strides(cls, model: ModelSection, info: ValidationInfo) -> ModelSection:
        size = info.data["input"].size if "input" in info.data else ALEXNET_LEAST_SIZE
        if model.architecture == "alexnet" and size < ALEXNET_LEAST_SIZE:
            raise PydanticCustomError(
                "too_small", f"alexnet needs an input.size of at least {ALEXNET_LEAST_SIZE}, and it is {size}"
            )
        return model

    def resolved_bn_momentum(self, batches: int) -> float:
        """Momentum of the BN averages for a stage with `batches` updates an epoch.

        Keras's 0.99 needs some hundred updates to forget its start. The paper's cohorts have 75 batches an
        epoch or more on the default split; a smaller set gets the momentum whose memory is one of its own epochs.
        """
        if self.model.bn_momentum is not None:
            return self.model.bn_momentum
        return 0.99 if batches >= 75 else 1.0 - 1.0 / max(10, batches)
