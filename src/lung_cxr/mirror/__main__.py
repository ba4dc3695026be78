"""`python -m lung_cxr.mirror`: where this machine's mirrors are, delete them, take away a killed command's lock."""

import argparse
import sys

from lung_cxr.mirror.lock import remove_lock
from lung_cxr.mirror.place import clear_idle_mirrors, mirrors_folder


def main(arguments: list[str] | None = None) -> int:
    """Return 0; 1 where a mirror is in use and stays."""
    parser = argparse.ArgumentParser(prog="python -m lung_cxr.mirror", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("where", help="print the folder of the mirrors")
    commands.add_parser("clear", help="delete every mirror that no command is using")
    unlock = commands.add_parser("unlock", help="take away the lock of a command that was killed")
    unlock.add_argument("folder", help="02_intermediate in the store, as the error names it")
    chosen = parser.parse_args(arguments)
    if chosen.command == "unlock":
        return _say(remove_lock(chosen.folder))
    if chosen.command == "where":
        return _say(str(mirrors_folder()))
    deleted, used = clear_idle_mirrors(mirrors_folder())
    return _say(f"{deleted} mirrors deleted, {used} in use") or int(used > 0)


def _say(text: str) -> int:
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
