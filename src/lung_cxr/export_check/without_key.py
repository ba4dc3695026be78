"""Facts of the check that need the key of the catalogue: with another key, every patient and image looks new."""

from collections.abc import Mapping
from typing import Any


def without_key(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return `exports` and `classes` with None in the place of facts that cannot be known without the catalogue's key.

    Args:
        facts: `exports` and `classes` of `check_exports`, compared with the catalogue by another key.
    """
    unknown = {"known_patients": None, "similar_rows": None}
    return {
        "exports": [
            export
            | unknown
            | {
                "status": "new" if export["status"] == "new" else "known",
                "files": {**dict.fromkeys(("new", "changed", "unchanged")), "absent": export["files"].get("absent", 0)},
            }
            for export in facts["exports"]
        ],
        "classes": [{**row, "at_most": None} for row in facts["classes"]],
    }
