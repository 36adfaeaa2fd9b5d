"""HTTP/1.1 over raw sockets for the fake Dify: asyncio in a thread.

What is answered is decided by a subclass; this file cuts, delays, resets and
keeps a record of every request and of what became of its answer.
"""

import asyncio
import json
import random
import re
import socket
import struct
import threading
import time
import traceback
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

CUT = object()    # FIN in the middle of the body
RESET = object()  # RST in the middle of the body

SSE = 'text/event-stream; charset=utf-8'
REASONS = {200: 'OK', 201: 'CREATED', 400: 'BAD REQUEST',
           401: 'UNAUTHORIZED', 403: 'FORBIDDEN', 404: 'NOT FOUND',
           405: 'METHOD NOT ALLOWED', 412: 'PRECONDITION FAILED',
           413: 'REQUEST ENTITY TOO LARGE', 415: 'UNSUPPORTED MEDIA TYPE'}


@dataclass
class Reply:
    steps: list
    status: int = 200
    content_type: str = SSE
    headers: list = field(default_factory=list)
    # chunked, length, close; empty: no body; raw: steps are all
    framing: str = 'chunked'
    eager: bool = False       # the head goes out before the first step


@dataclass
class Call:
    """One request and the fate of its answer."""
    method: str
    path: str
    args: dict
    headers: list
    body: bytes
    connection: int   # number of the connection
    nth: int          # number of the request on it, from 1
    started: float
    key: str = ''
    status: int = 0
    state: str = 'running'  # complete, client_closed, cut, reset, held
    finished: float = 0.0
    stopped: bool = False   # a stop call ended it
    text: str = ''          # answer text sent so far
    ids: object = None
    user: str = ''
    mode: str = ''
    wake: object = None
    stop_at: float = 0.0
    files: list = field(default_factory=list)      # of the run, with 'upload'
    steps: list = field(default_factory=list)      # script of the run
    began: float = 0.0                             # when that script began
    submitted: dict = field(default_factory=dict)  # form token -> body
    forms: list = field(default_factory=list)      # those submitted
    follows: object = None  # the run whose rest this call waits for

    def header(self, name):
        found = [v for k, v in self.headers if k.lower() == name.lower()]
        return found[0] if found else None

    @property
    def json(self):
        return json.loads(self.body)


class Peer:
    """One accepted connection: bytes in, and whether nginx has left."""

    def __init__(self, reader, writer, number):
        self.reader, self.writer, self.number = reader, writer, number
        self.buffer = b''
        self.gone = False
        self.news = asyncio.Event()
        self.wake = None  # of the call being answered
        self.pump = asyncio.ensure_future(self._pump())

    async def _pump(self):
        try:
            while data := await self.reader.read(65536):
                self.buffer += data
                self.news.set()
        except OSError:
            pass
        self.gone = True
        self.news.set()
        if self.wake:
            self.wake.set()

    async def _more(self, timeout):
        if self.gone:
            return False
        self.news.clear()
        try:
            await asyncio.wait_for(self.news.wait(), timeout)
        except asyncio.TimeoutError:
            return False
        return True

    async def request(self, idle_s):
        """(head, body) of the next request, None when there is none."""
        while b'\r\n\r\n' not in self.buffer:
            if not await self._more(idle_s):
                return None
        head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        found = re.search(rb'\r\ncontent-length: *(\d+)', head, re.I)
        length = int(found.group(1)) if found else 0
        while len(self.buffer) < length:
            if not await self._more(30):
                return None
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return head.decode('latin-1'), body

    def reset(self):
        sock = self.writer.get_extra_info('socket')
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack('ii', 1, 0))
        self.writer.transport.abort()


