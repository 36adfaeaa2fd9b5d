"""nginx's limits beside the module: limit_rate, limit_req, limit_conn, in the
public and in the internal location and above them."""

import threading
import time

import client
import dify_events
import pytest

KNOWN = {'chat-bot': ('app-CANARYchat', 'chat', 'mode=chat')}
TEXT = 'The answer is forty-two.'


def pieces(count, size, gap=0.0):
    return lambda ask: dify_events.stream(
        'chat', ask.ids, ['w' * size] * count, gap)


@pytest.mark.parametrize('how', [
    dict(location='limit_rate 8k;'),
    dict(location='limit_rate 8k; limit_rate_after 1k;'),
    dict(location='limit_rate $arg_rate;', query='?rate=8k'),
    dict(location='set $limit_rate 8k;'),
    dict(location='if ($request_method = POST) { limit_rate 8k; }'),
    dict(server='limit_rate 8k;'),
    dict(http='limit_rate 8k;'),
    dict(location='limit_rate 8k; opendify_pace smooth;'),
    dict(location='limit_rate 8k; gzip on; gzip_types *;'),
])
@pytest.mark.parametrize('port', ['port', 'h2_port'])
def test_a_rate(bare_site, how, port):
    """Slower, but whole; with pings where the client waits for Dify."""
    how = dict(how)
    query = how.pop('query', '')
    if port == 'h2_port':
        how['location'] = (how.get('location', '')
                           + 'opendify_keepalive 100ms;')
    site = bare_site.start(apps=KNOWN, **how)
    site.app('chat-bot').script = pieces(40, 5, 0.005)
    for stream in (True, False):
        body = site.body('chat-bot', stream)
        path = '/v1/chat/completions' + query
        if port == 'port':
            response = client.ask(site.port, 'POST', path, body)
        else:
            response = client.ask_h2(site.h2_port, 'POST', path, body)
        answer = (client.check_stream if stream else client.check_reply)(
            response, 'chat-bot')
        assert answer.text == 'w' * 200
        assert answer.finish == 'stop'


REQ = 'limit_req_zone $opendify_user zone=r:1m rate={rate};'
CONN = 'limit_conn_zone $opendify_user zone=c:1m;'
ADDRESS = ('limit_req_zone $binary_remote_addr zone=r:1m rate={rate};'
           'limit_conn_zone $binary_remote_addr zone=c:1m;')


def start(site, internal='', apps=KNOWN, **how):
    """`internal` stands in the internal location."""
    return site.start(apps=apps, proxy=internal, **how)


@pytest.mark.parametrize('where', ['internal', 'location', 'server', 'http'])
@pytest.mark.parametrize('stream', [True, False])
def test_a_delay(bare_site, where, stream):
    how = {'http': ADDRESS.format(rate='5r/s')}
    how[where] = how.get(where, '') + 'limit_req zone=r burst=20;'
    site = start(bare_site, **how)
    begin = time.monotonic()
    for _ in range(4):
        assert site.ask('chat-bot', stream).status == 200
    # Three of them waited for 0.2 s; none was counted twice.
    assert 0.5 < time.monotonic() - begin < 5


def test_a_client_that_leaves_while_its_call_is_delayed(bare_site):
    site = start(bare_site, 'limit_req zone=r burst=20;',
                 http=REQ.format(rate='1r/s'))
    site.stream('chat-bot')
    for how in ('fin', 'rst'):
        connection = client.Connection(site.port)
        connection.send('POST', '/v1/chat/completions', site.body('chat-bot'))
        site.nginx.active()
        connection.leave(how)
    site.nginx.settle(10)


@pytest.mark.parametrize('where', ['server', 'http'])
@pytest.mark.parametrize('limit', [
    'limit_conn c 1;', 'limit_req zone=r burst=2 nodelay;'])
def test_what_is_above_counts_a_request_once(bare_site, where, limit):
    """Though it asks for /info, /parameters and the answer."""
    how = {'http': f'''
        map $server_port $limited {{
            default $binary_remote_addr;
            {bare_site.nginx.status_port} "";
        }}
        limit_req_zone $limited zone=r:1m rate=1r/m;
        limit_conn_zone $limited zone=c:1m;'''}
    how[where] = how.get(where, '') + limit
    site = bare_site.start(**how)
    assert site.stream('flow-bot').text == TEXT
    assert site.fold('agent-bot').text == TEXT


@pytest.mark.parametrize('status', ['', 'limit_req_status 429;',
                                    'limit_req_status 444;'])
