"""While a node runs for hours, what it has written is sent every now and then: it survives the machine."""

import logging
import threading

from lung_cxr.mirror.mirror import Mirror

log = logging.getLogger(__name__)


class BackgroundPush:
    """Sends every few seconds what was changed in the folders that ask for it, until it is stopped."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._seconds: float | None = None

    def start(self, mirror: Mirror, seconds: float) -> None:
        """Begin, or go on at the shorter of two intervals."""
        self._seconds = min(seconds, self._seconds or seconds)
        if self._thread is None or not self._thread.is_alive():
            self._stopped.clear()
            self._thread = threading.Thread(target=self._push, args=(mirror,), name="push to the store", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End it, after what it is just sending."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = self._seconds = None

    def _push(self, mirror: Mirror) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                mirror.push(in_background=True)
            except Exception as error:  # the store may be back the next time; the push at the end of the node says more
                log.warning("The store could not be reached (%s); trying again", type(error).__name__)
