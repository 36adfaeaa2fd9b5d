"""Each memory allocation of a turn fails once: the client gets an error or a
closed connection, and nothing goes on behind its back."""

import time

import pytest

import client
import dify_events
from conftest import MODELS
from faulty import FailNew, needs_preload
from test_conversations import TEXT

MOST = 1500  # allocations of a turn

pytestmark = needs_preload


@pytest.fixture
def faulty(bare_site):
    bare_site.faults = FailNew(bare_site.nginx)
    bare_site.nginx.allowed.append('opendify: out of memory')
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
