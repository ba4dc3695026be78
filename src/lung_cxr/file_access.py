"""Restrict the files of a run to their owner, or to the owner's group (`file_access` in conf/<env>/globals.yml)."""

import logging
import os
import stat
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

UMASKS = {"owner": 0o077, "group": 0o007}  # permissions that new files and folders do not get
LAYERS = "0[2-8]_*"  # folders that a run writes; 01_raw belongs to the hospital

log = logging.getLogger(__name__)

# At level DEBUG Kedro's plugin manager logs the arguments of all hooks: tables with file names, names of exports.
logging.getLogger("kedro.framework.hooks.manager").setLevel(logging.INFO)


class FileAccessHook:
    """Sets the permissions before a command writes its first file; the processes that it starts inherit them."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Read the environment's `file_access` and apply it."""
        values = context.config_loader["globals"]
        restrict_access(Path(context.project_path) / values["root"], values["file_access"])


def restrict_access(root: Path, access: str) -> None:
    """Give new files 0600 and folders 0700 (`owner`), or 0660 and 0770 (`group`), and restrict existing layers.

    Args:
        root: Data folder, `root` in globals.yml.
        access: `owner` or `group`.

    Raises:
        ValueError: Another value of `access`.
    """
    if access not in UMASKS:
        raise ValueError(f"file_access in globals.yml is {access!r}; expected one of {', '.join(UMASKS)}")
    os.umask(UMASKS[access])
    for folder in sorted(root.glob(LAYERS)):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & UMASKS[access]:
            try:
                folder.chmod(mode & ~UMASKS[access])
            except OSError:
                log.warning("%s stays open to other users: its permissions cannot be changed here", folder.name)


def present_umask() -> int:
    """Return the umask of this process."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
