"""The fake behaves as the recorded Dify does."""

import json

import pytest

import client
import dify_events
import recordings
from fake_dify import RESET, FakeDify
from fake_http import CUT

KEY = 'app-CANARYfake'
AUTH = [('Authorization', f'Bearer {KEY}')]
BODY = {'query': 'CANARY?', 'inputs': {}, 'user': 'u-1',
        'response_mode': 'streaming'}


def ask(dify, path='/v1/chat-messages', method='POST', body=None, auth=AUTH):
    return client.ask(dify.port, method, path,
                      (body or BODY) if method == 'POST' else b'', auth)


def shape(value):
    """Member names and kinds of values; null is any kind."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    return type(value).__name__


# Members whose content is the app author's.
FREE = {'inputs', 'outputs', 'process_data', 'tool_labels',
        'execution_metadata'}


def compatible(ours, theirs, at=''):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if at.rsplit('.', 1)[-1] in FREE:
            return
        assert list(ours) == list(theirs), f'{at}: {ours} {theirs}'
        for name in ours:
            compatible(ours[name], theirs[name], f'{at}.{name}')
    elif ours is not None and theirs is not None:
        assert isinstance(ours, (int, float)) == isinstance(
            theirs, (int, float)), f'{at}: {ours!r} {theirs!r}'


def kinds(frames):
    """Event names in order, runs of the same text event as one."""
    out = []
    for event in frames:
        name = event['event'] if event else 'ping'
        if name not in ('message', 'agent_message') or out[-1:] != [name]:
            out.append(name)
    return out


def parse(steps):
    raw = b''.join(item for _, item in steps)
    return [None if block == b'event: ping' else json.loads(block[6:])
            for block in raw.split(b'\n\n')[:-1]]


def built(mode, name):
    ids = dify_events.Ids(query='q')
    if name == 'failed-text':
        return dify_events.failed(mode, ids, ['a', 'b', 'c'])
    if name == 'failed':
        return dify_events.failed(mode, ids, [])
    return dify_events.stream(mode, ids)


@pytest.mark.parametrize('mode, name, recorded', [
    ('chat', 'answer', 'chat-stream'),
    ('agent-chat', 'answer', 'agent-stream-two-tools-one-step'),
    ('advanced-chat', 'answer', 'chatflow-stream'),
    ('chat', 'failed', 'chat-stream-llm-err500'),
    ('chat', 'failed-text', 'chat-stream-llm-cut'),
    ('advanced-chat', 'failed', 'chatflow-stream-llm-err500'),
    ('advanced-chat', 'failed-text', 'chatflow-stream-llm-cut'),
])
def test_builders_have_the_recorded_shapes(mode, name, recorded):
    theirs = recordings.Recording(recorded).frames()
    ours = parse(built(mode, name))
    assert kinds(ours) == kinds(theirs)
    by_kind = {}
    for event in theirs:
        if event:
            by_kind.setdefault(kind_of(event), event)
    for event in ours:
        if event:
            compatible(event, by_kind[kind_of(event)], event['event'])


def kind_of(event):
    data = event.get('data') or {}
    return event['event'], data.get('node_type'), data.get('status')


def test_the_stopped_ending_has_the_recorded_shape():
    theirs = recordings.Recording('chat-stop').frames()[-1]
    ours = parse(dify_events.stopped('chat', dify_events.Ids(), ''))[-1]
    compatible(ours, theirs)
    assert ours['metadata']['usage']['total_price'] == '0E-7'


@pytest.mark.parametrize('recorded, method, path, body, key', [
    ('chat-info', 'GET', '/v1/info', None, KEY),
    ('err-wrong-key', 'POST', '/v1/chat-messages', BODY, 'app-wrong'),
    ('err-empty-query', 'POST', '/v1/chat-messages',
     {**BODY, 'query': ''}, KEY),
    ('err-user-300-chars', 'POST', '/v1/chat-messages',
     {**BODY, 'user': 'u' * 300}, KEY),
    ('chat-stream-unknown-conversation', 'POST', '/v1/chat-messages',
     {**BODY, 'conversation_id': '0-0'}, KEY),
    ('chat-stream-missing-input', 'POST', '/v1/chat-messages', BODY, KEY),
    ('chat-stop.stop-request', 'POST', '/v1/chat-messages/t/stop',
     {'user': 'u'}, KEY),
    ('conversations-list', 'GET', '/v1/conversations?user=probe', None, KEY),
])
def test_replies_have_the_recorded_shape(dify, recorded, method, path, body,
                                         key):
    theirs = recordings.Recording(recorded)
    dify.app(KEY, inputs=('city',) if 'missing-input' in recorded else ())
    got = ask(dify, path, method, body,
              [('Authorization', f'Bearer {key}')])
    assert got.status == theirs.status
    assert got.header('content-type') == theirs.content_type
    ours, expected = got.json, json.loads(theirs.body)
    assert set(ours) == set(expected)
    for name in ('code', 'status', 'result'):
        assert ours.get(name) == expected.get(name)
    if 'message' in expected and 'inputs' not in expected:
        assert ours['message'][:20] == expected['message'][:20]


def test_a_limit_is_refused_as_recorded(dify):
    theirs = recordings.Recording('chat-limit-second-blocking')
    dify.app(KEY, limit=1, script=[(5.0, b'')])
    with client.Connection(dify.port) as first:
        first.send('POST', '/v1/chat-messages', BODY, AUTH)
        dify.wait(lambda: dify.runs)
        got = ask(dify)
    assert got.status == theirs.status == 400
    assert got.json['message'].startswith('Too many requests')
    assert json.loads(theirs.body)['message'].startswith('Too many requests')


@pytest.mark.parametrize('cut', [None, 'whole', 'bytes', 'random'])
@pytest.mark.parametrize('name', recordings.names(streamed=True))
def test_a_recording_is_replayed_to_the_byte(dify, name, cut):
    recording = recordings.Recording(name)
    dify.cut = cut
    dify.app(KEY, script=lambda ask: recording.reply(200, 0.05))
    with client.Connection(dify.port) as connection:
        connection.send('POST', '/v1/chat-messages', BODY, AUTH)
        response = connection.head()
        if recording.cut:
            with pytest.raises(client.Closed):
                connection.rest()
        else:
            connection.rest()
    assert response.status == recording.status
    assert response.header('content-type') == recording.content_type
    assert response.body == recording.body


@pytest.mark.parametrize('mode', dify_events.MODES)
def test_stop_ends_the_stream_of_its_own_user(dify, mode):
    dify.app(KEY, mode, lambda ask: dify_events.stream(
        mode, ask.ids, ['word '] * 200, 0.02))
    with client.Connection(dify.port) as connection:
        connection.send('POST', '/v1/chat-messages', BODY, AUTH)
        connection.head()
        connection.until(b'word ')
        run = dify.runs[0]
        for user, stopped in (('another', False), ('u-1', True)):
            path = f'/v1/chat-messages/{run.ids.task}/stop'
            assert ask(dify, path, body={'user': user}).status == 200
            assert bool(run.stop_at or run.stopped) == stopped
        raw = connection.rest().body
    last = json.loads(raw.split(b'\n\n')[-2][6:])
    if mode == 'advanced-chat':
        assert last['event'] == 'workflow_finished'
        assert last['data']['status'] == 'stopped'
    else:
        assert last['event'] == 'message_end'
        assert last['metadata']['usage']['total_tokens'] == 0
    dify.wait(lambda: run.state == 'complete')
    assert run.stopped and 0 < run.text.count('word') < 200


@pytest.mark.parametrize('leave, remembered', [(True, ''), (False, 'ab')])
def test_a_conversation_remembers_what_was_read(dify, leave, remembered):
    dify.app(KEY, script=lambda ask: dify_events.stream(
        'chat', ask.ids, ['a', 'b'], 0.1))
    with client.Connection(dify.port) as connection:
        connection.send('POST', '/v1/chat-messages', BODY, AUTH)
        connection.head()
        connection.until(b'"answer":"a"')
        if not leave:
            connection.rest()
    run = dify.runs[0]
    dify.wait(lambda: run.finished)
    assert run.state == ('client_closed' if leave else 'complete')
    found = dify.conversations[run.ids.conversation]
    dify.wait(lambda: found['history'] == [(BODY['query'], remembered)])
    path = '/v1/messages?user={}&conversation_id=' + run.ids.conversation
    assert ask(dify, path.format('u-1'), 'GET').status == 200
    assert ask(dify, path.format('u-2'), 'GET').status == 404


@pytest.mark.parametrize('end, state', [(CUT, 'cut'), (RESET, 'reset')])
def test_an_answer_can_break(dify, end, state):
    dify.app(KEY, script=[(0.0, b'data: x\n\n'), (0.05, end)])
    with client.Connection(dify.port) as connection:
        connection.send('POST', '/v1/chat-messages', BODY, AUTH)
        connection.head()
        with pytest.raises((client.Closed, ConnectionResetError)):
            connection.rest()
    dify.wait(lambda: dify.runs[0].state == state)


def test_a_connection_is_kept_and_dropped_when_idle():
    dify = FakeDify()
    dify.keepalive_s = 0.1
    dify.start()
    try:
        dify.app(KEY)
        with client.Connection(dify.port) as connection:
            for _ in range(3):
                answer = connection.ask('POST', '/v1/chat-messages', BODY,
                                        AUTH)
                assert b'message_end' in answer.body
            with pytest.raises(client.Closed):
                connection.head()
        assert [c.nth for c in dify.runs] == [1, 2, 3]
        assert dify.accepted == 1
    finally:
        dify.close()


def test_a_chatflow_that_hangs_pings_once(dify):
    dify.silence_s = 0.2
    dify.app(KEY, 'advanced-chat')
    got = ask(dify, body={**BODY, 'conversation_id': '0-0'})
    assert got.body == dify_events.PING
    assert got.times[0][0] < 0.15
    dify.wait(lambda: dify.runs[0].state == 'complete')
