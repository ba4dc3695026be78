"""The image store: `<2>/<image_id>.png`, 8-bit grey, no metadata, each file whole or not there at all."""

import errno
import os
import re
from collections.abc import Collection
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt

# 8 ms an image where Pillow's defaults take 67, and no larger: run lengths of Paeth differences (measured at 1024²)
FAST = {"level": 1, "strategy": imagecodecs.PNG.STRATEGY.RLE, "filter": imagecodecs.PNG.FILTER.PAETH}

FULL = (errno.ENOSPC, errno.EDQUOT)  # no space on the disk, or no more of it for this user
IMAGE_ID = re.compile("[0-9a-f]{32}").fullmatch

Grey = npt.NDArray[np.uint8]


class StoreFullError(Exception):
    """There is no room for another image: the fault of no file, so the run stops."""


class ImageStore:
    """Reads and writes the images of the catalogue by id.

    Args:
        folder: `03_primary/images`.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @staticmethod
    def path(image_id: str) -> str:
        """Return where an image lies below the folder, as `image_manifest.image_path` has it."""
        return f"{image_id[:2]}/{image_id}.png"

    def put(self, image_id: str, image: Grey) -> str:
        """Write an image under a temporary name, then rename it: a killed run leaves no half file.

        Args:
            image_id: 32 hex digits.
            image: (H, W) uint8, 0 black.

        Returns:
            Its path below the folder.

        Raises:
            StoreFullError: There is no room.
        """
        target = self.folder / self.path(image_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{image_id}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(imagecodecs.png_encode(image, **FAST))
            temporary.replace(target)
        except OSError as error:
            if error.errno in FULL:
                raise StoreFullError(
                    "No space is left where the image store is. Make room on that disk, then give the command again: "
                    "what has been read is kept"
                ) from None
            raise
        finally:
            temporary.unlink(missing_ok=True)  # a full disk
        return self.path(image_id)

    def get(self, image_id: str) -> Grey:
        """Return an image, (H, W) uint8."""
        return imagecodecs.png_decode((self.folder / self.path(image_id)).read_bytes())

    def has(self, image_id: str) -> bool:
        """Whether an image is stored."""
        return self.stored_bytes(image_id) > 0

    def stored_bytes(self, image_id: str) -> int:
        """Return the size of an image's file, 0 where there is none."""
        try:
            return (self.folder / self.path(image_id)).stat().st_size
        except FileNotFoundError:
            return 0

    def remove(self, image_id: str) -> None:
        """Delete an image if it is there."""
        (self.folder / self.path(image_id)).unlink(missing_ok=True)

    def sweep(self, wanted: Collection[str] | None) -> int:
        """Delete what killed writers have left, and images that nobody wants; return how many images.

        Args:
            wanted: Ids; None: every image stays. Files that are not named as this store names them stay too.
        """
        for temporary in self.folder.glob("??/.*.tmp"):
            temporary.unlink()
        images = [path for path in self.folder.glob("??/*.png") if IMAGE_ID(path.stem)]
        orphans = [path for path in images if wanted is not None and path.stem not in wanted]
        for path in orphans:
            path.unlink()
        return len(orphans)
