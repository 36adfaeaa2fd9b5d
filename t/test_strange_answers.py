"""What stands between nginx and Dify answers in its place, or changes what
Dify says: the client gets the whole answer, or an error that says why."""

import email.utils
import gzip
import time

import pytest

import dify_events
from attachments import begin, picture, said
from fake_dify import Reply

HTML = b'<html>Please log in</html>'


def page(status, body=HTML, kind='text/html', headers=()):
    return Reply([(0, body)], status, kind, list(headers), 'length')


def body_of(ids, pieces=None):
    return b''.join(item for _, item in dify_events.stream('chat', ids,
                                                           pieces))


def stream_as(kind, headers=(), change=lambda body: body, framing='close'):
    return lambda ask: Reply([(0, change(body_of(ask.ids)))], 200, kind,
                             list(headers), framing)


# --- Retry-After -----------------------------------------------------------

@pytest.mark.parametrize('status', [429, 503])
@pytest.mark.parametrize('value, least, most', [
    ('37', 37, 37), ('0', 1, 1), ('999999999', 86400, 86400),
    (email.utils.formatdate(time.time() + 5000, usegmt=True), 1000, 5000),
    ('Wed, 21 Oct 2015 07:28:00 GMT', 1, 1),
], ids=range(5))
def test_when_to_come_again(site, status, value, least, most):
    site.app('chat-bot').script = lambda ask: page(
        status, headers=[('Retry-After', value)])
    response = site.ask()
    assert response.status == status
    assert least <= int(response.header('retry-after')) <= most
    assert response.header('x-should-retry') is None


@pytest.mark.parametrize('value', ['soon', '-5', '1.5', '12 34'])
def test_a_retry_after_that_says_nothing(site, value):
    site.app('chat-bot').script = lambda ask: page(
        429, headers=[('Retry-After', value)])
    assert site.ask().header('retry-after') == '2'
    site.app('chat-bot').script = lambda ask: page(
        503, headers=[('Retry-After', value)])
    response = site.ask()
    assert response.status == 503
    assert response.header('retry-after') == '2'
    site.app('chat-bot').script = lambda ask: page(503)
    response = site.ask()
    assert response.status == 502
    assert response.header('retry-after') is None


# --- not Dify --------------------------------------------------------------

@pytest.mark.parametrize('reply, words', [
    (page(200), ['a web page', 'proxy_pass', '/v1/']),
    (page(200, b'', 'text/plain'), ['nothing', 'proxy_pass']),
    (page(200, b'It works!', 'text/plain'), ['proxy_pass']),
    (page(200, b'{"ok":true}', 'application/json'), ['JSON', 'proxy_pass']),
    (page(204, b'', ''), ['status 204', 'proxy_pass']),
    (page(301, headers=[
        ('Location', 'https://u:p4ssword@d.example/v1/?k=p4ssword')]),
     ['https://d.example/v1/ ', 'proxy_pass https://', 'status 301']),
    (page(308, headers=[('Location', '/v2/')]),
     ['/v2/', 'proxy_pass', 'status 308']),
    (page(302), ['redirect', 'proxy_pass']),
    (page(401, headers=[('WWW-Authenticate', 'Basic realm="p4ssword"')]),
     ['in front of Dify', 'status 401']),
    (page(403), ['in front of Dify', 'status 403']),
    (page(404), ['proxy_pass', 'status 404']),
    (page(502), ['in front of Dify', 'status 502']),
    (page(504), ['in time']),
])
@pytest.mark.parametrize('where', ['info', 'script'])
def test_another_server_answers(site, where, reply, words):
    app = site.app('chat-bot')
    if where == 'info':
        app.info = reply
    else:
        app.script = lambda ask: reply
    response = site.ask()
    assert response.status in (502, 504), response.body
    assert response.header('www-authenticate') is None
    for word in words:
        assert word in response.error['message']
    assert 'p4ssword' not in response.body.decode()
    assert 'p4ssword' not in site.nginx.log()


