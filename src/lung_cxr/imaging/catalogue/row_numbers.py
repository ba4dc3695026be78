"""List the raw row behind every keyed row number: the way back, kept in 01_raw only."""

import pandas as pd

from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes

COLUMNS = ["row_number", "export", "folder", "table", "row", "status", "reasons", "detail"]


def with_keyed_rows(table: pd.DataFrame, export: str, hashes: KeyedHashes) -> pd.DataFrame:
    """Return a table whose `row` is keyed, in the order of the keyed numbers.

    The raw number, and the raw order, are the patient's rank where the hospital sorts its table by name or number.

    Args:
        table: Table with the raw `row`.
        export: Column with the export's ordinal.
        hashes: Keyed hashes under the catalogue's secret.
    """
    rows = [hashes.row(*pair) for pair in zip(table[export].tolist(), table["row"].tolist(), strict=True)]
    keyed = table.assign(row=pd.Series(rows, table.index, dtype="int64"))
    by = "image_id" if "image_id" in table.columns else [export, "row"]
    return keyed.sort_values(by, ignore_index=True)


def list_row_numbers(
    records: pd.DataFrame,
    rejected: pd.DataFrame,
    manifest: pd.DataFrame,
    known_exports: pd.DataFrame,
    hashes: KeyedHashes,
) -> pd.DataFrame:
    """Return the raw row of every rejected row or image, and of every accepted image with a flag.

    Args:
        records: As `contracts.records`.
        rejected: Rejected rows and images, as `contracts.rejected_records`.
        manifest: As `contracts.image_manifest`.
        known_exports: As `contracts.known_exports`.
        hashes: Keyed hashes under the catalogue's secret.

    Returns:
        `COLUMNS`: keyed number, ordinal and folder of the export, position of the table, raw row (1 is the first below
        the header), status, reasons, detail.
    """
    flagged = manifest.loc[(manifest["qc_status"] == "accepted") & (manifest["qc_reasons"] != "")]
    flagged = flagged[["image_id", "qc_reasons"]].merge(records[["image_id", "source_export", "table", "row"]])
    flagged = flagged.rename(columns={"source_export": "export", "qc_reasons": "reasons"})
    rejected = rejected.rename(columns={"reason_code": "reasons"})
    rejected = rejected.assign(table=rejected["detail"].str.extract(r"^table (\d+)", expand=False).astype("Int64"))
    rows = pd.concat([rejected.assign(status="rejected"), flagged.assign(status="flagged", detail="")])
    raw = [hashes.raw_row(*pair) for pair in zip(rows["export"], rows["row"], strict=True)]
    folders = known_exports.set_index("export")["export_id"]
    rows = rows.assign(row_number=rows["row"], row=raw, folder=rows["export"].map(folders))
    return rows[COLUMNS].sort_values(["export", "table", "row"], ignore_index=True)
