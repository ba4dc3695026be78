"""Tables, figures, sentences and HTML pages from finished runs and refreshes. Independent of Kedro."""
