"""The prediction journal's writing side: what was answered is on disk before the caller hears of it.

An ASGI layer around the service. Records of all requests that wait are written and synced together
by one thread a process (group commit), so a request pays one sync shared with its neighbours. What a
request costs is mostly the event loop and that thread taking the interpreter from each other, so they
meet twice a group and not more. `journal` reads what is written here.
"""

import asyncio
import contextlib
import json
import logging
import os
import queue
import re
import threading
import time
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..operations.settings import Journal, OperatingParams
from ..project.settings import Project

logger = logging.getLogger(__name__)
SEGMENTS = "segments"
SUFFIX = ".wal"
HEADER = b"x-request-id"
PATHS = ("/predict", "/predict/batch")
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_SECONDS_OF_A_SEGMENT = 3600.0
_RETRY_AFTER = b"1"
_Waiting: TypeAlias = "tuple[bytes, asyncio.Future[OSError | None]]"


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
        self._pending: list[_Waiting] = []  # touched by the event loop only
        self._is_writing = False
        self._groups: queue.SimpleQueue[list[_Waiting]] = queue.SimpleQueue()
        self._handle = -1
        self._size = 0
        self._opened = 0.0
        self._count = 0
        threading.Thread(target=self._work, name="journal", daemon=True).start()

    @property
    def is_full(self) -> bool:
        """Whether the disk is so far behind that no further record should be made."""
        return len(self._pending) >= self._most

    def put(self, record: bytes) -> "asyncio.Future[OSError | None]":
        """Hand a line over; what comes back is done once the line is synced, or says why it is not."""
        loop = asyncio.get_running_loop()
        synced: asyncio.Future[OSError | None] = loop.create_future()
        if not self._pending:
            loop.call_soon(self._hand_over)  # with what else this turn of the loop brings
        self._pending.append((record, synced))
        return synced

    def _hand_over(self) -> None:
        if self._pending and not self._is_writing:
            self._is_writing = True
            self._groups.put(self._pending)
            self._pending = []

    def _settle(self, taken: list[_Waiting], problem: OSError | None) -> None:
        self._is_writing = False
        for _, synced in taken:
            if not synced.done():  # its caller may have gone
                synced.set_result(problem)
        if self._pending:
            asyncio.get_running_loop().call_soon(self._hand_over)

    def _work(self) -> None:
        while True:
            taken = self._groups.get()
            problem: OSError | None = None
            try:
                self._write(b"".join(record for record, _ in taken))
            except OSError as error:
                problem = error
                logger.error("journal: %d records were not written: %s", len(taken), error)
            with contextlib.suppress(RuntimeError):  # the service has ended meanwhile
                taken[0][1].get_loop().call_soon_threadsafe(self._settle, taken, problem)

    def _write(self, content: bytes) -> None:
        full = self._size and self._size + len(content) > self._bytes
        if self._handle < 0 or full or time.monotonic() - self._opened > _SECONDS_OF_A_SEGMENT:
            self._next_segment()
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(self._handle, view) :]
            os.fdatasync(self._handle) if hasattr(os, "fdatasync") else os.fsync(self._handle)
        except OSError:
            # What is on disk of these is unknown: the file is left as it is, the next is new.
            self._close()
            raise
        self._size += len(content)

    def _next_segment(self) -> None:
        self._close()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._count += 1
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}-{self._count}{SUFFIX}"
        path = self._folder / name
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        hold(self._handle)
        sync_folder(self._folder)  # or the file's name could be lost with the power
        self._size, self._opened = 0, time.monotonic()

    def _close(self) -> None:
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = -1


def hold(handle: int) -> bool:
    """Take the lock of a segment, if nobody has it (where the system has no such lock: yes)."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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

    A line break inside valid JSON stands between tokens, so a space may take its place.
    """
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    head = json.dumps({"id": request_id, "at": at, "path": path, "ms": round(milliseconds, 3)})
    parts = (head[:-1].encode(), b', "request": ', asked, b', "answer": ', answer, b"}")
    content = b"".join(parts).replace(b"\r", b" ").replace(b"\n", b" ")
    return b"%08x %s\n" % (zlib.crc32(content), content)


class Recorder:
    """ASGI middleware: an answered prediction is in the journal before its answer is sent.

    Parameters
    ----------
    app : ASGI application
    folder : Path
        The journal's folder.
    settings : Journal
        With `required`, a prediction that cannot be written is refused (503) and not answered.
    """

    def __init__(self, app: ASGIApp, folder: Path, settings: Journal) -> None:
        self.app = app
        self.required = settings.required
        self.writer = Writer(folder, settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; hold the answer back until it is written down."""
        if scope["type"] != "http" or scope["path"] not in PATHS or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        request_id = _id_of(scope)
        if self.required and self.writer.is_full:
            await _refuse(send, request_id, "The journal of predictions is behind. Try again soon.")
            return
        started = time.perf_counter()
        asked, answer = bytearray(), bytearray()
        held: Message | None = None

        async def reading() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def holding(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                headers = [*message["headers"], (HEADER, request_id)]
                message = {**message, "headers": headers}
                if message["status"] == 200:
                    held = message
                    return
            if held is None:
                await send(message)
                return
            answer.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            spent = 1000 * (time.perf_counter() - started)
            record = line_of(request_id.decode(), scope["path"], spent, bytes(asked), bytes(answer))
            if not await self._written(record):
                await _refuse(send, request_id, "The prediction could not be written down.")
                return
            await send(held)
            await send({"type": "http.response.body", "body": bytes(answer)})

        await self.app(scope, reading, holding)

    async def _written(self, record: bytes) -> bool:
        """Whether the answer may be sent: its record is synced, or need not be."""
        if self.writer.is_full:
            logger.error("journal: the disk is behind, a prediction was not written down")
            return not self.required
        return await self.writer.put(record) is None or not self.required


def _id_of(scope: Scope) -> bytes:
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    return given if _ID.fullmatch(given) else os.urandom(16).hex().encode()


async def _refuse(send: Send, request_id: bytes, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", _RETRY_AFTER),
        (HEADER, request_id),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
