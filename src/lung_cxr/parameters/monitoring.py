"""Settings in `conf/base/parameters_monitoring.yml`."""

from pydantic import Field

from lung_cxr.parameters.base import ParameterGroup


class MonitoringParameters(ParameterGroup):
    """Control limits of the batches of images that a run predicts."""

    false_alarm_rate: float = Field(
        gt=0, lt=1, description="share of unchanged batches with an alarm, over all watched quantities together"
    )
    batch_correlation: float = Field(
        ge=0, lt=1, description="correlation of two images of one batch: ordinary variation between batches"
    )
    min_images: int = Field(ge=10, description="images of the smallest batch whose distributions are stored")
