"""The prediction journal's writing side: what was answered is written down before the caller hears of it.

An ASGI layer around the service. A record is handed to the system in the event loop (5 microseconds) and
synced to the disk a few times a second by a thread: a process that is killed loses no answered prediction, a
machine that loses power at most those of `sync_seconds`. Waiting for a sync before each answer cost a fifth
of the requests at 8 connections; with `sync_seconds: 0` that is done, once for all that wait. `journal` reads
what is written here.
"""

import asyncio
import atexit
import contextlib
import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..operations.settings import Journal, OperatingParams
from ..project.files import hold
from ..project.settings import Project
from ..project.telemetry import traced
from ..serving.api import REQUEST_ID, SECURITY, Answer

logger = logging.getLogger(__name__)
SEGMENTS = "segments"
SUFFIX = ".wal"
PATHS = ("/predict", "/predict/batch")
_SECONDS_OF_A_SEGMENT = 3600.0
_SYNC = getattr(os, "fdatasync", os.fsync)


def folder_of(project: Project) -> Path:
    """Where the journal lies: `JOURNAL_DIR` of the environment, or `data/journal`."""
    chosen = project.environment().journal_dir
    return Path(chosen) if chosen else project.root / "data" / "journal"


def recorded(app: ASGIApp, project: Project, params: OperatingParams) -> ASGIApp:
    """The service with its journal around it, as `serving.server` takes it."""
    return Recorder(app, folder_of(project), params.journal)


class Writer:
    """Appends records to this process's own segment files.

    A segment is held by a lock as long as its process writes to it; the lock falls with the
    process, however it ends, and `journal.compact` takes only segments that nobody holds.

    Parameters
    ----------
    folder : Path
        The journal's folder.
    settings : Journal
    """

    def __init__(self, folder: Path, settings: Journal) -> None:
        self._folder = folder / SEGMENTS
        self._most = settings.max_pending
        self._bytes = int(settings.segment_mb * 2**20)
        self._handle = -1
        self._size = 0
        self._opened = 0.0
        self._path = self._folder
        # The event loop writes, another thread syncs: each changes its own of these.
        self._written = self._synced = 0
        self._finished: list[int] = []  # segments that are to be synced and closed
        self._is_unsound = self._is_new = False
        self._waiting: list[asyncio.Future[OSError | None]] = []
        atexit.register(self.sync)
        if settings.sync_seconds:
            work = threading.Thread(
                target=self._work, args=(settings.sync_seconds,), name="journal", daemon=True
            )
            work.start()

    @property
    def is_full(self) -> bool:
        """Whether the disk is so far behind that no further record should be made."""
        return self._written - self._synced >= self._most

    def write(self, record: bytes) -> None:
        """Hand a line over to the system; called in the event loop.

        Raises
        ------
        OSError
            If it cannot be written; the next goes to a new segment.
        """
        full = self._size and self._size + len(record) > self._bytes
        old = time.monotonic() - self._opened > _SECONDS_OF_A_SEGMENT
        if self._handle < 0 or full or old or self._is_unsound:
            self._next_segment()
        try:
            done = os.write(self._handle, record)
            while done < len(record):
                done += os.write(self._handle, record[done:])
        except OSError:
            # The next file is new, and this one is left as it is if it holds what was acknowledged.
            self._finish()
            if not self._size:
                with contextlib.suppress(OSError):
                    self._path.unlink()
            raise
        self._size += len(record)
        self._written += 1

    async def synced(self) -> OSError | None:
        """Wait until all that was written so far is on the disk; those who wait share one sync."""
        done: asyncio.Future[OSError | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._sync_waiting)
        return await done

    def _sync_waiting(self) -> None:
        async def share() -> None:
            while self._waiting:
                taken = self._waiting[:]
                problem = await asyncio.to_thread(self.sync)
                # They are counted as waiting until now, so that one task at a time works.
                del self._waiting[: len(taken)]
                for each in taken:
                    if not each.done():  # its caller may have gone
                        each.set_result(problem)

        self._sharing = asyncio.get_running_loop().create_task(share())

    def sync(self) -> OSError | None:
        """Put on the disk what was written; what comes back says why it is not."""
        written, handle = self._written, self._handle
        try:
            if self._is_new:
                self._is_new = False
                sync_folder(self._folder)  # or the file's name could be lost with the power
            while self._finished:
                _synced_and_closed(self._finished.pop())
            if handle >= 0 and written > self._synced:
                _SYNC(handle)
        except OSError as error:
            lost = written - self._synced
            logger.error("journal: %d records may not survive a power cut: %s", lost, error)
            self._is_unsound, self._synced = True, written
            return error
        self._synced = written
        return None

    def _work(self, seconds: float) -> None:
        while True:
            time.sleep(seconds)
            self.sync()

    def _next_segment(self) -> None:
        self._finish()
        self._folder.mkdir(parents=True, exist_ok=True)
        # A clock may go back, and a container's process has the number of the one before it.
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
        self._path = self._folder / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        handle = os.open(self._path, flags, 0o644)
        hold(handle)
        self._size, self._opened, self._is_unsound = 0, time.monotonic(), False
        self._handle, self._is_new = handle, True

    def _finish(self) -> None:
        if self._handle >= 0:
            self._finished.append(self._handle)  # the syncing thread may be at work on it
            self._handle = -1


