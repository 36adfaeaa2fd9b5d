"""Text of a client's or of Dify's stays text: no header, address, log line or
multipart head begins or ends in it."""

import base64
import json
from urllib.parse import unquote

import pytest

import client
import dify_events
from conftest import KEYS
from fake_replies import json_reply

# What both locations may make headers of, and what the log may tell.
IN_CALLS = ('model', 'app_mode', 'user', 'chat_id', 'client')
IN_ANSWERS = IN_CALLS + ('conversation_id', 'message_id', 'task_id',
                         'request_user', 'request_chat_id', 'finish_reason',
                         'error', 'task', 'stopped')
NAMES = IN_ANSWERS + ('first_token_ms', 'prompt_tokens', 'completion_tokens',
                      'total_tokens')
SPLIT = '\r\nX-Evil: 1\r\nContent-Length: 0\r\n\r\n' \
        'DELETE /v1/conversations/c HTTP/1.1\r\nHost: dify\r\n\r\n'

FILES = {'allowed_file_types': ['image', 'document']}

# As they stand in JSON: text, and how a line has it.
ODD = {
    'cr': ('a\rb', 'a%0Db'),
    'lf': ('a\nX-Evil: 1', 'a%0AX-Evil: 1'),
    'crlf': ('a\r\nX-Evil: 1', 'a%0D%0AX-Evil: 1'),
    'request': ('a' + SPLIT, 'a' + SPLIT.replace('\r', '%0D')
                .replace('\n', '%0A')),
    'del': ('a\x7f', 'a%7F'),
    'escape': ('\x1b[2Ja\tb', '%1B[2Ja%09b'),
    'c1': ('a\x85b\x9b', 'a%C2%85b%C2%9B'),
    'separators': ('a\u2028b\u2029', 'a%E2%80%A8b%E2%80%A9'),
    'surrogate': ('a\ud800', 'a\ufffd'),
    'percent': ('a%0d%0ab', 'a%250d%250ab'),
    'plain': ('José 李 "x" 100%', 'José 李 "x" 100%'),
}


def seen(name):
    return 'X-Seen-' + name.replace('_', '-')


def variables(names, directive):
    return ' '.join(f'{directive} {seen(n)} "$opendify_{n}";' for n in names)


def start(site, location='', proxy='', **how):
    """All variables in headers of both sides, and in a log that escapes
    nothing."""
    log = '|'.join(f'$opendify_{n}' for n in NAMES)
    http = f"log_format bare escape=none '|{log}|';\n" + how.pop('http', '')
    return site.start(
        http=http, proxy=variables(IN_CALLS, 'proxy_set_header')
        + 'proxy_set_header Connection "";'
          'proxy_set_header Authorization $opendify_authorization;'
          'proxy_set_header Host dify;' + proxy,
        location=variables(IN_ANSWERS, 'add_header')
        + f'access_log {site.dir}/bare.log bare;' + location, **how)


@pytest.fixture
def site(bare_site):
    return start(bare_site)


def raw(port, body, headers=b''):
    """Headers as bytes that no client's library would send."""
    body = json.dumps(body).encode()
    with client.Connection(port) as connection:
        connection.started = 0.0
        connection.sock.sendall(
            b'POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n' + headers
            + b'Content-Length: %d\r\n\r\n%s' % (len(body), body))
        connection.head()
        return connection.rest()


def log_lines(site, count):
    path = site.dir / 'bare.log'
    site.dify.wait(lambda: path.exists()
                   and path.read_bytes().count(b'\n') >= count)
    return path.read_bytes().split(b'\n')[:-1]


def utf8(text):
    """Of a header that was read as latin-1."""
    return text.encode('latin-1').decode('utf-8')


def inert(site, response, requests=1):
    """Nothing was split, on no side, and no log has a line more."""
    names = [n for n, _ in response.headers]
    assert 'x-evil' not in names and 'set-cookie' not in names
    assert names.count('content-length') <= 1
    for call in site.dify.calls:
        assert call.method in ('GET', 'POST'), call
        assert 'SMUGGLED' not in call.path
        names = [n.lower() for n, _ in call.headers]
        assert 'x-evil' not in names and 'set-cookie' not in names
        for _, value in call.headers:
            assert not any(ord(c) < 0x20 or ord(c) == 0x7f for c in value)
            utf8(value)
    lines = log_lines(site, requests)
    assert len(lines) == requests
    for line in lines:
        assert line.count(b'|') == len(NAMES) + 1
        assert len(line.decode().splitlines()) == 1
        assert not any(b < 0x20 or b == 0x7f for b in line)