@pytest.mark.parametrize('reply, status, words', [
    (page(503, headers=[('Retry-After', '41')]), 503, ['in front of Dify']),
    (page(302, headers=[('Location', 'https://d.example/v1/files/upload')]),
     502, ['https://d.example', 'proxy_pass']),
    (page(200, gzip.compress(b'{"id":"a"}'), 'application/json',
          [('Content-Encoding', 'gzip')]), 502, ['gzip', 'Accept-Encoding']),
    (page(201), 502, ['a web page', 'proxy_pass']),
])
def test_another_server_takes_the_file(bare_site, reply, status, words):
    site = begin(bare_site)
    site.dify.upload_script = reply
    response = site.ask(messages=said(picture()))
    assert response.status == status, response.body
    assert response.header('retry-after') == ('41' if status == 503 else None)
    for word in words:
        assert word in response.error['message']


# --- Dify's answer in other clothes ----------------------------------------

@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('script', [
    stream_as('text/event-stream', [('Content-Encoding', 'identity')]),
    stream_as('Text/Event-Stream;charset=UTF-8', framing='chunked'),
    stream_as(''), stream_as('text/plain', framing='length'),
    stream_as('application/octet-stream', framing='chunked'),
    stream_as('text/event-stream',
              change=lambda body: b'\xef\xbb\xbf' + body),
    stream_as('', change=lambda body: b'\xef\xbb\xbf' + body),
    stream_as('text/event-stream',
              change=lambda body: body.replace(b'\n', b'\r\n')),
    stream_as('text/event-stream',
              change=lambda body: body.replace(b'\n', b'\r')),
    stream_as('text/event-stream',
              change=lambda body: body.replace(b'data: ', b'data:')),
    stream_as('text/event-stream', change=lambda body: b': hi\n\nretry: 5\n'
              b'\nevent: x\n\n' + body.replace(b'data: ', b'id: 3\ndata: ')),
    stream_as('text/event-stream',
              change=lambda body: body.replace(b'\n\n', b'\n')),
], ids=range(12))
def test_an_answer_that_is_dressed_otherwise(site, cut, script, stream):
    site.app('chat-bot').script = script
    answer = site.stream() if stream else site.fold()
    assert answer.text == ''.join(dify_events.TEXT)
    assert answer.finish == 'stop'


@pytest.mark.parametrize('where', ['info', 'script'])
def test_a_compressed_answer(site, where):
    app = site.app('chat-bot')
    headers = [('Content-Encoding', 'gzip')]
    if where == 'info':
        app.info = page(200, gzip.compress(b'{"name":"a"}'),
                        'application/json', headers)
    else:
        app.script = stream_as('text/event-stream', headers, gzip.compress)
    message = site.error(502)['message']
    assert 'gzip' in message and 'Accept-Encoding' in message
    assert not any(call.header('accept-encoding') for call in site.dify.calls)


# --- events that were damaged ----------------------------------------------

def damaged(change):
    return stream_as('text/event-stream', change=change)


def test_glued_events_are_read_and_logged(site, cut):
    site.app('chat-bot').script = damaged(
        lambda body: body.replace(b'}\n\n', b'}\n', 2))
    assert site.stream().text == ''.join(dify_events.TEXT)
    lines = [line for line in site.nginx.log().split('\n')
             if 'events of Dify' in line]
    assert len(lines) == 1 and '[warn]' in lines[0]


@pytest.mark.parametrize('stream', [True, False])
def test_a_broken_piece_is_an_error(site, cut, stream):
    site.app('chat-bot').script = damaged(
        lambda body: body.replace(b'"answer":"is ', b'"answer":is ', 1))
    response = site.ask(stream=stream)
    assert response.status == (200 if stream else 502)
    assert b'could not be read' in response.body
    assert (b'"answer "' in response.body) == stream
    assert b'"stop"' not in response.body
    assert 'events of Dify' in site.nginx.log()


# --- the same at every read ------------------------------------------------

@pytest.mark.parametrize('gap_s', [0.0, 0.1])
@pytest.mark.parametrize('end', ['error', 'close'])
def test_text_before_a_failure_is_shown(site, gap_s, end):
    """In one read with it, and in one of its own."""
    def script(ask):
        text = ask.ids.message('Half an ') + ask.ids.message('answer')
        over = ask.ids.error('completion_request_error', 400, 'It broke') \
            if end == 'error' else b': bye\n\n'
        return Reply([(0, text), (gap_s, over)] if gap_s
                     else [(0, text + over)], 200, framing='length')

    site.app('chat-bot').script = script
    response = site.ask()
    assert response.status == 200
    body = response.body.decode()
    assert body.index('Half an ') < body.index('answer') \
        < body.index('"error"') < body.index('[DONE]')
    assert site.ask(stream=False).status == (400 if end == 'error' else 502)
