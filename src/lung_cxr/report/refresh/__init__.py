"""From a run of ingestion to its refresh report: counts, drift, quality and contact sheets. Knows no Kedro."""
