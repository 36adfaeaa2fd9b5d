"""Streamed answers: what the client reads, byte by byte, and when."""

import json
import re
import time

import pytest

import client
import dify_events
import recordings
from conftest import KEYS, MODELS, QUESTION
from fake_dify import CUT, RESET, Reply
from nginx import sanitized

WORDS = [f'w{i} ' for i in range(20)]
TEXT = 'The answer is forty-two.'


@pytest.mark.parametrize('include_usage', [False, True])
@pytest.mark.parametrize('model', MODELS)
def test_a_good_answer(site, cut, model, include_usage):
    answer = site.stream(model, include_usage)
    assert answer.text == TEXT
    assert answer.finish == 'stop' and answer.reasoning == ''
    if include_usage:
        assert answer.usage['total_tokens'] == \
            answer.usage['prompt_tokens'] + answer.usage['completion_tokens']
        assert answer.usage['completion_tokens'] == 6


@pytest.mark.parametrize('model', MODELS)
def test_the_canonical_stream_to_the_byte(site, cut, model):
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, ['Nous ou', 'vrons.'],
        use=dify_events.usage(31, 9))
    response = site.ask(model, stream_options={'include_usage': True})
    answer = client.check_stream(response, model, True)
    head = ('data: {"id":"%s","object":"chat.completion.chunk",' % answer.id)
    created = response.body.decode().split('"created":')[1].split(',')[0]
    head += f'"created":{created},"model":"{model}","choices":['
    blocks = response.body.decode().split('\n\n')
    delta = '{"index":0,"delta":%s,"finish_reason":%s}]}'
    deltas = ['{"content":"Nous ou"}', '{"content":"vrons."}']
    assert blocks[0] == head + delta % (
        '{"role":"assistant","content":""}', 'null')
    # Pieces may leave together, but none is lost or cut.
    if cut == 'frames':
        assert blocks[1:3] in (
            [head + delta % (d, 'null') for d in deltas],
            [head + delta % ('{"content":"Nous ouvrons."}', 'null'),
             head + delta % ('{}', '"stop"')])
    assert blocks[-5:] == [
        blocks[-5], head + delta % ('{}', '"stop"'),
        head + '],"usage":{"prompt_tokens":31,"completion_tokens":9,'
               '"total_tokens":40}}',
        'data: [DONE]', '']


@pytest.mark.parametrize('model', MODELS)
def test_what_dify_is_asked(site, model):
    site.stream(model, user='u-7', inputs={'city': 'Porto', 'n': 3})
    (run,) = site.dify.runs
    assert run.json['query'] == QUESTION
    assert run.json['response_mode'] == 'streaming'
    assert run.json['user'] == 'u-7'
    assert run.json['inputs'] == {'city': 'Porto', 'n': 3}
    assert not run.json.get('conversation_id')
    names = sorted(name.lower() for name, _ in run.headers)
    assert names == ['authorization', 'content-length', 'content-type',
                     'host']
    assert run.header('content-type') == 'application/json'
    assert run.header('authorization') == 'Bearer ' + KEYS[model][0]


def test_nothing_of_the_client_reaches_dify(site):
    site.stream(headers=[('Authorization', 'Bearer sk-CANARYclient'),
                         ('Cookie', 'a=b'), ('Accept-Encoding', 'gzip'),
                         ('X-Api-Key', 'sk-CANARYclient')])
    for call in site.dify.calls:
        assert not {name.lower() for name, _ in call.headers} - {
            'authorization', 'content-length', 'content-type', 'host'}
        assert b'sk-CANARYclient' not in call.body
        assert call.header('authorization') == 'Bearer app-CANARYchat'


def test_pieces_arrive_when_dify_sends_them(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['one', 'two', 'three'], 0.3)
    response = site.ask()
    client.check_stream(response)
    times = [response.time_of(w) for w in (b'one', b'two', b'three')]
    assert times[0] < 0.6
    assert 0.25 < times[1] - times[0] < 0.45
    assert 0.25 < times[2] - times[1] < 0.45


def test_one_frame_of_many_pieces_is_not_stretched(site):
    site.dify.cut = 'whole'
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, WORDS * 100)
    started = time.monotonic()
    answer = site.stream()
    assert answer.text == ''.join(WORDS * 100)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize('model', MODELS)
def test_the_answer_ends_on_the_event(site, model):
    """Dify's body may end a second later, or 300 s later."""
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids) + [(1.0, b'')]
    with site.open(model) as connection:
        connection.head()
        response = connection.rest()
        assert response.times[-1][0] < 0.8
        client.check_stream(response, model)
        # The next request on this connection does not wait either.
        began = time.monotonic()
        again = connection.ask('GET', '/v1/models')
        assert again.status == 200 and time.monotonic() - began < 0.5
    site.dify.wait(lambda: site.dify.runs[0].state == 'complete')
    assert not site.dify.stops


