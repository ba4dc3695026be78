"""Write a trained run as a folder that predicts without TensorFlow, Keras and Kedro."""

from lung_cxr.pipelines.bundle.pipeline import create_pipeline

__all__ = ["create_pipeline"]
