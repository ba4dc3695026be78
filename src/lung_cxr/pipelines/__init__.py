"""Pipelines: tables of nodes, one folder each."""
