"""Messages of errors, as records and the report may keep them."""

import re

FOLDERS = re.compile(
    r"""(?<=['"`])(?:~\w*|[A-Za-z]:)?[/\\][^'"`\n]*[/\\]"""  # between quotes, where a name may hold spaces
    r"""|(?<![\w./\\~-])(?:file://|~\w*|[A-Za-z]:)?[/\\](?![/\\])(?:[^\s/\\'"`]+[/\\]+)+"""  # not the // of https://
)
"""The folders of an absolute path, up to the file's name."""


def without_folders(message: str) -> str:
    """Return a message with every absolute path cut to its file's name.

    A library's message may hold the place of a file on this machine, and with it a user's or a hospital's name, which
    a record that travels has no use for. Addresses in the web stay whole.
    """
    return FOLDERS.sub("", message)