def test_too_many_answers(bare_site, status):
    site = start(bare_site,
                 'limit_req zone=r burst=1 nodelay;' + status,
                 http=REQ.format(rate='1r/m'),
                 apps={'flow-bot': ('app-CANARYflow', 'advanced-chat')})
    for _ in range(2):  # the calls around an answer do not count
        assert site.stream('flow-bot', user='one').text == TEXT
    for stream in (True, False):
        error = site.error(429, 'flow-bot', stream, user='one')
        assert error['code'] == 'rate_limit_exceeded'
    assert site.stream('flow-bot', user='two').text == TEXT


def test_answers_at_once(bare_site):
    site = start(bare_site, 'limit_conn c 1;', http=CONN)
    site.app('chat-bot').script = pieces(10, 5, 0.1)
    opened = site.open('chat-bot', user='one')
    with opened:
        opened.head()
        assert site.error(429, 'chat-bot', user='one')['code'] == \
            'rate_limit_exceeded'
        site.app('chat-bot').script = None
        assert site.stream('chat-bot', user='two').text == TEXT
        opened.rest()
    assert '[error]' in site.nginx.log()  # nginx tells which limit it was


def test_a_stop_is_never_refused(bare_site):
    site = start(bare_site, 'limit_conn c 1; limit_req zone=r;',
                 http=CONN + REQ.format(rate='1r/m'))
    site.app('chat-bot').script = pieces(40, 5, 0.1)
    opened = site.open('chat-bot', user='one')
    opened.head()
    opened.leave('fin')
    site.dify.wait(lambda: site.dify.stops, what='the stop')


@pytest.mark.parametrize('text, needle', [
    ('return 301 https://elsewhere.example/;', 'redirects'),
    ('rewrite ^ https://elsewhere.example/ permanent;', 'redirects'),
    ('return 302 /login;', 'redirects'),
    ('if ($request_uri) { return 307 /login; }', 'redirects'),
    ('return 403;', 'status 403'),
    ('return 503;', 'status 503'),
])
def test_nginx_answers_in_place_of_dify(bare_site, text, needle):
    site = start(bare_site, text)
    error = site.error(502, 'chat-bot')
    assert error['code'] == 'backend_misconfigured'
    assert needle in error['message']
    log = site.nginx.log()
    assert 'nginx answered the call "/_dify/' in log
    if 'elsewhere' in text:
        assert 'to https://elsewhere.example/' in log
    assert not site.dify.calls


def test_a_limit_for_bodies_in_the_internal_location(bare_site):
    site = start(bare_site, 'client_max_body_size 10;')
    assert 'client_max_body_size 0' in site.error(502, 'chat-bot')['message']


@pytest.mark.parametrize('text', [
    'if ($http_user_agent = "") { return 403; }',
    'if ($request_method !~ POST) { return 405; }',
    'if ($http_x_team != "a") { return 401; }',
    'if ($uri !~ ^/v1/) { return 301 https://elsewhere.example/; }',
    'rewrite ^/_dify/ https://elsewhere.example/ permanent;',
])
def test_rules_for_clients_are_not_for_calls(bare_site, text):
    """They stand at server level, where a call would meet them again."""
    site = bare_site.start(server=text)
    response = site.ask('chat-bot', headers=[('User-Agent', 'x'),
                                             ('X-Team', 'a')])
    assert client.check_stream(response).text == TEXT


def test_what_the_internal_location_knows_of_the_client(bare_site):
    http = '''map $http_x_team $of_map { default none; a alpha; }
              map $uri $kind { default other; ~chat-messages run; }'''
    site = bare_site.start(
        http=http,
        server='set $at_server $http_x_team-$of_map;',
        location='set $here $request_method;',
        proxy='''proxy_set_header Authorization $opendify_authorization;
            proxy_set_header X-Known
            "$at_server $here $of_map $scheme $request_id $kind";''')
    assert site.ask('chat-bot', headers=[('X-Team', 'a')]).status == 200
    known = [dict(call.headers)['X-Known'].split()
             for call in site.dify.calls]
    run = known[-1]
    assert run[:4] == ['a-alpha', 'POST', 'alpha', 'http']
    assert run[5] == 'run'
    assert len(known) == 3 and {k[5] for k in known[:-1]} == {'other'}
    assert {k[4] for k in known} == {run[4]}


def test_many_at_once_under_all_limits(bare_site):
    """No answer is lost, whatever was delayed."""
    site = start(bare_site, 'limit_req zone=r burst=100;',
                 http=ADDRESS.format(rate='20r/s'),
                 location='limit_rate 20k;')
    texts = []

    def one():
        texts.append(site.stream('chat-bot').text)

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [TEXT] * 20
