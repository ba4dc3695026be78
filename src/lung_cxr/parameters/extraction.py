"""Settings in `conf/base/parameters_extraction.yml`."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from lung_cxr.parameters.base import ParameterGroup


class ExtractionParameters(ParameterGroup):
    """How query results become an export folder."""

    image_root: str | None = Field(description="folder of the images on this machine; null: an error")
    path_prefixes: list[str] = Field(
        description="beginnings of the database's image paths that stand for image_root, without regard to case"
    )
    newer_than: str | None = Field(
        description="column that grows with every new or changed row; null: extract all rows every time"
    )
    time_zone: str | None = Field(
        description="IANA zone of the hospital, for times with a time zone; null: such times are an error"
    )

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, time_zone: str | None) -> str | None:
        try:
            if time_zone is not None:
                ZoneInfo(time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"found {time_zone!r}; expected an IANA time zone, for example Asia/Ho_Chi_Minh") from None
        return time_zone
