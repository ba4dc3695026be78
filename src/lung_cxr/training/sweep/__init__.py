"""Sensitivity analysis: train a grid of settings; epochs that several runs share are trained once."""