def _synced_and_closed(handle: int) -> None:
    try:
        _SYNC(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make names of files durable, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def line_of(request_id: str, path: str, milliseconds: float, asked: bytes, answer: bytes) -> bytes:
    """One record: checksum, then JSON that holds request and answer as they went over the wire.

    A line break inside valid JSON stands between tokens, so a space may take its place; an answer has none.
    Neither an id nor a
    path of `PATHS` has a character that JSON would escape.
    """
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    head = f'{{"id": "{request_id}", "at": "{at}", "path": "{path}", "ms": {milliseconds:.3f}'
    if b"\n" in asked or b"\r" in asked:
        asked = asked.replace(b"\r", b" ").replace(b"\n", b" ")
    content = b'%s, "request": %s, "answer": %s}' % (head.encode(), asked, answer)
    return b"%08x %s\n" % (zlib.crc32(content), content)


class Recorder:
    """ASGI middleware: an answered prediction is in the journal before its answer is sent.

    Parameters
    ----------
    app : ASGI application
        Its answers carry `X-Request-ID`.
    folder : Path
        The journal's folder.
    settings : Journal
        With `required`, a prediction that cannot be written is refused (503) and not answered.
    """

    def __init__(self, app: ASGIApp, folder: Path, settings: Journal) -> None:
        self.app = app
        self.required, self._waits = settings.required, settings.sync_seconds == 0
        self.writer = Writer(folder, settings)
        self._write = traced("journal", self.writer.write)
        self._failing = False
        self._direct: Any = getattr(app, "direct", None)
        # Where each answer waits for the disk, none is given in one call.
        self.direct = self._recorded if self._direct and not self._waits else None

    def _recorded(self, scope: Scope, content: bytes) -> Answer | None:
        """Answer in one call if the application does (see `Front.direct`), and write that down."""
        if scope["path"] not in PATHS or (self.required and self.writer.is_full):
            return None
        started = time.perf_counter()
        answer = self._direct(scope, content)
        if answer is None or answer.status != 200:
            return answer
        spent = 1000 * (time.perf_counter() - started)
        name = answer.name.decode()
        record = line_of(name, scope["path"], spent, content, answer.content)
        if self._is_written(record) or not self.required:
            return answer
        return Answer(503, answer.name, _body("The prediction could not be written down."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; hold the answer back until it is written down."""
        if scope["type"] != "http" or scope["path"] not in PATHS or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        if self.required and self.writer.is_full:
            await _refuse(send, (), "The journal of predictions is behind. Try again soon.")
            return
        started = time.perf_counter()
        asked: list[bytes] = []
        answer: list[bytes] = []
        held: Message | None = None

        async def reading() -> Message:
            message = await receive()
            asked.append(message.get("body", b""))
            return message

        async def holding(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and message["status"] == 200:
                held = message
                return
            if held is None:
                await send(message)
                return
            answer.append(message.get("body", b""))
            if message.get("more_body"):
                return
            spent, told = 1000 * (time.perf_counter() - started), b"".join(answer)
            name = next(value for header, value in held["headers"] if header == REQUEST_ID)
            record = line_of(name.decode(), scope["path"], spent, b"".join(asked), told)
            if not await self._written(record):
                # Named as the answer would have been: somebody may ask what became of it.
                headers = ((REQUEST_ID, name),)
                await _refuse(send, headers, "The prediction could not be written down.")
                return
            await send(held)
            await send({"type": "http.response.body", "body": told})

        await self.app(scope, reading, holding)

    async def _written(self, record: bytes) -> bool:
        """Whether the answer may be sent: its record is written, or need not be."""
        if self._is_written(record) and self._waits:
            return await self.writer.synced() is None or not self.required
        return not self._failing or not self.required

    def _is_written(self, record: bytes) -> bool:
        try:
            if self.writer.is_full:
                raise OSError("the disk is behind")
            self._write(record)
        except OSError as error:
            if not self._failing:
                logger.error("journal: predictions are not written down: %s", error)
            self._failing = True
            return False
        if self._failing:
            logger.warning("journal: predictions are written down again")
            self._failing = False
        return True


async def _refuse(send: Send, headers: Iterable[tuple[bytes, bytes]], sentence: str) -> None:
    body = _body(sentence)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"1"),
        *headers,
        *SECURITY,
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _body(sentence: str) -> bytes:
    return json.dumps({"detail": sentence}).encode()
