"""Findings of the check: faults that would stop the refresh, and facts at which a person should look."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from lung_cxr.exit_codes import ExitCode
from lung_cxr.imaging.catalogue.fault_check import BLOCKING, is_above
from lung_cxr.imaging.catalogue.key_check import HalfRotatedKeyError
from lung_cxr.imaging.catalogue.summary import IngestionError, listed
from lung_cxr.imaging.emr.table_limits import TableError

Level = Literal["stops", "look"]

MOST_NOT_UNDERSTOOD = 0.05  # share of the values of a column above which a person should look


class Finding(NamedTuple):
    """One finding.

    Attributes:
        level: `stops`: the refresh would end with an error. `look`: it would not, but a person should look first.
        text: The message of the refresh, or a sentence; no value of the input.
        exit_code: Exit code with which the refresh would end, or `DECISION`.
    """

    level: Level
    text: str
    exit_code: int


class ExportCheckError(Exception):
    """The check found something at which a person should look."""

    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def errors_as_findings(findings: list[Finding]) -> Iterator[None]:
    """Turn an error that would stop the refresh into a finding, so that the check continues and lists the others."""
    try:
        yield
    except (IngestionError, TableError, HalfRotatedKeyError) as error:
        findings.append(Finding("stops", str(error), int(getattr(error, "exit_code", ExitCode.INPUT))))


def raise_on_findings(facts: Mapping[str, Any]) -> None:
    """End the check with the exit code of its first finding.

    Raises:
        ExportCheckError: There is a finding.
    """
    findings = facts["findings"]
    if findings:
        stops = sum(finding["level"] == "stops" for finding in findings)
        raise ExportCheckError(
            f"The check has {len(findings)} finding{'s' * (len(findings) > 1)}, {stops} of which would stop the "
            "refresh: see above and 08_reporting/check_report.html. Nothing was changed",
            findings[0]["exit_code"],
        )


def of_faults(broken: Mapping[str, Mapping[str, Any]], allowed: float) -> list[Finding]:
    """Return a finding for each export whose tables, files and headers alone have too many faults."""
    found = []
    for number, counted in broken.items():
        text = (
            f"Export {number}: {sum(counted['faults'].values())} of {counted['rows']} rows are faulty "
            f"({counted['fault_fraction']:.1%}, allowed {allowed:.1%}): {listed(counted['faults'])}"
        )
        remedies = [remedy for code, remedy in BLOCKING.items() if code in counted["faults"]]
        code = ExitCode.DECISION
        if is_above(counted, allowed):
            code = ExitCode.FAULTS
            remedies.append("Complete or correct the export, or raise ingestion.max_fault_fraction")
        found.append(Finding("stops", ". ".join([text, *remedies]), int(code)))
    return found


def of_export(export: Mapping[str, Any], delivered: Collection[str]) -> list[Finding]:
    """Return the facts of a new or changed export at which a person should look.

    Args:
        export: Facts of the export.
        delivered: Logical columns of all other exports.
    """
    name, headers = f"Export {export['export']}", export["headers"]
    texts = [
        *(
            f"{name}, {table['name']}: no column for {', '.join(lost)}, which other exports have"
            for table in export["tables"]
            if (lost := [column for column in table["missing"] if column in delivered])
        ),
        *(_not_understood(name, table) for table in export["tables"]),
        f"{name}: {headers['disagree']} DICOM headers name another patient than the row" if headers["disagree"] else "",
        f"{name}: {export['two_patients']} files are named by rows of two patients" if export["two_patients"] else "",
        f"{name}: no row has one of the seven classes" if not export["records"] else "",
    ]
    return [Finding("look", text, int(ExitCode.DECISION)) for text in texts if text]


def _not_understood(name: str, table: Mapping[str, Any]) -> str:
    """Return a sentence on the columns of a table whose values are often not understood."""
    shares: Sequence[str] = [
        f"{column['column']} ({1 - column['understood'] / column['filled']:.0%})"
        for column in table["columns"]
        if column["understood"] is not None
        and column["filled"] - column["understood"] > MOST_NOT_UNDERSTOOD * column["filled"]
    ]
    return f"{name}, {table['name']}: values that are not understood: {', '.join(shares)}" if shares else ""