# --- of a client ------------------------------------------------------------

MEMBERS = {
    'user': lambda text: {'user': text},
    'user-id': lambda text: {'user': {'id': text}},
    'safety_identifier': lambda text: {'safety_identifier': text},
    'metadata': lambda text: {'metadata': {'user_id': text}},
}


@pytest.mark.parametrize('member', MEMBERS)
@pytest.mark.parametrize('odd', ODD)
def test_a_user_of_the_body(site, odd, member):
    text, line = ODD[odd]
    response = site.ask(stream=True, **MEMBERS[member](text))
    assert response.status == 200
    inert(site, response)
    assert utf8(response.header('x-seen-user')) == line
    assert utf8(response.header('x-seen-request-user')) == line
    run, = site.dify.runs
    assert utf8(run.header('X-Seen-user')) == line
    # Dify knows the person by the true id.
    assert run.json['user'] == text.replace('\ud800', '\ufffd')


@pytest.mark.parametrize('how', ['chat_id', 'prompt_cache_key'])
@pytest.mark.parametrize('odd', ODD)
def test_a_chat_of_the_body(site, odd, how):
    text, line = ODD[odd]
    more = {'metadata': {'chat_id': text}} if how == 'chat_id' \
        else {'prompt_cache_key': text}
    response = site.ask(stream=False, **more)
    assert response.status == 200
    inert(site, response)
    assert utf8(response.header('x-seen-chat-id')) == line
    assert utf8(response.header('x-seen-request-chat-id')) == line
    assert utf8(site.dify.runs[0].header('X-Seen-chat-id')) == line


def test_a_nul(site):
    """A user's cannot be stored at Dify: that user is a hash."""
    response = site.ask(user='a\0b', metadata={'chat_id': 'c\0d'})
    assert response.status == 200
    inert(site, response)
    assert response.header('x-seen-request-user') == 'a%00b'
    assert response.header('x-seen-chat-id') == 'c%00d'
    assert len(response.header('x-seen-user')) == 64
    assert site.dify.runs[0].json['user'] == response.header('x-seen-user')


@pytest.mark.parametrize('size', [255, 256, 20_000])
def test_a_long_text(site, size):
    """No longer than Dify's users: more would be no header any more."""
    text = 'é' * size
    response = site.ask(user=text, metadata={'chat_id': text})
    assert response.status == 200
    inert(site, response)
    for name in ('user', 'chat-id', 'request-user', 'request-chat-id'):
        value = utf8(response.header(f'x-seen-{name}'))
        assert value == text if size == 255 else len(value) == 64, name


def test_two_texts_are_two(site):
    """What is encoded is nobody else's name."""
    values = {site.ask(user=u).header('x-seen-user')
              for u in ('a\n', 'a%0A', 'a%0a', 'a%250A', 'a')}
    assert len(values) == 5


@pytest.mark.parametrize('header', [
    b'a\x7fb', b'a\xff\xfeb', b'a\xc2\x85b', b'a\x1b[0m', b'a\tb', b'a\x01',
    b'\xed\xa0\x80', b'\xc0\x8d\xc0\x8aX-Evil: 1', 'José'.encode()])
def test_bytes_of_a_header(site, header):
    response = raw(site.port, site.body(), b'X-OpenWebUI-User-Id: ' + header
                   + b'\r\nX-OpenWebUI-Chat-Id: ' + header + b'\r\n')
    if response.status == 400:  # nginx's own refusal
        return
    assert response.status == 200
    run, = site.dify.runs
    for value in (response.header('x-seen-user'), run.header('X-Seen-user'),
                  response.header('x-seen-chat-id')):
        value = utf8(value)
        assert not any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 for c in value)
    assert run.json['user'] == header.decode('utf-8', 'replace')


