"""From a catalogue to its review page: everything that waits for a person, one item at a time. Knows no Kedro."""