def test_a_body_that_never_ends_is_cut_and_not_stopped(bare_site):
    site = bare_site.start(location='opendify_drain 300ms;')
    site.app('flow-bot').script = lambda ask: dify_events.stream(
        'advanced-chat', ask.ids) + [(60.0, b'')]
    began = time.monotonic()
    site.stream('flow-bot')
    run = site.dify.runs[0]
    site.dify.wait(lambda: run.state == 'client_closed')
    assert 0.2 < time.monotonic() - began < 2.5
    assert not site.dify.stops


def test_a_drained_connection_is_used_again(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids) + [(0.1, b'')]
    site.stream()
    site.dify.wait(lambda: site.dify.runs[0].state == 'complete')
    time.sleep(0.05)
    site.stream()
    first, second = site.dify.runs
    assert first.connection == second.connection


@pytest.mark.parametrize('text', [
    'naïve 你好，世界！🎉👩‍👩‍👧 — “quotes” \\ / "x"',
    'tab\there\nline\r\nend',
    '\u2028\u2029\x7f\u0001',
    'a' * 70000,
    '{"error":{"message":"no"}}\n\ndata: [DONE]\n\n',
])
def test_text_arrives_unaltered(site, cut, text):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, [text, text])
    assert site.stream().text == text * 2
    assert site.fold().text == text * 2


def test_escaped_dialect_of_old_dify(site, cut):
    """Up to 1.8.0: blanks after : and , and non-ASCII escaped."""
    def script(ask):
        out = []
        for _, item in dify_events.stream('chat', ask.ids, ['né', ' 🎉']):
            text = json.dumps(json.loads(item[6:]))
            out.append((0.0, f'data: {text}\n\n'.encode()))
        return out
    site.app('chat-bot').script = script
    assert site.stream().text == 'né 🎉'


def test_old_chatflow_without_message_end(site, cut):
    """1.13.0 closes on workflow_finished."""
    site.app('flow-bot').script = lambda ask: [
        step for step in dify_events.stream('advanced-chat', ask.ids)
        if b'message_end' not in step[1]]
    answer = site.stream('flow-bot')
    assert answer.text == TEXT and answer.finish == 'stop'


def test_a_failed_workflow_after_message_end_is_no_failure(site, cut):
    def script(ask):
        steps = dify_events.stream('advanced-chat', ask.ids)[:-1]
        return steps + [(0.0, dify_events.workflow_finished(
            ask.ids, None, 'failed',
            'Workflow stream ended without a terminal event'))]
    site.app('flow-bot').script = script
    answer = site.stream('flow-bot')
    assert answer.text == TEXT and answer.finish == 'stop'


def test_unknown_events_and_fields_are_skipped(site, cut):
    def script(ask):
        steps = dify_events.stream('chat', ask.ids)
        odd = [b'data: {"event":"brand_new","answer":"no"}\n\n',
               b': a comment\n\n', b'id: 3\nretry: 5\n\n', b'data: {}\n\n',
               dify_events.frame({**ask.ids.envelope('tts_message'),
                                  'audio': 'SUQz'}), dify_events.PING]
        return [pair for step in steps
                for pair in [(0.0, odd[len(step[1]) % len(odd)]), step]]
    site.app('chat-bot').script = script
    assert site.stream().text == TEXT


@pytest.mark.parametrize('line_end', ['\r\n', '\r'])
def test_other_line_ends(site, cut, line_end):
    site.app('chat-bot').script = lambda ask: [
        (d, b.replace(b'\n', line_end.encode()))
        for d, b in dify_events.stream('chat', ask.ids)]
    assert site.stream().text == TEXT


def test_http_2(site):
    answer = client.ask_h2(site.h2_port, 'POST', '/v1/chat/completions',
                           site.body())
    assert client.check_stream(answer, 'chat-bot').text == TEXT
    answer = client.ask_h2(site.h2_port, 'POST', '/v1/chat/completions',
                           site.body(stream=False))
    assert client.check_reply(answer, 'chat-bot').text == TEXT
    answer = client.ask_h2(site.h2_port, 'POST', '/v1/chat/completions',
                           site.body('no-such'))
    assert answer.status == 404
    assert answer.error['code'] == 'model_not_found'


def test_requests_one_after_another_on_one_connection(site):
    with client.Connection(site.port) as connection:
        for number in range(20):
            model = MODELS[number % 4]
            stream = number % 3 > 0
            response = connection.ask('POST', '/v1/chat/completions',
                                      site.body(model, stream))
            judge = client.check_stream if stream else client.check_reply
            assert judge(response, model).text == TEXT