@pytest.mark.parametrize('odd', ['crlf', 'request', 'c1', 'del'])
def test_the_chat_goes_on(site, odd):
    """The texts themselves decide whose conversation it is."""
    text, _ = ODD[odd]
    who = {'user': text, 'metadata': {'chat_id': text}}
    first = site.stream(**who)
    messages = [{'role': 'user', 'content': 'CANARY'},
                {'role': 'assistant', 'content': first.text},
                {'role': 'user', 'content': 'CANARY two'}]
    messages[0]['content'] = site.dify.runs[0].json['query']
    site.stream(messages=messages, **who)
    assert site.dify.runs[1].json['conversation_id'] \
        == site.dify.runs[0].ids.conversation
    # Encoded it is another's.
    site.stream(messages=messages, **{
        'user': ODD[odd][1], 'metadata': {'chat_id': text}})
    assert not site.dify.runs[2].json.get('conversation_id')


@pytest.mark.parametrize('value, wanted', [
    ('$opendify_user', 'a\r\nX-Evil: 1'),
    ('$opendify_request_user', 'a\r\nX-Evil: 1'),
    ('"u-$opendify_user"', 'u-a%0D%0AX-Evil: 1')])
def test_an_input(bare_site, value, wanted):
    """A variable alone is the text; within another text it is encoded."""
    site = start(bare_site, location=f'opendify_input who {value};')
    inert(site, site.ask(user='a\r\nX-Evil: 1'))
    assert site.dify.runs[0].json['inputs'] == {'who': wanted}


# --- names of models --------------------------------------------------------

def test_the_name_of_a_model(bare_site):
    name = 'bot\r\nX-Evil: 1'
    bare_site.nginx.env['MODELS'] = json.dumps({name: 'app-CANARYchat'})
    site = start(bare_site, apps={}, http='opendify_apps env:MODELS;')
    site.dify.app('app-CANARYchat')
    response = client.ask(site.port, 'POST', '/v1/chat/completions',
                          site.body(name))
    assert response.status == 200
    inert(site, response)
    assert response.header('x-seen-model') == 'bot%0D%0AX-Evil: 1'
    assert site.dify.runs[0].header('X-Seen-model') == 'bot%0D%0AX-Evil: 1'
    models = client.ask(site.port, 'GET', '/v1/models').json
    assert [m['id'] for m in models['data']] == [name]


@pytest.mark.parametrize('models', [
    '{"bot\\r\\nemerg": "app-1", "bot\\r\\nemerg": "app-2"}',
    '{"bot\\r\\nemerg": ""}', '{"bot\\r\\nemerg": "a b"}'])
def test_a_complaint_is_one_line(bare_site, models):
    bare_site.nginx.env['MODELS'] = models
    bare_site.nginx.allowed.append('bot%0D%0Aemerg')
    bare_site.write(apps={}, http='opendify_apps env:MODELS;')
    code, text = bare_site.nginx.test()
    assert code != 0
    line, = [one for one in text.split('\n') if '[emerg]' in one]
    assert 'bot%0D%0Aemerg' in line


@pytest.mark.parametrize('name', [
    'a%0d%0aX-Evil:%201', 'a%ff%fe', '%c2%85', 'a%7f', 'a%250d'])
def test_a_model_that_is_asked_for(site, name):
    response = client.ask(site.port, 'GET', '/v1/models/' + name)
    assert response.status == 404
    inert(site, response)
    assert response.error['code'] == 'model_not_found'


# --- ids of Dify's ----------------------------------------------------------

BAD_IDS = ('c\r\nX-Evil: 1', 'c\nX-Evil: 1', 'c\0', 'c\x7f', 'c\x85', '../c',
           'c?user=x', 'c d', 'c%0d%0aX', 'é', 'c' * 5000, '..')


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('bad', BAD_IDS)
@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_ids_of_dify(site, model, bad, stream):
    """They are not taken: there is nothing to be continued or stopped."""
    def script(ask):
        ask.ids.conversation = ask.ids.message_id = ask.ids.task = bad
        return dify_events.stream(ask.app.mode, ask.ids)
    site.app(model).script = script
    response = site.ask(model, stream)
    assert response.status == 200
    inert(site, response)
    for name in ('x-dify-conversation-id', 'x-seen-conversation-id',
                 'x-seen-message-id', 'x-seen-task-id'):
        assert not response.header(name), name


