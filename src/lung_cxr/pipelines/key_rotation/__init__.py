"""Rotation of the pseudonymisation key of a catalogue."""

from lung_cxr.pipelines.key_rotation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
