"""Error messages without the folders of this machine, for run records and the report."""

import re

FOLDERS = re.compile(
    r"""(?<=['"`])(?:~\w*|[A-Za-z]:)?[/\\][^'"`\n]*[/\\]"""  # between quotes, where a name may hold spaces
    r"""|(?<![\w./\\~-])(?:file://|~\w*|[A-Za-z]:)?[/\\](?![/\\])(?:[^\s/\\'"`]+[/\\]+)+"""  # not the // of https://
)
"""Folders of an absolute path, up to the name of the file."""


def without_folders(message: str) -> str:
    """Return a message in which every absolute path is cut to the name of its file.

    The message of a library may hold a path of this machine, and with it the name of a user or a hospital. URLs stay
    complete.
    """
    return FOLDERS.sub("", message)
