"""Everything that is no answer: right status, an OpenAI error, in time."""

import gzip
import json
import time
import zlib

import pytest

import client
import dify_events
import recordings
from conftest import MODELS
from fake_dify import TOO_MANY, Reply, error

CHAT = '/v1/chat/completions'
QUESTION = json.dumps({
    'model': 'chat-bot', 'messages': [{'role': 'user', 'content': 'hi'}],
}).encode()


def post(site, body, headers=()):
    return client.ask(site.port, 'POST', CHAT, body, headers)


# --- the client's mistakes -------------------------------------------------

@pytest.mark.parametrize('body', [
    b'', b'{', b'nonsense', b'[]', b'"x"', b'null', b'{"model":"chat-bot"} x',
    b'{"model":"chat-bot","messages":[{"role":"user","content":"\xff"}]}',
    b'[' * 100000,
])
def test_a_body_that_is_not_json(site, body):
    response = post(site, body)
    assert response.status == 400, response.body
    assert response.error['type'] == 'invalid_request_error'
    assert not site.dify.calls


@pytest.mark.parametrize('change, param', [
    ({'model': None}, 'model'), ({'model': 3}, 'model'),
    ({'model': ''}, None), ({'messages': None}, 'messages'),
    ({'messages': []}, 'messages'), ({'messages': 'hi'}, 'messages'),
    ({'messages': [3]}, None), ({'messages': [{'content': 'x'}]}, None),
    ({'messages': [{'role': 'king', 'content': 'x'}]}, None),
    ({'messages': [{'role': 'user', 'content': 3}]}, None),
    ({'n': 2}, 'n'), ({'logprobs': True}, 'logprobs'),
    ({'tool_choice': 'required', 'tools': [
        {'type': 'function', 'function': {'name': 'f'}}]}, 'tool_choice'),
    ({'stream': 'yes'}, 'stream'),
])
def test_a_wrong_member(site, change, param):
    response = post(site, {**site.body(), **change})
    assert response.status in (400, 404), response.body
    assert response.status == 400 or change == {'model': ''}
    assert response.error['type'] == 'invalid_request_error'
    if param:
        assert response.error['param'] == param
    assert not site.dify.runs


@pytest.mark.parametrize('extra', [
    {'stream': None}, {'stream_options': None}, {'n': 1}, {'n': None},
    {'logprobs': False}, {'user': {'id': 'u', 'name': 'n'}},
    {'temperature': 0.3, 'top_p': 1, 'seed': 5, 'stop': ['x'],
     'max_tokens': 5, 'response_format': {'type': 'text'}},
    {'tools': [{'type': 'function', 'function': {'name': 'f'}}],
     'tool_choice': 'auto'},
    {'chat_template_kwargs': {'a': [1, {'b': None}]}, 'top_k': 3},
    {'metadata': None}, {'user': None}, {'inputs': None},
    {'messages': [{'role': 'user', 'content': [
        {'type': 'text', 'text': 'CANARY a'},
        {'type': 'text', 'text': 'b'}], 'id': 7}]},
    {'messages': [{'role': 'developer', 'content': 'Be brief.'},
                  {'role': 'user', 'content': 'CANARY'}]},
])
def test_what_is_accepted_and_ignored(site, extra):
    response = post(site, {**site.body(), **extra})
    assert response.status == 200, response.body


@pytest.mark.parametrize('messages', [
    [{'role': 'user', 'content': ''}],
    [{'role': 'user', 'content': ' \n\t '}],
    [{'role': 'user', 'content': []}],
    [{'role': 'system', 'content': ' '}, {'role': 'user', 'content': ''}],
])
@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_an_empty_question_is_not_sent(site, model, messages):
    assert site.error(400, model, messages=messages)
    assert not site.dify.runs


def test_instructions_alone_are_the_question(site):
    site.stream(messages=[{'role': 'system', 'content': 'CANARY: do it.'}])
    assert site.dify.runs[0].json['query'] == 'CANARY: do it.'


@pytest.mark.parametrize('model', ['nope', 'chat-bot ', 'CHAT-BOT', '../x'])
def test_an_unknown_model(site, model):
    found = site.error(404, model)
    assert found['code'] == 'model_not_found'
    assert found['type'] == 'invalid_request_error'
    assert not site.dify.calls


