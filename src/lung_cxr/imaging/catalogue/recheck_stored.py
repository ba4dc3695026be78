"""Search stored images for burned-in text where the source file is gone and no earlier run searched it."""

import hashlib

from lung_cxr.imaging.catalogue.image_store import ImageStore, StoreFullError
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.processed_image import NOT_SEARCHED, ProcessedImage
from lung_cxr.imaging.deidentify import burned_in_text
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.quality.duplicates import difference_hash
from lung_cxr.imaging.reasons import Rejection


def must_be_searched(previous: ProcessedImage, processor: ImageProcessor) -> bool:
    """Return whether the image was stored without a text search and the current policy asks for one."""
    unseen = previous.pixel_sha256 != "" and previous.text_boxes == NOT_SEARCHED
    unseen = unseen and previous.image_id not in processor.pixels_kept
    return unseen and processor.burned_in_text != "off" and processor.store.has(previous.image_id)


def search_stored(store: ImageStore, previous: ProcessedImage, hashes: KeyedHashes) -> ProcessedImage:
    """Black out text in a stored image, under the policy `flag` too: there is no file for a person to look at.

    After a kill between image and journal the image is searched a second time. Only an image in which text remains is
    deleted.

    Args:
        store: Store that holds the image.
        previous: Ledger row of the image; its quality measurements stay valid.
        hashes: Keyed hashes under the catalogue's secret.

    Raises:
        StoreFullError: The disk is full.
    """
    image_id = previous.image_id
    try:
        cleared = burned_in_text.redact(store.get(image_id))
        if cleared.pieces:
            store.put(image_id, cleared.image)
    except StoreFullError:
        raise
    except Rejection as rejection:
        store.remove(image_id)
        nothing = previous._replace(pixel_sha256="", difference_hash="", stored_bytes=0)
        return nothing._replace(settings="", reason=rejection.reason, detail=rejection.detail)
    except (
        Exception
    ) as error:  # any error of the decoder on a damaged image, or too little memory: searched again next time
        return previous._replace(settings="", reason="unreadable", detail=f"the stored image: {type(error).__name__}")
    return previous._replace(
        reason="",
        detail="",
        pixel_sha256=hashes.pixels(hashlib.sha256(cleared.image.tobytes()).hexdigest()),
        difference_hash=hashes.difference(difference_hash(cleared.image)),
        stored_bytes=store.stored_bytes(image_id),
        text_boxes=cleared.pieces,
    )
