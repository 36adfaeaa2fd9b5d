"""Dify's API has the id of the user among the arguments of an address, and
nginx tells the address with each error of an upstream: without them. That no
log has a canary is what every test checks at its end."""

import pytest

import client
import dify_events
from conftest import KEYS, QUERY
from fake_dify import CUT, RESET, Reply
from test_admin import say
from test_conversations import Chat
from test_line_text import FILES, picture

USER = 'CANARY user/1'
APPS = {**KEYS, 'run-bot': ('app-CANARYrun', 'workflow')}
BROKEN = Reply([(0.0, CUT)], framing='raw')


@pytest.fixture
def site(bare_site):
    bare_site.dify.forms = 'v1'
    bare_site.start(
        apps=APPS, location='opendify_suggested text; opendify_stall 100ms;',
        server='location /admin/ { access_log off; '
               'opendify_conversations /_dify; }')
    bare_site.app('run-bot').inputs = (QUERY,)
    return bare_site


def broken(site, part, method=None, reply=BROKEN):
    """Dify's answer to calls of that kind."""
    usual = type(site.dify).dispatch

    def dispatch(call):
        if part in call.path and method in (None, call.method):
            return reply
        return usual(site.dify, call)
    site.dify.dispatch = dispatch


def told(site, part):
    """The lines of the error log about those calls."""
    def read():
        return [line for line in site.nginx.log().split('\n')
                if '[error]' in line and f'/v1{part}' in line]
    lines = site.dify.wait(read, what=f'an error about {part}')
    for line in lines:
        assert ', upstream: "http://127.0.0.1' in line, line
        assert '?' not in line and 'user=' not in line, line
    return lines


# --- every kind of call -----------------------------------------------------

def test_parameters(site):
    broken(site, '/parameters')
    assert site.ask(user=USER).status in (200, 502)
    line = told(site, '/parameters')[0]
    assert 'request: "POST /v1/chat/completions HTTP/1.1"' in line


@pytest.mark.parametrize('model', KEYS)
def test_a_run(site, model):
    broken(site, '/chat-messages')
    assert site.ask(model, user=USER).status == 502
    told(site, '/chat-messages')


def test_a_stall(site):
    """Whether the conversation is there."""
    chat = Chat(site, 'flow-bot', user=USER)
    chat.say('CANARY one')
    site.app('flow-bot').script = lambda ask: [
        (0.0, dify_events.PING), (0.5, b'')] + dify_events.stream(
            'advanced-chat', ask.ids)
    broken(site, '/messages', 'GET')
    chat.say('CANARY two')
    told(site, '/messages')


def test_suggestions(site):
    site.app('chat-bot').suggested = ['Why?']
    broken(site, '/suggested')
    assert site.stream(user=USER).finish == 'stop'
    told(site, '/messages/')


def test_an_upload(site):
    site.app('chat-bot').file_upload = FILES
    broken(site, '/files/upload')
    response = site.ask(user=USER, messages=[{'role': 'user', 'content': [
        {'type': 'text', 'text': 'CANARY'}, picture()]}])
    assert response.status == 502
    told(site, '/files/upload')


def test_a_stop(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['w '] * 200, 0.02)
    broken(site, '/stop')
    with site.open(user=USER) as connection:
        connection.head()
        connection.until(b'w ')
        connection.leave('fin')
    told(site, '/chat-messages/')


@pytest.mark.parametrize('part, method', [
    ('/form/human_input/', 'GET'), ('/form/human_input/', 'POST'),
    ('/events', 'GET')])
@pytest.mark.parametrize('model', ['flow-bot', 'run-bot'])
def test_a_run_that_waits(site, model, part, method):
    site.app(model).script = lambda ask: dify_events.paused(
        ask.app.mode, ask.ids, dify_events.Form())
    chat = Chat(site, model, user=USER)
    chat.say('CANARY one')
    broken(site, part, method)
    site.ask(model, user=USER, messages=chat.messages + [
        {'role': 'user', 'content': 'Send'}])
    told(site, '/workflow/' if part == '/events' else part)


def test_the_record_of_a_run(site):
    site.app('run-bot').script = lambda ask: dify_events.paused(
        'workflow', ask.ids, dify_events.Form())
    chat = Chat(site, 'run-bot', user=USER)
    chat.say('CANARY one')
    site.dify._events = lambda *given: Reply([(0.0, b'')])
    broken(site, '/workflows/run/', 'GET')
    assert site.ask('run-bot', user=USER, messages=chat.messages + [
        {'role': 'user', 'content': 'Send'}]).status == 502
    told(site, '/workflows/run/')


def test_an_erasure(site):
    """The client's own request has the user among its arguments, too."""
    say(site, USER)
    broken(site, '/conversations/', 'DELETE')
    response = client.ask(site.port, 'DELETE',
                          '/admin/?dify=true&user=CANARY%20user%2F1')
    assert response.status == 200 and response.json['failed']
    line = told(site, '/conversations/')[0]
    assert 'request: "DELETE /admin/"' in line


# --- every kind of error ----------------------------------------------------

@pytest.mark.parametrize('reply, words', [
    (Reply([(0.0, CUT)], framing='raw'), 'prematurely closed connection'),
    (Reply([(0.0, RESET)], framing='raw'), 'reset by peer|prematurely'),
    (Reply([(0.0, b'HTTP/1.1 200 OK\r\nX: ' + b'x' * 40000)], framing='raw'),
     'too big header'),
    (Reply([(0.0, b'HTTP/1.1 200 OK\r\nA\x00B: c\r\n\r\n')], framing='raw'),
     'invalid header'),
    (Reply([(0.0, b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
             b'zz\r\n'), (0.0, CUT)], framing='raw'),
     'invalid chunked response'),
    (Reply([(0.0, b'{'), (0.0, CUT)], 200, 'application/json',
           framing='length'), ''),
])
def test_errors(site, reply, words):
    broken(site, '/parameters', reply=reply)
    site.ask(user=USER)
    if words:
        line = told(site, '/parameters')[0]
        assert any(word in line for word in words.split('|')), line


def test_nobody_is_there(site):
    site.dify.close()
    assert site.ask(user=USER).status == 502
    line = told(site, '/info')[0]
    assert 'Connection refused' in line


def test_silence(bare_site):
    site = bare_site.start(proxy='proxy_read_timeout 200ms;')
    broken(site, '/parameters', reply=Reply([(5.0, b'')]))
    assert site.ask(user=USER).status == 504
    assert 'timed out' in told(site, '/parameters')[0]


def test_an_upstream_with_other_peers(bare_site):
    """The error of one that is asked no more."""
    site = bare_site
    site.write(upstream=f'upstream dify {{ server 127.0.0.1:1; '
                        f'server 127.0.0.1:{site.dify.port}; }}')
    site.nginx.start()
    for _ in range(3):
        assert site.ask(user=USER).status == 200
    assert site.nginx.log().count('Connection refused') >= 1
    assert 'user=' not in site.nginx.log()


def test_arguments_that_a_client_writes(site):
    """They are no part of the API."""
    broken(site, '/parameters')
    response = client.ask(site.port, 'POST',
                          '/v1/chat/completions?user=u-in-the-address',
                          site.body(user=USER))
    assert response.status in (200, 502)
    told(site, '/parameters')
    assert 'in-the-address' not in site.nginx.log()