@pytest.mark.parametrize('method', ['GET', 'PUT', 'DELETE', 'PATCH'])
def test_a_wrong_method(site, method):
    body = b'{}' if method in ('PUT', 'PATCH') else b''
    response = client.ask(site.port, method, CHAT, body)
    assert response.status == 405
    assert response.header('allow') == 'POST'
    assert response.error['type'] == 'invalid_request_error'


@pytest.mark.parametrize('path', [
    '/v1/', '/v1/nope', '/v1/chat', '/v1/chat/completions/x',
    '/v1/engines', '/v1/embeddings'])
@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_an_unknown_path(site, method, path):
    response = client.ask(site.port, method, path, b'')
    assert response.status == 404, response.body
    assert response.error['type'] == 'invalid_request_error'
    assert response.error['code'] == 'unknown_url'


@pytest.mark.parametrize('size', [3000, 300000])
def test_a_body_over_the_limit(bare_site, size):
    site = bare_site.start(location='client_max_body_size 2k;')
    response = post(site, site.body(question='CANARY' + 'x' * size))
    assert response.status == 413
    assert response.error['type'] == 'invalid_request_error'
    assert not site.dify.calls


def test_a_chunked_body_that_outgrows_the_limit_later(bare_site):
    """nginx finds out after the module has asked for the body."""
    site = bare_site.start(location='client_max_body_size 2k;')
    with client.Connection(site.port) as connection:
        connection.sock.sendall(
            b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n'
            b'Transfer-Encoding: chunked\r\n\r\n400\r\n')
        site.nginx.active()  # a turn of the event loop between the parts
        connection.sock.sendall(b'x' * 0x400 + b'\r\n1000\r\nxxx')
        connection.started = time.monotonic()
        connection.head()
        response = connection.rest()
    assert response.status == 413
    assert response.error['type'] == 'invalid_request_error'
    assert not site.dify.calls


def test_a_pass_that_leads_nowhere(bare_site):
    """A regular expression is believed by nginx -t: the answer tells."""
    site = bare_site.write(
        server=f'location ~ ^/gone/ {{ root {bare_site.dir}; }}')
    conf = site.nginx.dir / 'nginx.conf'
    conf.write_text(conf.read_text().replace('opendify_pass /_dify;',
                                             'opendify_pass /gone;'))
    site.nginx.allowed.append(r'\(2: No such file|\(21: Is a directory')
    site.nginx.start()
    error = site.error(502)
    assert error['code'] == 'backend_misconfigured'
    assert 'opendify_pass' in error['message']


def test_a_body_in_a_file(bare_site):
    site = bare_site.start(
        location='client_body_buffer_size 1k; client_max_body_size 8m;')
    question = 'CANARY ' + 'x ' * 500000
    assert site.stream(question=question).finish == 'stop'
    assert site.dify.runs[0].json['query'] == question.rstrip() or \
        site.dify.runs[0].json['query'] == question


@pytest.mark.parametrize('coding, body', [
    ('gzip', gzip.compress(QUESTION, mtime=0)),
    ('deflate', zlib.compress(QUESTION)),
    ('zstd', b'(\xb5/\xfd'), ('br', b'x'), ('identity, gzip', b'x'),
    ('gzip', QUESTION)])
def test_a_compressed_body(site, coding, body):
    response = post(site, body, [('Content-Encoding', coding)])
    error = client.check_error_body(response)
    assert response.status == 415
    assert error['code'] == 'unsupported_content_encoding'
    assert 'Content-Encoding' in error['message']
    assert not site.dify.calls


@pytest.mark.parametrize('coding', ['identity', 'IDENTITY', ''])
def test_a_body_that_is_not_compressed(site, coding):
    response = post(site, QUESTION, [('Content-Encoding', coding)])
    assert response.status == 200


@pytest.mark.parametrize('encoding', ['utf-16', 'utf-16-le', 'utf-32-be'])
def test_a_body_in_wide_characters(site, encoding):
    response = post(site, QUESTION.decode().encode(encoding))
    error = client.check_error_body(response)
    assert response.status == 400 and error['code'] == 'invalid_json'
    assert 'UTF-8' in error['message']


def test_a_chunked_body(site):
    data = json.dumps(site.body()).encode()
    wire = b''.join(b'1\r\n%c\r\n' % byte for byte in data) + b'0\r\n\r\n'
    with client.Connection(site.port) as connection:
        connection.sock.sendall(
            b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n'
            b'Content-Type: application/json\r\n'
            b'Transfer-Encoding: chunked\r\n\r\n' + wire)
        connection.started = time.monotonic()
        connection.head()
        assert client.check_stream(connection.rest()).finish == 'stop'


