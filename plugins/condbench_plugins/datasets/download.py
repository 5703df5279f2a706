"""What downloads by torchvision share: where they go until they are whole, how long they wait, why they failed."""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from condbench.cache import OFFLINE, offline

_TIMEOUT = 20.0  # seconds without an answer; urllib alone would wait for minutes


@contextmanager
def unfinished(home: Path) -> Iterator[Path]:
    """A folder within ``home`` to download to and to move whole files out of; it is gone afterwards.

    Raises:
        ConnectionError: if nothing may be downloaded.
    """
    if offline():
        raise ConnectionError(f"nothing is downloaded while {OFFLINE} is set, as `condbench doctor` sets it")
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as folder:
            yield Path(folder)
    finally:
        socket.setdefaulttimeout(patience)


def reason(error: Exception) -> str:
    """Why a download failed, in the words of whoever knew.

    torchvision's last line quotes urllib's ``<urlopen error [Errno 111] Connection refused>``, a full disk is an
    ``[Errno 28] No space left on device``, a wrong checksum a sentence: the words in them will do.
    """
    last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return re.sub(r"^(?:<urlopen error )?(?:\[[^]]*\] )?(.*?)[.>]?$", r"\1", last)
