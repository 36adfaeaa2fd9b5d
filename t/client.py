"""A client that sees every byte and its time, and a strict reader of
OpenAI's streams.

HTTP/1.1 by hand: a stream can be left with a FIN, an RST or a half-close.
HTTP/2 through curl.
"""

import json
import socket
import struct
import subprocess
import time
from dataclasses import dataclass, field

DONE = 'data: [DONE]'
FINISH = {'stop', 'length', 'tool_calls', 'content_filter', 'function_call'}


@dataclass
class Response:
    status: int
    headers: list
    body: bytes = b''
    times: list = field(default_factory=list)  # (seconds, bytes so far)

    def header(self, name):
        found = [v for k, v in self.headers if k == name.lower()]
        assert len(found) < 2, f'{name} is sent {len(found)} times'
        return found[0] if found else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return check_error_body(self)

    def time_of(self, needle):
        """When the bytes up to `needle` were there; seconds."""
        end = self.body.index(needle) + len(needle)
        return next(t for t, size in self.times if size >= end)


class Closed(Exception):
    """The server closed the connection where it may not."""


class Connection:
    def __init__(self, port, timeout=15.0, receive_buffer=0):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                 receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.connect(('127.0.0.1', port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    # --- sending -----------------------------------------------------------

    def send(self, method, path, body=b'', headers=()):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        names = {k.lower() for k, _ in headers}
        lines = [f'{method} {path} HTTP/1.1', 'Host: opendify.test']
        lines += [f'{k}: {v}' for k, v in headers]
        if body or method == 'POST':
            lines.append(f'Content-Length: {len(body)}')
            if 'content-type' not in names:
                lines.append('Content-Type: application/json')
        head = '\r\n'.join(lines) + '\r\n\r\n'
        self.sock.sendall(head.encode() + body)
        self.started = time.monotonic()

    def leave(self, how):
        """'fin', 'rst' or 'half' (the client still reads)."""
        if how == 'half':
            self.sock.shutdown(socket.SHUT_WR)
            return
        if how == 'rst':
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack('ii', 1, 0))
        self.sock.close()

    # --- receiving ---------------------------------------------------------

    def _fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise Closed(f'after {self.buffer[-80:]!r}')
        self.buffer += data

    def _line(self):
        while b'\r\n' not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b'\r\n', 1)
        return line.decode('latin-1')

    def head(self):
        """Status line and headers; the body is still to be read."""
        status = int(self._line().split(' ', 2)[1])
        headers = []
        while line := self._line():
            name, value = line.split(':', 1)
            headers.append((name.lower(), value.strip()))
        self.response = Response(status, headers)
        self._left = None
        length = self.response.header('content-length')
        if length is not None:
            self._left = int(length)
        self._chunked = self.response.header('transfer-encoding') == 'chunked'
        return self.response

    def _note(self, data):
        self.response.body += data
        self.response.times.append(
            (time.monotonic() - self.started, len(self.response.body)))

    def _take(self, size):
        while size:
            if not self.buffer:
                self._fill()
            data, self.buffer = self.buffer[:size], self.buffer[size:]
            size -= len(data)
            self._note(data)

    def more(self):
        """Reads the next piece of the body; False at its end."""
        if self._chunked:
            size = int(self._line(), 16)
            self._take(size)
            line = self._line()
            while size == 0 and line:  # a trailer
                line = self._line()
            assert line == ''
            return size > 0
        if self._left is not None:
            self._take(self._left)
            self._left = 0
            return False
        try:
            if not self.buffer:
                self._fill()
        except Closed:
            return False
        self._take(len(self.buffer))
        return True

    def until(self, needle):
        """Reads until the body contains `needle`."""
        while needle not in self.response.body:
            assert self.more(), f'{needle!r} not in {self.response.body!r}'
        return self.response

    def come(self):
        """Reads what has come by now."""
        timeout = self.sock.gettimeout()
        self.sock.settimeout(0.001)
        try:
            while self.more():
                pass
        except TimeoutError:
            pass
        self.sock.settimeout(timeout)
        return self.response

    def rest(self):
        if self.response.status not in (204, 304):
            while self.more():
                pass
        return self.response

    def ask(self, method, path, body=b'', headers=()):
        self.send(method, path, body, headers)
        self.head()
        return self.rest()


def ask(port, method, path, body=b'', headers=(), timeout=15.0):
    with Connection(port, timeout) as connection:
        return connection.ask(method, path, body, headers)


def ask_h2(port, method, path, body=None, headers=(), timeout=15.0,
           options=()):
    """The same over HTTP/2 without TLS; `options` are curl's."""
    command = ['curl', '-sS', '-i', '--http2-prior-knowledge', '-N',
               '-X', method, '--max-time', str(timeout), *options]
    for name, value in headers:
        command += ['-H', f'{name}: {value}']
    if body is not None:
        command += ['-H', 'Content-Type: application/json',
                    '--data-binary', '@-']
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    done = subprocess.run(command + [f'http://127.0.0.1:{port}{path}'],
                          input=data or b'', capture_output=True,
                          timeout=timeout + 5, check=False)
    assert done.returncode == 0, done.stderr
    head, _, content = done.stdout.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    pairs = [line.split(':', 1) for line in lines[1:]]
    return Response(int(lines[0].split(' ')[1]),
                    [(k.lower(), v.strip()) for k, v in pairs], content)


# --- the judge of what came back -------------------------------------------

@dataclass
class Answer:
    text: str = ''
    reasoning: str = ''
    finish: str = ''
    usage: dict = None
    error: dict = None
    pings: int = 0
    deltas: int = 0
    id: str = ''
    annotations: list = field(default_factory=list)


