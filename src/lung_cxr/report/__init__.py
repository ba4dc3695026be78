"""From finished runs to what people read: evaluations, tables, figures, sentences and one HTML page. Knows no Kedro."""
