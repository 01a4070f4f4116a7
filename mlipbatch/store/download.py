"""Files from the web: whole or not there, resumed where a try was cut off."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from mlipbatch.store.durable import sync_folder

CHUNK = 1 << 16  # bytes
TIMEOUT_S = 60.0  # without a single byte
Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where that is known


class NotDownloaded(Exception):
    """The file did not come; the sentence says why, and what did come is kept for the next try."""


def download(url: str, target: Path, progress: Progress) -> None:
    """Fetch `url` (http or https; proxies as the environment has them) into `target`, which appears whole.

    What a try leaves is TARGET.part, from whose end the next one goes on where the server can do that. Raises NotDownloaded;
    OSError where the disk is the trouble.
    """
    if not url.startswith(("http://", "https://")):
        raise NotDownloaded(f"{url} is no address that begins with http:// or https://")
    part = target.with_name(f"{target.name}.part")
    before = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={before}-"} if before else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  looked at above
            _receive(answer, part, before if answer.status == HTTPStatus.PARTIAL_CONTENT else 0, progress)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not before:
            raise NotDownloaded(f"{url}: the server answers {error.code} {error.reason}") from error
        part.unlink()  # it has more than the file, or all of it: no way to tell
        return download(url, target, progress)
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise NotDownloaded(f"{url}: {getattr(error, 'reason', None) or error}") from error
    part.replace(target)
    sync_folder(target.parent)
    return None


def _receive(answer: HTTPResponse, part: Path, before: int, progress: Progress) -> None:
    told = answer.headers.get("Content-Length")
    whole = before + int(told) if told and told.isdigit() else None
    so_far = before
    with part.open("ab" if before else "wb") as file:
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            so_far += len(chunk)
            progress(so_far, whole)
        file.flush()
        os.fsync(file.fileno())
    if whole is not None and so_far != whole:
        raise HTTPException(f"it ended after {so_far} of {whole} bytes")
