"""A hospital that does not exist: its patients, its radiographs, its EMR tables and everything that is wrong with them.

The pictures are phantoms. They teach nobody medicine; they let the whole chain run, and be tested against a known
truth, where no real radiograph may go.
"""
