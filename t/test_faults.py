"""Each memory allocation of a turn fails once: the client gets an error or a
closed connection, and nothing goes on behind its back."""

import mmap
import os
import struct
import subprocess
import time
from pathlib import Path

import pytest

import client
import dify_events
import nginx
from conftest import MODELS
from test_conversations import TEXT

SOURCE = Path(__file__).parent / 'faults' / 'fail_new.cpp'
MOST = 1500  # allocations of a turn

pytestmark = pytest.mark.skipif(
    nginx.sanitized(), reason='a sanitizer brings its own operator new')


class Faults:
    """Counts down in the worker."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.library = folder / 'fail_new.so'
        subprocess.run(['c++', '-shared', '-fPIC', '-O1', '-o', self.library,
                        SOURCE], check=True)
        path = folder / 'left'
        path.write_bytes(bytes(8))
        self.file = open(path, 'r+b')
        self.left = mmap.mmap(self.file.fileno(), 8)
        self.env = {'LD_PRELOAD': str(self.library),
                    'OPENDIFY_FAIL_NEW': str(path)}

    def arm(self, number):
        self.left[:] = struct.pack('q', number)

    def disarm(self):
        """Whether it came to the failure."""
        (left,) = struct.unpack('q', self.left[:])
        self.arm(0)
        return left <= 0


@pytest.fixture
def faulty(bare_site, tmp_path):
    bare_site.faults = Faults(tmp_path / 'faults')
    bare_site.nginx.allowed.append('opendify: out of memory')
    start = bare_site.nginx.start

    def preloaded():
        before = dict(os.environ)
        os.environ.update(bare_site.faults.env)
        try:
            start()
        finally:
            os.environ.clear()
            os.environ.update(before)

    bare_site.nginx.start = preloaded
    yield bare_site
    bare_site.faults.arm(0)


def each_allocation(site, turn):
    """Plays the turn until none of its allocations fails any more."""
    site.stream()  # what a worker allocates once
    workers = site.nginx.workers()
    failed = 0
    for number in range(1, MOST):
        site.faults.arm(number)
        turn()
        if not site.faults.disarm():
            break
        failed += 1
    assert 20 < failed < MOST - 2, failed
    assert site.nginx.workers() == workers
    site.nginx.settle()
    return failed


def judge(connection):
    """What comes is well-formed, or the connection is closed; after the
    answer nothing comes."""
    try:
        response = connection.head()
        connection.rest()
    except (OSError, client.Closed):
        return None
    if response.status != 200:
        assert client.check_error_body(response)['message']
    elif response.header('content-type').startswith('text/event-stream'):
        answer = client.check_stream(response)
        assert answer.error or answer.text == TEXT
    else:
        assert client.check_reply(response).text == TEXT
    connection.sock.settimeout(0.001)
    try:
        assert connection.sock.recv(100) == b''
    except OSError:
        pass
    return response


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', MODELS)
def test_a_turn(faulty, model, stream):
    site = faulty.start()
    messages = [{'role': 'system', 'content': 'Be kind.'},
                {'role': 'user', 'content': 'CANARY one'},
                {'role': 'assistant', 'content': 'An old answer.'},
                {'role': 'user', 'content': 'CANARY two'}]

    def turn():
        with site.open(model, stream, messages=messages) as connection:
            judge(connection)

    each_allocation(site, turn)
    assert site.stream(model).text == TEXT


def test_nothing_is_said_after_the_error(faulty):
    """The request lingers: a timer that was left would write to it."""
    site = faulty.start(location='opendify_keepalive 20ms;'
                                 'lingering_close always;'
                                 'lingering_time 300ms;'
                                 'lingering_timeout 100ms;'
                                 'keepalive_timeout 0;')

    def turn():
        with site.open(messages=[{'role': 'user',
                                  'content': 'CANARY'}]) as connection:
            response = judge(connection)
            if response and response.status == 500:
                connection.sock.settimeout(0.06)
                try:
                    assert connection.sock.recv(100) == b''
                except TimeoutError:
                    pass

    each_allocation(site, turn)


@pytest.mark.parametrize('location', ['', 'opendify_memory chat;'])
def test_a_client_that_leaves(faulty, location):
    site = faulty.start(location='opendify_drain 100ms;' + location)
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['word ']) if 'quick' in ask.query else [
            (0.0, ask.ids.message('word ')), (5.0, b'')]

    def turn():
        with site.open(user=f'u{time.monotonic()}') as connection:
            try:
                connection.head()
                connection.until(b'word ')
                run = site.dify.runs[-1]
            except (OSError, client.Closed, AssertionError):
                return
            connection.leave('rst')
        site.dify.wait(lambda: run.finished)
        site.dify.calls.clear()

    site.stream = lambda: client.check_stream(site.ask(question='quick'))
    each_allocation(site, turn)
    answered = site.ask(question='CANARY quick')
    assert client.check_stream(answered).text == 'word '