def test_pipelined_requests(site):
    with client.Connection(site.port) as connection:
        for model in MODELS:
            connection.send('POST', '/v1/chat/completions',
                            site.body(model))
        for model in MODELS:
            connection.head()
            assert client.check_stream(connection.rest(),
                                       model).text == TEXT


@pytest.mark.parametrize('model', MODELS)
@pytest.mark.parametrize('how', ['error', 'cut', 'reset', 'end'])
def test_failing_after_text(site, cut, model, how):
    """One error event, [DONE], a clean end of the body."""
    def script(ask):
        if how == 'error':
            return dify_events.failed(ask.app.mode, ask.ids, WORDS,
                                      pause_s=0.1)
        good = dify_events.stream(ask.app.mode, ask.ids, WORDS)
        text = [i for i, (_, b) in enumerate(good) if b'"w19 "' in b][0]
        end = {'cut': CUT, 'reset': RESET, 'end': b''}[how]
        return good[:text + 1] + [(0.1, end)]
    site.app(model).script = script
    with site.open(model) as connection:
        connection.head()
        response = connection.rest()
        answer = client.check_stream(response, model)
        assert answer.text == ''.join(WORDS)
        assert answer.error and not answer.finish
        assert connection.ask('GET', '/v1/models').status == 200


STREAMS = recordings.names(streamed=True)


def told(text):
    """Letters alone: thoughts are sorted out, and their tags."""
    return sorted(re.sub(r'</?think>|\s', '', text))


@pytest.mark.parametrize('name', STREAMS)
def test_a_recorded_stream(site, name):
    """With its own cuts and timing, but faster."""
    recording = recordings.Recording(name)
    outcome = recordings.OUTCOMES[name]
    model = next(m for m, (_, mode) in KEYS.items()
                 if mode == recording.mode)
    site.app(model).script = lambda ask: recording.reply()
    response = site.ask(model, stream_options={'include_usage': True})
    if outcome.silent and not outcome.ended:
        assert response.status == outcome.status, response.body
        assert response.error['code'] == outcome.code
        assert response.error['message']
        return
    answer = client.check_stream(response, model, True)
    if not outcome.ended:
        assert answer.error and answer.text == recording.text()
        return
    assert answer.finish == outcome.finish
    if outcome.form:
        assert 'Answer with the number' in answer.text
        return
    assert answer.usage == recording.usage()
    if not outcome.replaced:
        assert told(answer.reasoning + answer.text) == told(
            recording.thoughts() + recording.text())


def test_a_slow_reader_gets_everything(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['x' * 4000] * 1000)
    with site.open(receive_buffer=4096, timeout=60) as connection:
        connection.head()
        for _ in range(10):
            connection.more()
            time.sleep(0.05)
        before = site.nginx.rss_kib()
        answer = client.check_stream(connection.rest())
    assert len(answer.text) == 4_000_000
    assert sanitized() or site.nginx.rss_kib() - before < 4096

def test_a_slow_reader_of_large_pieces_gets_everything(site):
    """Each of them fills what is kept for a client, so that nothing waits
    behind it when the client has taken it."""
    words = [f'{i:04}' + 'x' * 400_000 for i in range(30)]
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, words)
    with site.open(receive_buffer=4096, timeout=30) as connection:
        connection.head()
        time.sleep(0.3)
        answer = client.check_stream(connection.rest())
    assert answer.text == ''.join(words)



def test_a_long_stream_holds_no_more(site):
    """A request's pool gives nothing back before its end: what is sent for
    each event must not come from there."""
    def script(ask):
        steps = dify_events.stream('chat', ask.ids, ['x'] * 4000 + ['END'],
                                   0.0005)
        return steps[:-1] + [(1.0, steps[-1][1])]

    site.app('chat-bot').script = script
    with site.open(timeout=60) as connection:
        connection.head()
        for _ in range(300):
            connection.more()
        before = site.nginx.rss_kib()
        connection.until(b'END')
        grown = site.nginx.rss_kib() - before
        assert len(connection.response.times) > 2000, 'not in packets'
        answer = client.check_stream(connection.rest())
    assert len(answer.text) == 4003
    assert sanitized() or grown < 128, grown


def test_upstream_frames_of_the_whole_question(site, cut):
    """workflow_started echoes the question; it may be large."""
    question = 'CANARY ' + 'long ' * 40000
    answer = site.stream('flow-bot', question=question)
    assert answer.text == TEXT
    assert site.dify.runs[0].json['query'] == question


def test_a_body_without_chunks(site, cut):
    site.app('chat-bot').script = lambda ask: Reply(
        dify_events.stream('chat', ask.ids), framing='close')
    assert site.stream().text == TEXT
    site.app('chat-bot').script = lambda ask: Reply(
        dify_events.stream('chat', ask.ids), framing='length')
    assert site.stream().text == TEXT
