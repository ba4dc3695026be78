"""A working copy on this machine of what lies in a store of objects: docs/scale.md.

Algorithms rename, append to and memory-map files, which no store of objects can. Where a root is one, they work on the
copy, and what they changed is sent to the store. The store is what counts: a mirror can be deleted at any time that no
command uses it.
"""

from lung_cxr.mirror.process import current, fetch_later, is_fetched_later, local_folder, sent_in_order, taken
from lung_cxr.mirror.selection import Selection
from lung_cxr.mirror.store import is_remote

__all__ = [
    "Selection",
    "current",
    "fetch_later",
    "is_fetched_later",
    "is_remote",
    "local_folder",
    "sent_in_order",
    "taken",
]