def events(raw):
    """The data of each event, None for a ping; strict about framing."""
    text = raw.decode('utf-8')
    assert '\r' not in text, 'a CR in the stream'
    assert text.endswith('\n\n'), f'ends in {text[-40:]!r}'
    out = []
    for block in text[:-2].split('\n\n'):
        if block == ': ping':
            out.append(None)
            continue
        assert block.startswith('data: '), f'unexpected block {block[:80]!r}'
        assert '\n' not in block, f'two lines in {block[:80]!r}'
        out.append(block[6:])
    return out


def check_error_object(error):
    assert list(error) == ['message', 'type', 'param', 'code'], error
    assert isinstance(error['message'], str) and error['message'], error
    assert isinstance(error['type'], str) and error['type'], error
    for name in ('param', 'code'):
        assert error[name] is None or isinstance(error[name], str), error
    return error


def check_error_body(response):
    assert response.status >= 400, response
    kind = response.header('content-type') or ''
    assert kind.startswith('application/json'), response
    assert response.header('x-request-id'), response.headers
    value = json.loads(response.body)
    assert list(value) == ['error'], value
    return check_error_object(value['error'])


def _check_chunk(chunk, answer, model):
    assert chunk['object'] == 'chat.completion.chunk'
    assert type(chunk['created']) is int
    assert 'error' not in chunk
    assert isinstance(chunk['id'], str) and chunk['id']
    assert answer.id in ('', chunk['id']), 'the id changed'
    answer.id = chunk['id']
    assert model in (None, chunk['model'])
    assert isinstance(chunk['choices'], list)


def _check_annotations(message):
    found = message.get('annotations', [])
    out = []
    for one in found:
        assert list(one) == ['type', 'url_citation'], one
        assert one['type'] == 'url_citation'
        cited = one['url_citation']
        assert list(cited) == ['start_index', 'end_index', 'url', 'title']
        assert cited['start_index'] == cited['end_index'] == 0
        assert cited not in out, f'twice: {cited}'
        out.append(cited)
    return [(cited['url'], cited['title']) for cited in out]


def _read_delta(choice, answer, first):
    assert choice['index'] == 0
    delta = choice['delta']
    if first:
        assert delta == {'role': 'assistant', 'content': ''}, delta
    else:
        assert 'role' not in delta, 'a second role'
    answer.text += delta.get('content') or ''
    answer.reasoning += delta.get('reasoning_content') or ''
    if delta.get('content'):
        answer.deltas += 1
    assert not answer.finish, 'a choice after the finish'
    if choice['finish_reason'] is not None:
        assert choice['finish_reason'] in FINISH
        assert not delta.get('content'), 'text in the finish chunk'
        answer.finish = choice['finish_reason']
        answer.annotations = _check_annotations(delta)
    else:
        assert 'annotations' not in delta, 'annotations before the finish'


def read_stream(raw, model=None, include_usage=False):
    """An Answer, after checking every rule of a stream."""
    answer, first = Answer(), True
    blocks = events(raw)
    assert blocks and blocks[-1] == '[DONE]', f'no [DONE]: {raw[-200:]!r}'
    for data in blocks[:-1]:
        if data is None:
            answer.pings += 1
            continue
        assert data != '[DONE]', 'a second [DONE]'
        assert answer.error is None, 'an event after the error'
        if data.startswith('{"error":'):
            assert data.startswith('{"error":{"message":'), data
            answer.error = check_error_object(json.loads(data)['error'])
            continue
        chunk = json.loads(data)
        _check_chunk(chunk, answer, model)
        if not chunk['choices']:
            assert include_usage and answer.usage is None and answer.finish
            answer.usage = chunk['usage']
            continue
        assert not chunk.get('usage'), 'usage beside a choice'
        assert len(chunk['choices']) == 1
        _read_delta(chunk['choices'][0], answer, first)
        first = False
    assert bool(answer.finish) != bool(answer.error), answer
    if answer.finish:
        assert (answer.usage is not None) or not include_usage
    return answer


def check_stream(response, model=None, include_usage=False):
    assert response.status == 200, (response.status, response.body[:300])
    kind = response.header('content-type')
    assert kind == 'text/event-stream; charset=utf-8', kind
    assert response.header('x-request-id')
    assert response.header('cache-control') == 'no-cache'
    assert response.header('x-accel-buffering') == 'no'
    assert response.header('content-encoding') is None
    assert response.header('content-length') is None
    return read_stream(response.body, model, include_usage)


def check_reply(response, model=None):
    """A folded reply as an Answer."""
    assert response.status == 200, (response.status, response.body[:300])
    assert response.header('content-type').startswith('application/json')
    assert response.header('x-request-id')
    reply = response.json
    assert reply['object'] == 'chat.completion'
    assert type(reply['created']) is int
    assert model in (None, reply['model'])
    assert 'error' not in reply
    (choice,) = reply['choices']
    assert choice['index'] == 0
    assert 'logprobs' in choice
    message = choice['message']
    assert message['role'] == 'assistant'
    assert message['refusal'] is None
    assert isinstance(message['content'], str)
    assert choice['finish_reason'] in FINISH
    use = reply.get('usage')
    if use is not None:
        for name in ('prompt_tokens', 'completion_tokens', 'total_tokens'):
            assert type(use[name]) is int
    return Answer(message['content'], message.get('reasoning_content') or '',
                  choice['finish_reason'], use, id=reply['id'],
                  annotations=_check_annotations(message))
