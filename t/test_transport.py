"""The way to Dify: broken, silent, over TLS, with several servers."""

import socket
import ssl
import subprocess
import time

import pytest

import client
import dify_events
import nginx as nginx_module
from conftest import KEYS, MODELS
from fake_dify import CUT, RESET, FakeDify, Reply


@pytest.mark.parametrize('stream', [True, False])
def test_nobody_listens(bare_site, stream):
    port = nginx_module.free_port()
    site = bare_site.start(
        upstream=f'upstream dify {{ server 127.0.0.1:{port}; }}')
    began = time.monotonic()
    assert site.error(502, stream=stream)['type'] == 'server_error'
    assert time.monotonic() - began < 3


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('steps', [
    [(0.0, CUT)], [(0.0, RESET)], [(0.0, b'garbage\r\n\r\n')],
    [(0.0, b'HTTP/1.1 200 OK\r\n')], [(0.0, b'HTTP/1.1 999 X\r\n\r\n')],
    [(0.0, b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')],
    [(0.0, b'HTTP/1.1 200 OK\r\nX: ' + b'a' * 70000 + b'\r\n\r\n')],
    [(0.0, b'\x00' * 100)],
], ids=['closed', 'reset', 'garbage', 'half-head', 'status-999',
        'empty-body', 'huge-head', 'zeros'])
def test_an_answer_that_is_no_http(site, stream, steps):
    site.stream()
    site.app('chat-bot').script = lambda ask: Reply(
        steps, content_type='', framing='raw')
    response = site.ask(stream=stream)
    assert response.status in (502, 400), response.body
    assert response.error
    site.app('chat-bot').script = None
    assert site.stream().finish == 'stop'


def test_dify_is_silent(bare_site):
    site = bare_site.start(proxy='proxy_read_timeout 300ms;')
    site.app('chat-bot').script = lambda ask: [(30.0, b'')]
    assert site.error(504)
    assert site.error(504, stream=False)


def test_dify_falls_silent_after_text(bare_site):
    site = bare_site.start(proxy='proxy_read_timeout 300ms;')
    site.app('chat-bot').script = lambda ask: [
        (0.0, ask.ids.message('some text')), (30.0, b'')]
    answer = site.stream()
    assert answer.text == 'some text' and answer.error
    # nginx does not tell a time-out from a close once the body has begun.
    assert site.ask(stream=False).status in (502, 504)


@pytest.mark.parametrize('where', ['info', 'chat'])
def test_a_dead_kept_connection(site, where):
    """Dify restarts between two questions."""
    site.stream()
    port = site.dify.port
    site.dify.close()
    fake = FakeDify()
    fake.port = port
    fake.app(KEYS['chat-bot'][0])
    fake.app(KEYS['agent-bot'][0], 'agent-chat')
    fake.start()
    site.dify = fake
    try:
        model = 'agent-bot' if where == 'info' else 'chat-bot'
        response = site.ask(model)
        assert response.status in (200, 502)
        assert site.stream(model).finish == 'stop'
    finally:
        site.nginx.settle()
        fake.close()


def test_the_next_server_is_tried(bare_site):
    dead = nginx_module.free_port()
    site = bare_site
    site.start(upstream=f'''
        upstream dify {{
            server 127.0.0.1:{dead};
            server 127.0.0.1:{site.dify.port};
            keepalive 8;
        }}''', location='client_max_body_size 8m;')
    for number in range(6):
        question = 'CANARY' + 'x' * (500000 if number % 2 else 5)
        assert site.stream(question=question).finish == 'stop'


def certificate(folder):
    files = folder / 'key.pem', folder / 'cert.pem'
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days',
         '2', '-subj', '/CN=dify', '-keyout', str(files[0]), '-out',
         str(files[1])], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])
    return context


def test_dify_behind_tls(bare_site, tmp_path):
    fake = FakeDify(tls=certificate(tmp_path)).start()
    site, bare_site.dify = bare_site, fake
    try:
        site.start(scheme='https')
        for model in MODELS:
            assert site.stream(model).finish == 'stop'
            assert site.fold(model).finish == 'stop'
        # What comes after the end is read as well, so connections are kept.
        assert fake.accepted < len(fake.calls)
    finally:
        fake.close()


def test_connections_used_up(bare_site):
    """Refused with a status, and well again afterwards."""
    site = bare_site
    site.nginx.allowed += [r'\[alert\].*worker_connections']
    site.start(connections=40)
    site.stream()
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a'] * 10, 0.1)
    opened = [site.open() for _ in range(30)]
    outcomes = []
    for connection in opened:
        with connection:
            try:
                connection.head()
                connection.rest()
                outcomes.append(connection.response.status)
            except (client.Closed, ConnectionResetError, socket.timeout):
                outcomes.append(0)
    assert 200 in outcomes
    assert set(outcomes) <= {0, 200, 502, 503}, outcomes
    site.app('chat-bot').script = None
    site.nginx.settle(10)
    assert site.stream().finish == 'stop'
