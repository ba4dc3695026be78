"""The hospital's tables → pseudonymous records, every row accounted for."""