class Server:
    """Subclasses give dispatch(call) -> Reply, sent(call, bytes),
    stopped(call) -> steps and remember(call)."""

    def __init__(self, tls=None, seed=1):
        self.calls = []
        self.faults = []          # tracebacks of our own mistakes
        self.cut = None           # None, 'whole', 'bytes', 'random'
        self.keepalive_s = 2.0
        self.version = '1.13.2'   # in X-Version
        self.more_headers = ()    # of every reply
        self.accepted = 0
        self.port = 0
        self._tls = tls
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError('the fake Dify did not start')
        return self

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)

        async def listen():
            server = await asyncio.start_server(
                self._serve, '127.0.0.1', self.port, ssl=self._tls,
                backlog=1024)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            return server

        server = self._loop.run_until_complete(listen())
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(
            asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader, writer):
        self.accepted += 1
        peer = Peer(reader, writer, self.accepted)
        sock = writer.get_extra_info('socket')
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            nth = 0
            while parsed := await peer.request(self.keepalive_s):
                nth += 1
                call = self._record(peer, nth, *parsed)
                if not await self._answer(peer, call):
                    break
        except (OSError, asyncio.CancelledError):
            pass
        except Exception:  # shown by the fixture, the answer is cut
            self.faults.append(traceback.format_exc())
        finally:
            peer.pump.cancel()
            writer.close()

    def _record(self, peer, nth, head, body):
        lines = head.split('\r\n')
        method, target, _ = lines[0].split(' ', 2)
        url = urlsplit(target)
        headers = [tuple(part.strip() for part in line.split(':', 1))
                   for line in lines[1:]]
        args = {k: v[0] for k, v in parse_qs(
            url.query, keep_blank_values=True).items()}
        call = Call(method, url.path, args, headers, body, peer.number, nth,
                    time.monotonic())
        call.wake = peer.wake = asyncio.Event()
        found = re.match(r'bearer (.*)', call.header('authorization') or '',
                         re.I)
        call.key = found.group(1) if found else ''
        with self._lock:
            self.calls.append(call)
        return call

    async def _answer(self, peer, call):
        reply = self.dispatch(call)
        call.status = reply.status
        try:
            call.state = await self._play(peer, call, reply)
        except OSError:  # reset while we wrote
            call.state = 'client_closed'
        call.finished = time.monotonic()
        self.remember(call)
        return call.state == 'complete' and reply.framing in (
            'chunked', 'length', 'empty')

    # --- how it is sent ----------------------------------------------------

    def _head(self, reply):
        reason = REASONS.get(reply.status, 'STATUS')
        lines = [f'HTTP/1.1 {reply.status} {reason}', 'Server: gunicorn']
        if reply.framing == 'close':
            lines.append('Connection: close')
        else:
            lines.append('Connection: keep-alive')
        if reply.framing == 'chunked':
            lines.append('Transfer-Encoding: chunked')
        elif reply.framing == 'length':
            size = sum(len(b) for _, b in reply.steps if type(b) is bytes)
            lines.append(f'Content-Length: {size}')
        if reply.content_type:
            lines.append(f'Content-Type: {reply.content_type}')
        lines += [f'X-Version: {self.version}', 'X-Env: PRODUCTION']
        lines += [f'{name}: {value}'
                  for name, value in [*reply.headers, *self.more_headers]]
        return ('\r\n'.join(lines) + '\r\n\r\n').encode()

    def _cuts(self, data):
        if self.cut == 'bytes':
            return [data[i:i + 1] for i in range(len(data))]
        if self.cut != 'random':
            return [data]
        out = []
        while data:
            size = self._random.choice((1, 2, 3, 7, 20, 90, 700))
            out.append(data[:size])
            data = data[size:]
        return out

    def _joined(self, steps):
        """Steps without a pause between them as one, when cutting."""
        if self.cut is None:
            return list(steps)
        out = []
        for delay, item in steps:
            if out and delay == 0 and type(item) is bytes \
                    and type(out[-1][1]) is bytes:
                out[-1] = (out[-1][0], out[-1][1] + item)
            else:
                out.append((delay, item))
        return out

    async def _play(self, peer, call, reply):
        head = b'' if reply.framing == 'raw' else self._head(reply)
        if reply.eager:
            await self._send(peer, head, [])
            head = b''
        steps = self._joined(reply.steps)
        while steps:
            delay, item = steps.pop(0)
            outcome = await self._pause(peer, call, delay)
            if outcome == 'gone':
                return 'client_closed'
            if outcome == 'stop':
                call.stopped, call.stop_at = True, 0.0
                steps = self.stopped(call)
                continue
            if item is CUT:
                await self._send(peer, head, [])
                return 'cut'
            if item is RESET:
                await self._send(peer, head, [])
                peer.reset()
                return 'reset'
            self.sent(call, item)
            if item:
                chunked = reply.framing == 'chunked'
                await self._send(peer, head, self._cuts(item), chunked)
                head = b''
        tail = b'0\r\n\r\n' if reply.framing == 'chunked' else b''
        await self._send(peer, head, [tail])
        return 'client_closed' if peer.gone else 'complete'

    async def _pause(self, peer, call, delay):
        deadline = time.monotonic() + delay
        while True:
            now = time.monotonic()
            if peer.gone:
                return 'gone'
            if call.stop_at and now >= call.stop_at:
                return 'stop'
            if now >= deadline:
                return None
            call.wake.clear()
            until = min(deadline, call.stop_at or deadline)
            try:
                await asyncio.wait_for(call.wake.wait(), until - now)
            except asyncio.TimeoutError:
                pass

    async def _send(self, peer, head, pieces, chunked=False):
        wire = head
        for number, piece in enumerate(pieces):
            wire += b'%x\r\n%s\r\n' % (len(piece), piece) if chunked else piece
            if self.cut == 'random' or number % 64 == 63:
                peer.writer.write(wire)
                wire = b''
                await asyncio.sleep(0)
        peer.writer.write(wire)
        await peer.writer.drain()
