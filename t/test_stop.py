"""The client leaves: Dify's stop is called once and the rest is read."""

import signal
import threading
import time

import pytest

import client
import dify_events
from conftest import MODELS, QUESTION
from fake_dify import CUT, Reply, error
from test_conversations import Chat, conversation


def long_answer(ask):
    return dify_events.stream(ask.app.mode, ask.ids,
                              [f'w{i} ' for i in range(400)], 0.02)


def leave_early(site, model, how, stream=True, after=b'w3 ', **more):
    site.app(model).script = long_answer
    with site.open(model, stream, **more) as connection:
        if stream:
            connection.head()
            connection.until(after)
        else:
            site.dify.wait(lambda: site.dify.runs
                           and 'w3 ' in site.dify.runs[-1].text)
        connection.leave(how)
        if how == 'half':
            time.sleep(0.3)
    return site.dify.runs[-1]


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('how', ['fin', 'rst', 'half'])
@pytest.mark.parametrize('model', MODELS)
def test_stopped_once_and_read_to_its_end(site, model, how, stream):
    site.dify.stop_delay_s = 0.3
    run = leave_early(site, model, how, stream, user='u-stop')
    site.dify.wait(lambda: run.state != 'running')
    assert run.state == 'complete' and run.stopped
    (stop,) = site.dify.stops
    assert stop.path == f'/v1/chat-messages/{run.ids.task}/stop'
    assert stop.method == 'POST' and stop.json == {'user': 'u-stop'}
    assert stop.key == run.key
    site.nginx.settle()
    assert len(site.dify.stops) == 1


@pytest.mark.parametrize('user', ['x' * 300, None])
def test_the_stop_has_the_user_of_the_run(site, user):
    run = leave_early(site, 'chat-bot', 'rst', **(
        {'user': user} if user else {}))
    site.dify.wait(lambda: run.state == 'complete')
    assert site.dify.stops[0].json['user'] == run.json['user']


def test_a_stop_that_dify_ignores(bare_site):
    site = bare_site.start(location='opendify_drain 500ms;')
    site.dify.ignore_stop = True
    run = leave_early(site, 'chat-bot', 'fin')
    left = time.monotonic()
    site.dify.wait(lambda: run.state == 'client_closed')
    assert 0.3 < time.monotonic() - left < 1.5
    assert len(site.dify.stops) == 1


@pytest.mark.parametrize('reply', [
    'silent', 'closed', 'refused'])
def test_a_stop_that_fails(bare_site, reply):
    site = bare_site.start(location='opendify_drain 500ms;')
    site.dify.stop_script = {
        'silent': Reply([(20.0, b'')]),
        'closed': Reply([(0.0, CUT)], framing='raw'),
        'refused': error('not_chat_app', 400, 'No.')}[reply]
    run = leave_early(site, 'chat-bot', 'rst')
    site.dify.wait(lambda: run.state == 'client_closed')
    site.nginx.settle()


@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_leaving_before_a_task_is_known(site, model):
    """Nothing to stop: closed."""
    site.app(model).script = lambda ask: (
        [(0.0, dify_events.PING)] if model == 'flow-bot' else []) + [
            (30.0, b'')]
    with site.open(model) as connection:
        site.dify.wait(lambda: site.dify.runs)
        connection.leave('fin')
    site.dify.wait(lambda: site.dify.runs[0].state == 'client_closed')
    assert not site.dify.stops


def test_leaving_while_info_is_asked(site):
    site.app('chat-bot').info = Reply([(5.0, b'{}')], 200,
                                      'application/json', framing='length')
    with site.open() as connection:
        site.dify.wait(lambda: site.dify.find('/info'))
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.calls[0].state == 'client_closed')
    assert not site.dify.runs and not site.dify.stops


@pytest.mark.parametrize('model', MODELS)
def test_leaving_after_the_end_is_no_stop(site, model):
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids) + [(0.6, b'')]
    with site.open(model) as connection:
        connection.head()
        connection.rest()
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.runs[0].state == 'complete')
    assert not site.dify.stops


@pytest.mark.parametrize('how', ['fin', 'rst'])
def test_leaving_in_a_flood(site, how):
    """That it has left is seen in a write as well as in a read."""
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['z' * 100] * 3000)[:-1] + [(30.0, b'')]
    for _ in range(20):
        with site.open() as connection:
            connection.head()
            connection.until(b'zzz')
            connection.leave(how)
        run = site.dify.runs[-1]
        site.dify.wait(lambda run=run: run.finished)
        assert run.stopped


