"""Stops are not lost: thousands leave at once, connections are short, Dify
does not answer, the worker ends."""

import signal
import time

import pytest

import client
import dify_events
from fake_dify import CUT, RESET, Reply, error
from test_stop import leave_early, long_answer

SHORT = r'worker_connections are not enough'
LOST = 'runs of clients that have left could not be stopped'


def endless(ask):
    return [(0.0, ask.ids.message('word ')), (60.0, b'')]


def stops_of(site, run):
    return [s for s in site.dify.stops if run.ids.task in s.path]


def leave_all(opened, hows=('fin', 'rst')):
    for number, connection in enumerate(opened):
        connection.leave(hows[number % len(hows)])


@pytest.mark.parametrize('workers', [1, 2])
def test_many_leave_at_once(bare_site, workers):
    """More than are stopped at a time."""
    site = bare_site.start(workers=workers, connections=4096)
    site.app('chat-bot').script = endless
    opened = [site.open(timeout=60) for _ in range(400)]
    for connection in opened:
        connection.head()
        connection.until(b'word ')
    leave_all(opened)
    site.dify.wait(lambda: len(site.dify.stops) == 400, 30)
    assert {s.path.split('/')[3] for s in site.dify.stops} == {
        r.ids.task for r in site.dify.runs}
    site.nginx.settle(15)
    assert len(site.dify.stops) == 400


@pytest.mark.parametrize('connections', [40, 64, 90])
def test_connections_are_short(bare_site, connections):
    """Every run that began is stopped, though nothing is free when its client
    leaves."""
    bare_site.nginx.allowed.append(SHORT)
    site = bare_site.start(connections=connections,
                           location='opendify_drain 1s;')
    site.app('chat-bot').script = endless
    opened = []
    for _ in range(connections):
        try:
            connection = site.open(timeout=5)
            connection.head()
            if connection.response.status == 200:
                connection.until(b'word ')
            opened.append(connection)
        except (OSError, client.Closed):
            break
    begun = [run for run in site.dify.runs if run.ids]
    assert len(begun) > connections // 5
    leave_all(opened)
    site.dify.wait(lambda: len(site.dify.stops) >= len(begun), 15)
    assert {s.path.split('/')[3] for s in site.dify.stops} == {
        r.ids.task for r in begun}
    assert LOST not in site.nginx.log()
    site.nginx.settle()
    site.app('chat-bot').script = None
    assert site.stream().text


@pytest.mark.parametrize('reply', [
    error('internal_server_error', 500, 'Sorry.'),
    error('unavailable', 503, 'Later.'),
    error('too_many_requests', 429, 'Slow down.'),
    Reply([(0.0, CUT)], framing='raw'), Reply([(0.0, RESET)], framing='raw')])
def test_a_stop_is_tried_again(site, reply):
    """Not at once."""
    calls = []

    def script(call):
        calls.append(time.monotonic())
        return reply if len(calls) < 3 else None

    site.dify.stop_script = script
    site.app('chat-bot').script = endless
    with site.open() as connection:
        connection.head()
        connection.until(b'word ')
        run = site.dify.runs[0]
        connection.leave('rst')
    site.dify.wait(lambda: len(calls) == 3, 15)
    assert calls[1] - calls[0] > 0.4 and calls[2] - calls[1] > 0.8
    site.nginx.settle()
    assert len(stops_of(site, run)) == 3


def test_a_stop_that_is_not_answered_is_tried_again(site):
    site.dify.stop_script = lambda call: (
        Reply([(20.0, b'')]) if len(site.dify.stops) < 2 else None)
    leave_early(site, 'chat-bot', 'fin')
    site.dify.wait(lambda: len(site.dify.stops) == 2, 15)


@pytest.mark.parametrize('status', [400, 401, 403, 404])
def test_a_stop_that_is_refused_is_not_repeated(bare_site, status):
    site = bare_site.start(location='opendify_drain 300ms;')
    site.dify.stop_script = error('not_found', status, 'No such task.')
    leave_early(site, 'chat-bot', 'rst')
    site.dify.wait(lambda: site.dify.stops)
    site.nginx.settle()
    time.sleep(1.0)  # it would be repeated after a half
    assert len(site.dify.stops) == 1


def test_a_run_that_has_ended_is_not_stopped_again(site):
    site.dify.stop_script = error('internal_server_error', 500, 'Sorry.')
    site.app('chat-bot').script = lambda ask: (
        lambda steps: steps[:1] + [(0.4, steps[1][1])] + steps[2:])(
            dify_events.stream('chat', ask.ids, ['word ', 'end']))
    with site.open() as connection:
        connection.head()
        connection.until(b'word ')
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.stops)
    site.dify.wait(lambda: site.dify.runs[0].state == 'complete')
    site.nginx.settle()
    time.sleep(1.0)
    assert len(site.dify.stops) == 1
    assert LOST not in site.nginx.log()


def test_it_is_said_once_that_stops_were_lost(bare_site):
    """After some attempts."""
    site = bare_site.start(location='opendify_drain 200ms;')
    site.dify.stop_script = error('internal_server_error', 500, 'Sorry.')
    site.app('chat-bot').script = endless
    opened = [site.open() for _ in range(30)]
    for connection in opened:
        connection.head()
        connection.until(b'word ')
    leave_all(opened)
    site.dify.wait(lambda: LOST in site.nginx.log(), 15)
    time.sleep(1.2)
    assert site.nginx.log().count(LOST) == 1
    assert f'30 {LOST}' in site.nginx.log()
    assert len(site.dify.stops) == 4 * 30


@pytest.mark.parametrize('how', ['quit', 'reload', 'timeout'])
def test_a_worker_that_ends_sends_what_waits(bare_site, how):
    site = bare_site.start(main='worker_shutdown_timeout 300ms;'
                           if how == 'timeout' else '')
    site.dify.stop_script = lambda call: (
        error('unavailable', 503, 'Later.')
        if len(stops_of(site, run)) < 2 else None)
    site.app('chat-bot').script = long_answer
    with site.open() as connection:
        connection.head()
        connection.until(b'w3 ')
        run = site.dify.runs[0]
        if how == 'timeout':
            site.nginx.process.send_signal(signal.SIGQUIT)
            site.dify.wait(lambda: site.dify.stops)
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.stops)
    if how == 'quit':
        site.nginx.process.send_signal(signal.SIGQUIT)
    elif how == 'reload':
        site.nginx.reload()
    site.dify.wait(lambda: len(stops_of(site, run)) == 2, 10)
    if how != 'reload':
        assert site.nginx.process.wait(20) == 0


def test_others_are_served_while_stops_wait(bare_site):
    """A Dify that does not answer stops holds nobody else up."""
    site = bare_site.start(connections=4096)
    site.dify.stop_script = lambda call: Reply([(1.0, b'{}')], 200,
                                               'application/json',
                                               framing='length')
    site.app('chat-bot').script = endless
    opened = [site.open(timeout=60) for _ in range(200)]
    for connection in opened:
        connection.head()
        connection.until(b'word ')
    site.app('chat-bot').script = None
    leave_all(opened)
    began = time.monotonic()
    for _ in range(10):
        assert site.stream().text
    assert time.monotonic() - began < 5
    site.dify.wait(lambda: len(site.dify.stops) == 200, 30)