# --- Dify refuses ----------------------------------------------------------

REFUSALS = [
    ('err-wrong-key', 502, False),
    ('err-api-disabled-chat', 502, False),
    ('err-user-300-chars', 502, False),
    ('err-model-missing-stream', 502, False),
    ('err-chatflow-unpublished-stream', 502, False),
    ('chat-stream-missing-input', 400, None),
    ('chat-limit-second-blocking', 429, True),
]


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('name, status, retry', REFUSALS)
def test_a_recorded_refusal(site, cut, name, status, retry, stream):
    recording = recordings.Recording(name)
    site.app('chat-bot').script = lambda ask: recording.reply()
    response = site.ask(stream=stream)
    assert response.status == status, response.body
    assert response.error['message']
    if retry is False:
        assert response.header('x-should-retry') == 'false'
    if retry is True:
        assert int(response.header('retry-after')) > 0
        assert response.header('x-should-retry') != 'false'
        assert response.error['code'] == 'rate_limit_exceeded'


@pytest.mark.parametrize('reply, status, code', [
    (error('provider_quota_exceeded', 400, 'Quota.'), 429,
     'insufficient_quota'),
    (error('too_many_requests', 429, TOO_MANY), 429, 'rate_limit_exceeded'),
    (error('invalid_param', 400, dify_events.model_error(429)), 429, None),
    (error('invalid_param', 400, dify_events.model_error(500)), 400,
     'model_error_500'),
    (error('invalid_param', 400, dify_events.model_error(401)), 400,
     'model_error_401'),
    (error('not_chat_app', 400, 'Please check.'), 502, None),
    (error('internal_server_error', 500, 'Oops.'), 502, None),
    (Reply([(0, b'<html>Bad gateway</html>')], 502, 'text/html',
           framing='length'), 502, None),
    (Reply([(0, b'<html>Too large</html>')], 413, 'text/html',
           framing='length'), None, None),
    (Reply([(0, b'')], 503, '', framing='length'), 502, None),
    (Reply([(0, b'{"answer":"x"}')], 200, 'application/json',
           framing='length'), 502, None),
    (Reply([(0, b'<html>Login</html>')], 200, 'text/html',
           framing='length'), 502, None),
    (Reply([(0, b'')], 204, '', framing='length'), 502, None),
    (Reply([(0, b'')], 302, '', [('Location', '/x')], 'length'), 502, None),
])
@pytest.mark.parametrize('stream', [True, False])
def test_a_refusal(site, cut, reply, status, code, stream):
    site.app('chat-bot').script = lambda ask: reply
    response = site.ask(stream=stream)
    assert status in (None, response.status), response.body
    assert response.status >= 400
    assert response.error
    if code:
        assert response.error['code'] == code


def test_the_operators_key_is_not_the_clients_mistake(site):
    site.dify.apps.clear()
    response = site.ask()
    assert response.status == 502
    assert 'CANARY' not in response.body.decode()
    assert response.header('www-authenticate') is None
    assert response.header('x-should-retry') == 'false'


@pytest.mark.parametrize('model', MODELS)
@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model_status, status', [
    (400, 400), (401, 400), (429, 429), (500, 400)])
def test_a_run_that_fails_before_text(site, cut, model, stream, model_status,
                                      status):
    site.app(model).script = lambda ask: dify_events.failed(
        ask.app.mode, ask.ids, [], dify_events.model_error(model_status))
    response = site.ask(model, stream)
    assert response.status == status, response.body
    assert response.error['code'] == f'model_error_{model_status}'
    assert response.header('x-should-retry') == 'false'
    assert 'fake upstream exploded' in response.error['message']


@pytest.mark.parametrize('code, event_status, status', [
    ('internal_server_error', 500, 502),
    ('provider_quota_exceeded', 400, 429),
    ('rate_limit_error', 429, 429),
    ('completion_request_error', 400, 400),
])
def test_an_error_event_before_text(site, cut, code, event_status, status):
    site.app('chat-bot').script = lambda ask: [
        (0.0, ask.ids.error(code, event_status, 'It broke'))]
    assert site.error(status)
    assert site.error(status, stream=False)


def test_inputs_of_a_wrong_kind(site):
    found = site.error(400, inputs='text')
    assert found['param'] == 'inputs'


def test_a_request_id_is_the_logs(site):
    first, second = site.ask(), site.ask('no-such')
    ids = {r.header('x-request-id') for r in (first, second)}
    assert len(ids) == 2
