"""The report of the check as one HTML page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lung_cxr.report.check import tables
from lung_cxr.report.check.sentences import headline, notices
from lung_cxr.report.html_page import render_page

TEMPLATE = "check/check_report.html.j2"
TITLE = "Check before the refresh"


def render_check_report(facts: Mapping[str, Any], made_at: datetime) -> str:
    """Return the page as HTML.

    Args:
        facts: Result of `export_check.check_exports`.
        made_at: Time of the check, UTC.
    """
    return render_page(
        TEMPLATE,
        TITLE,
        made_at,
        headline=headline(facts),
        notices=notices(facts),
        findings=tables.findings_table(facts),
        exports=tables.exports_table(facts),
        files=tables.files_table(facts),
        classes=tables.classes_table(facts),
        details=[(export, *tables.export_tables(export)) for export in reversed(facts["exports"])],
    )
