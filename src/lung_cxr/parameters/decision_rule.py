"""Settings in `training.decision_rule` of `conf/base/parameters_training.yml`."""

from pydantic import Field

from lung_cxr.parameters.base import ParameterGroup


class DecisionRuleParameters(ParameterGroup):
    """Targets of the decision rule, which is fitted on the validation images when a run ends."""

    coverage: float = Field(gt=0, lt=1, description="share of images whose prediction set holds the true class")
    target_accuracy: float = Field(gt=0, lt=1, description="desired accuracy of the images that are not referred")
    sensitivity: float = Field(gt=0, le=1, description="lowest sensitivity of the operating point that rules out")
    unlike_training: float = Field(
        ge=0, lt=1, description="share of validation images that count as unlike the training images"
    )