def test_a_bad_task_is_not_stopped(site):
    def script(ask):
        ask.ids.task = '../../conversations/x\r\nX-Evil: 1'
        return dify_events.stream('chat', ask.ids, ['w '] * 400, 0.02)
    site.app('chat-bot').script = script
    with site.open() as connection:
        connection.head()
        connection.until(b'w ')
        connection.leave('fin')
    run = site.dify.runs[0]
    site.dify.wait(lambda: run.state == 'client_closed')
    assert not site.dify.stops


@pytest.mark.parametrize('bad', BAD_IDS)
def test_the_id_of_an_upload(site, bad):
    site.app('chat-bot').file_upload = FILES
    site.dify._upload = lambda *given: json_reply({'id': bad}, 201)
    response = site.ask(messages=[{'role': 'user', 'content': [
        {'type': 'text', 'text': 'CANARY'}, picture()]}])
    assert response.status in (400, 502)
    assert not site.dify.runs


def picture():
    data = base64.b64encode(b'\x89PNG\r\n\x1a\n' + bytes(40)).decode()
    return {'type': 'image_url',
            'image_url': {'url': 'data:image/png;base64,' + data}}


# --- conversations that a client names --------------------------------------

@pytest.mark.parametrize('bad', BAD_IDS + ('a/b', 'a&user=x', '"', "'"))
@pytest.mark.parametrize('how', ['body', 'metadata'])
@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_a_conversation_that_is_none(site, model, how, bad):
    more = {'conversation_id': bad} if how == 'body' \
        else {'metadata': {'conversation_id': bad}}
    failure = site.error(400, model, **more)
    assert failure['param'] == 'conversation_id'
    assert 'X-Dify-Conversation-Id' in failure['message']
    assert not site.dify.runs and not site.dify.find('/messages')


@pytest.mark.parametrize('bad', [b'../x', b'a b', b'a\x7f', b'a\xc2\x85',
                                 b'\xff', b'c' * 65])
def test_a_conversation_in_a_header(site, bad):
    response = raw(site.port, site.body(),
                   b'X-Dify-Conversation-Id: ' + bad + b'\r\n')
    assert response.status == 400
    assert not site.dify.runs


def test_an_app_without_conversations_does_not_mind(bare_site):
    site = start(bare_site, apps={**KEYS, 'write-bot': (
        'app-CANARYwrite', 'completion')})
    site.app('write-bot').inputs = ('query',)
    assert site.ask('write-bot', metadata={'conversation_id': 'a b'}) \
        .status == 200


# --- elsewhere --------------------------------------------------------------

@pytest.mark.parametrize('user', ['a%0d%0aX-Evil:%201', 'a%0aX-Evil:%201',
                                  'a%7f%1b', 'a%c2%85'])
def test_the_user_of_an_erasure(bare_site, user):
    site = start(bare_site, server='location /admin/ { access_log off; '
                 'opendify_conversations /_dify; }')
    site.stream(user=unquote(user))
    response = client.ask(site.port, 'DELETE',
                          f'/admin/?user={user}&dify=true')
    assert response.status == 200 and response.json['deleted'] == 1
    call, = site.dify.find('/conversations/', 'DELETE')
    assert call.json['user'] == unquote(user)
    names = [n.lower() for n, _ in call.headers]
    assert 'x-evil' not in names
    for _, value in call.headers:
        assert not any(ord(c) < 0x20 or ord(c) == 0x7f for c in value)


@pytest.mark.parametrize('name', [
    'a\r\nX-Evil: 1\r\n\r\nx.pdf', 'a".pdf"; name="user', 'a\0.pdf',
    'a\x85\u2028.pdf', 'x' * 300 + '."\r\nX-Evil', 'a\x7f.pdf', '../../x.pdf'])
def test_the_name_of_a_file(site, name):
    site.app('chat-bot').file_upload = FILES
    response = site.ask(messages=[{'role': 'user', 'content': [
        {'type': 'text', 'text': 'CANARY'},
        {'type': 'file', 'file': {
            'filename': name,
            'file_data': 'data:application/pdf;base64,AAAA'}}]}])
    assert response.status in (200, 400)
    for call in site.dify.find('/files/upload'):
        head, _, _ = call.body.rpartition(b'\r\n\r\n')
        line, = [one for one in head.split(b'\r\n')
                 if b'filename="' in one]
        assert line.count(b'"') == 4, line
        assert b'\r\nX-Evil' not in call.body
