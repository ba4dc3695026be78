"""From finished runs and refreshes to what people read: tables, figures, sentences and HTML pages. Knows no Kedro."""
