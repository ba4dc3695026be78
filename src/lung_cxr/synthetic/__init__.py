"""A synthetic hospital: patients, radiographs, EMR tables and planted defects.

The images are drawn phantoms with no medical value. With them the whole pipeline can run, and be tested against a
known truth, in places where real radiographs are not allowed.
"""
