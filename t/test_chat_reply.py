"""Folded answers: Dify is always streamed, the client gets one object."""

import time

import pytest

import client
import dify_events
import recordings
from conftest import KEYS, MODELS
from fake_dify import CUT, RESET
from test_chat_stream import STREAMS, TEXT, told


@pytest.mark.parametrize('model', MODELS)
def test_a_good_answer(site, cut, model):
    response = site.ask(model, False)
    answer = client.check_reply(response, model)
    assert answer.text == TEXT and answer.finish == 'stop'
    assert answer.usage['total_tokens'] in (16, 20)
    assert int(response.header('content-length')) == len(response.body)
    assert response.header('x-dify-conversation-id') == \
        site.dify.runs[0].ids.conversation
    assert site.dify.runs[0].json['response_mode'] == 'streaming'


@pytest.mark.parametrize('model', MODELS)
@pytest.mark.parametrize('late_s', [0.8, 300.0])
def test_it_arrives_with_the_event(site, model, late_s):
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, gap_s=0.01) + [(late_s, b'')]
    began = time.monotonic()
    assert site.fold(model).text == TEXT
    assert time.monotonic() - began < 0.6
    assert not site.dify.stops


@pytest.mark.parametrize('model', MODELS)
def test_an_empty_answer_is_an_empty_string(site, model):
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, [])
    assert site.fold(model).text == ''
    answer = site.stream(model)
    assert answer.text == '' and answer.finish == 'stop'


@pytest.mark.parametrize('model', MODELS)
@pytest.mark.parametrize('how, status', [
    ('error', 400), ('cut', 502), ('reset', 502), ('end', 502)])
def test_a_failed_run_is_an_error(site, cut, model, how, status):
    def script(ask):
        if how == 'error':
            return dify_events.failed(ask.app.mode, ask.ids, ['a', 'b'])
        good = dify_events.stream(ask.app.mode, ask.ids, ['a', 'b'])
        text = [i for i, (_, b) in enumerate(good) if b'"b"' in b][0]
        end = {'cut': CUT, 'reset': RESET, 'end': b''}[how]
        return good[:text + 1] + [(0.1, end)]
    site.app(model).script = script
    response = site.ask(model, False)
    assert response.status == status, response.body
    assert response.error['message']
    assert response.header('x-should-retry') == 'false'


@pytest.mark.parametrize('name', STREAMS)
def test_a_recorded_stream(site, name):
    recording = recordings.Recording(name)
    outcome = recordings.OUTCOMES[name]
    model = next(m for m, (_, mode) in KEYS.items()
                 if mode == recording.mode)
    site.app(model).script = lambda ask: recording.reply()
    response = site.ask(model, False)
    if not outcome.ended:
        assert response.status == outcome.status, response.body
        assert response.error['code'] == outcome.code
        assert response.error['message']
        return
    answer = client.check_reply(response, model)
    assert answer.finish == outcome.finish
    if outcome.form:
        assert 'Answer with the number' in answer.text
        return
    if not outcome.replaced:
        assert told(answer.reasoning + answer.text) == told(
            recording.thoughts() + recording.text())
    if answer.usage or recording.usage()['total_tokens']:
        for name, value in recording.usage().items():
            assert answer.usage[name] == value


def test_stream_null_and_absent_are_folded(site):
    body = site.body()
    for value in (None, False, ...):
        if value is ...:
            del body['stream']
        else:
            body['stream'] = value
        response = client.ask(site.port, 'POST', '/v1/chat/completions', body)
        assert client.check_reply(response).text == TEXT


def test_a_long_answer(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['y' * 3000] * 1000)
    assert len(site.fold().text) == 3_000_000


def test_no_ping_in_a_folded_reply(bare_site):
    site = bare_site.start(location='opendify_keepalive 100ms;')
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a', 'b'], 0.4)
    response = site.ask(stream=False)
    assert response.body.startswith(b'{"id":')
    assert client.check_reply(response).text == 'ab'
