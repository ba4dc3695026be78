"""The leak test: what was planted in 01_raw is looked for in every byte of what a run writes."""