def test_leaving_over_http_2(site):
    site.app('chat-bot').script = long_answer
    with pytest.raises(AssertionError):
        client.ask_h2(site.h2_port, 'POST', '/v1/chat/completions',
                      site.body(), timeout=0.5)
    run = site.dify.runs[0]
    site.dify.wait(lambda: run.state == 'complete')
    assert run.stopped and len(site.dify.stops) == 1


def test_a_stalled_reader_that_leaves(site):
    """The upstream was paused for it; it still is read to its end."""
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['z' * 8000] * 2000, 0.001)
    with site.open(receive_buffer=4096) as connection:
        connection.head()
        connection.until(b'zzz')
        time.sleep(1.0)
        run = site.dify.runs[0]
        assert run.state == 'running'
        connection.leave('rst')
    site.dify.wait(lambda: run.state == 'complete')
    assert run.stopped and len(site.dify.stops) == 1


@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'flow-bot'])
def test_what_the_user_saw_is_remembered(site, model):
    run = leave_early(site, model, 'fin')
    site.dify.wait(lambda: run.finished)
    ((query, answer),) = site.dify.conversations[
        run.ids.conversation]['history']
    assert query == QUESTION and answer.startswith('w0 w1 w2 w3 ')


@pytest.mark.parametrize('wait', [False, True])
def test_the_next_turn_after_a_stop(site, wait):
    """Its history is the text that went out; it waits for the read-on."""
    site.dify.stop_delay_s = 0.4
    site.app('chat-bot').script = long_answer
    with site.open() as connection:
        connection.head()
        connection.until(b'w3 ')
        time.sleep(0.1)
        # No more is sent while the last bytes are taken from the socket.
        run = site.dify.runs[0]
        raw = connection.come().body
        connection.leave('rst')
    seen = ''.join(part.split('"')[0] for part in
                   raw.decode().split('"content":"')[2:])
    if wait:
        site.dify.wait(lambda: run.finished)
    site.app('chat-bot').script = None
    chat = Chat(site)
    chat.messages = site.body()['messages'] + [
        {'role': 'assistant', 'content': seen}]
    began = time.monotonic()
    second = chat.say('CANARY on')
    assert time.monotonic() - began < 3
    # The last piece may have been under way: then it is replayed.
    if conversation(second) is not None:
        assert conversation(second) == run.ids.conversation
        assert second.started >= run.finished - 0.05
    else:
        assert seen[:20] in second.json['query']


def test_the_next_request_does_not_wait_for_the_drain(site):
    site.app('flow-bot').script = lambda ask: dify_events.stream(
        'advanced-chat', ask.ids) + [(1.5, b'')]
    with client.Connection(site.port) as connection:
        for _ in range(3):
            began = time.monotonic()
            connection.ask('POST', '/v1/chat/completions',
                           site.body('flow-bot'))
            assert time.monotonic() - began < 0.8
    assert not site.dify.stops


def test_a_reload_while_draining(site):
    site.dify.stop_delay_s = 0.8
    run = leave_early(site, 'chat-bot', 'rst')
    site.dify.wait(lambda: site.dify.stops)
    site.nginx.reload()
    site.dify.wait(lambda: run.state == 'complete')
    assert run.stopped


def test_quit_finishes_open_streams(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a', 'b', 'c'], 0.3)
    with site.open() as connection:
        connection.head()
        connection.until(b'"a"')
        site.nginx.process.send_signal(signal.SIGQUIT)
        assert client.check_stream(connection.rest()).text == 'abc'
    assert site.nginx.process.wait(10) == 0


def test_shutdown_timeout_still_stops(bare_site):
    site = bare_site.start(main='worker_shutdown_timeout 300ms;')
    site.app('chat-bot').script = long_answer
    with site.open() as connection:
        connection.head()
        connection.until(b'w3 ')
        site.nginx.process.send_signal(signal.SIGQUIT)
        run = site.dify.runs[0]
        site.dify.wait(lambda: run.state == 'complete')
    assert run.stopped
    assert site.nginx.process.wait(10) == 0


def test_twenty_leave_at_once(bare_site):
    site = bare_site.start(workers=2)
    site.app('chat-bot').script = long_answer
    opened = [site.open() for _ in range(20)]
    for connection in opened:
        connection.head()
        connection.until(b'w2 ')
    threads = [threading.Thread(target=c.leave, args=(how,))
               for c, how in zip(opened, ['fin', 'rst'] * 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    site.dify.wait(lambda: all(r.state == 'complete' for r in site.dify.runs))
    assert len(site.dify.stops) == 20
    assert {s.path.split('/')[3] for s in site.dify.stops} == {
        r.ids.task for r in site.dify.runs}
