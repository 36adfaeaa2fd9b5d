"""opendify_memory chat: one turn at a time, whoever answers it."""

import os
import signal
import threading
import time

import pytest

import client
import dify_events
from conftest import MODELS
from nginx_family import helper, wait_for
from test_conversations import conversation

MEMORY = 'opendify_memory chat;'


def slow(gap_s, pieces=('one ', 'two ', 'three ')):
    def play(ask):
        # Only the first is slow.
        slowly = 'slow' in ask.query
        return dify_events.stream(ask.app.mode, ask.ids, list(pieces),
                                  gap_s if slowly else 0.0)
    return play


def say(site, text, model='chat-bot', **more):
    return site.open(model, question=f'CANARY {text}',
                     **{'user': 'u', **more})


def finish(connection):
    connection.head()
    return client.check_stream(connection.rest())


@pytest.mark.parametrize('workers', [1, 4])
@pytest.mark.parametrize('known', [False, True])
@pytest.mark.parametrize('model', MODELS)
def test_a_second_message_waits_for_the_first(bare_site, model, known,
                                              workers):
    """And goes on with its conversation."""
    site = bare_site.start(location=MEMORY, workers=workers)
    site.app(model).script = slow(0.3)
    if known:
        with say(site, 'before', model) as connection:
            finish(connection)
    with say(site, 'slow', model) as one:
        site.dify.wait(lambda: any('slow' in (r.json or {}).get('query', '')
                                   for r in site.dify.runs))
        first = site.dify.runs[-1]
        others = [say(site, f'later {i}', model) for i in range(3)]
        time.sleep(0.2)
        assert site.dify.runs[-1] is first
        assert finish(one).finish == 'stop'
        for other in others:
            assert finish(other).finish == 'stop'
            other.sock.close()
    runs = site.dify.runs[1 if known else 0:]
    assert {conversation(run) for run in runs[1:]} == {
        first.ids.conversation}
    for before, after in zip(runs, runs[1:]):
        assert before.state == 'complete'
        assert after.began >= before.finished - 0.05
    assert len(site.dify.conversations) == 1


def test_others_do_not_wait(bare_site):
    site = bare_site.start(location=MEMORY)
    site.app('chat-bot').script = slow(0.5)
    with say(site, 'slow') as one:
        site.dify.wait(lambda: site.dify.runs)
        for who in (dict(user='v'),
                    dict(headers=[('X-Session-Id', 's')]),
                    dict(messages=[
                        {'role': 'system', 'content': 'You are Bob.'},
                        {'role': 'user', 'content': 'CANARY hello'}])):
            with say(site, 'hello', **who) as other:
                finish(other)
        assert site.dify.runs[0].state == 'running'
        finish(one)


def test_pings_while_it_waits(bare_site):
    site = bare_site.start(location=MEMORY + 'opendify_keepalive 100ms;')
    site.app('chat-bot').script = slow(0.4)
    with say(site, 'slow') as one:
        site.dify.wait(lambda: site.dify.runs)
        with say(site, 'next') as two:
            two.head()
            two.until(b': ping')
            assert len(site.dify.runs) == 1
            answer = client.check_stream(two.rest())
        assert answer.pings > 2 and answer.finish == 'stop'
        finish(one)


@pytest.mark.parametrize('how', ['rst', 'fin'])
@pytest.mark.parametrize('model', MODELS)
def test_the_first_is_stopped(bare_site, model, how):
    """The second goes on with what Dify has by then."""
    site = bare_site.start(location=MEMORY)
    site.dify.stop_delay_s = 0.3
    site.app(model).script = slow(0.3, [f'w{i} ' for i in range(100)])
    with say(site, 'slow', model) as one:
        one.head()
        one.until(b'w1 ')
        with say(site, 'next', model) as two:
            one.leave(how)
            assert finish(two).finish == 'stop'
    first, second = site.dify.runs
    assert first.stopped and second.began >= first.finished - 0.05
    assert conversation(second) == first.ids.conversation


def test_the_first_fails(bare_site):
    site = bare_site.start(location=MEMORY)
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, [], pause_s=0.5) if 'slow' in ask.query \
        else dify_events.stream('chat', ask.ids)
    with say(site, 'slow') as one:
        site.dify.wait(lambda: site.dify.runs)
        with say(site, 'next') as two:
            assert one.head().status == 400
            assert finish(two).finish == 'stop'


def test_who_waits_may_leave(bare_site):
    site = bare_site.start(location=MEMORY)
    site.app('chat-bot').script = slow(0.3)
    with say(site, 'slow') as one:
        site.dify.wait(lambda: site.dify.runs)
        with say(site, 'impatient') as two:
            time.sleep(0.1)
            two.leave('rst')
        with say(site, 'patient') as three:
            finish(one)
            finish(three)
    assert [run.json['query'] for run in site.dify.runs] == [
        'CANARY slow', 'CANARY patient']


def test_its_worker_dies(bare_site):
    """The chat is free again after some seconds."""
    site = bare_site.start(location=MEMORY, workers=2)
    site.nginx.allowed += [r'exited on signal 9', 'was locked by']
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['word '], 0.0)[:1] + [(60.0, b'')] \
        if 'slow' in ask.query else dify_events.stream('chat', ask.ids)
    with say(site, 'slow') as one:
        one.head()
        one.until(b'word ')
        for pid in site.nginx.workers():
            if pid != helper(site.nginx):
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda pid=pid: pid not in site.nginx.workers(),
                         'the end of a worker')
    began = time.monotonic()
    with say(site, 'next') as two:
        finish(two)
    assert 2 < time.monotonic() - began < 10
    site.nginx.stop()  # what it counts is wrong by now


def test_longer_than_a_hold_lasts(bare_site):
    """The turn renews it."""
    site = bare_site.start(location=MEMORY)
    site.app('chat-bot').script = slow(2.0)
    with say(site, 'slow') as one:
        site.dify.wait(lambda: site.dify.runs)
        answers = []
        with say(site, 'next') as two:
            thread = threading.Thread(
                target=lambda: answers.append(finish(two)))
            thread.start()
            finish(one)
            thread.join()
    first, second = site.dify.runs
    assert first.finished - first.began > 5.5
    assert second.began >= first.finished - 0.05
    assert conversation(second) == first.ids.conversation
