"""Where a location may stand, how its paths are written, and that a rule for
one path cannot be walked around by another way to write it."""

import client
import pytest

PLACES = '''
    merge_slashes {merge};
    location /openai/ {{ rewrite ^/openai/(.*)$ /$1 last; }}
    location ~ ^/(api|team-a)/v1/ {{ opendify_pass /_dify; }}
    location ~* \\.ai/v1/ {{ opendify_pass /_dify; }}
    location = /exact/chat/completions {{ opendify_pass /_dify; }}
    location = /ask {{ rewrite ^ /v1/chat/completions break;
                       opendify_pass /_dify; }}
    location /try/ {{ try_files /nonexistent @ai; }}
    location @ai {{ opendify_pass /_dify; }}
    location /error/ {{ error_page 418 = @ai; return 418; }}
    location ~ ^/azure/openai/deployments/[^/]+/ {{
        rewrite ^/azure/openai/deployments/[^/]+/(.*)$ /v1/$1 last; }}
    location /outer/ {{ location /outer/v1/ {{ opendify_pass /_dify; }} }}
    location /break/ {{ rewrite ^/break/(.*)$ /v1/$1 break;
                        opendify_pass /_dify; }}
    location /if/ {{ opendify_pass /_dify;
                     if ($http_x) {{ set $a 1; }} }}
    location /noslash {{ opendify_pass /_dify; }}
    location ^~ /caret/ {{ opendify_pass /_dify; }}
    location /hidden/ {{ internal; opendify_pass /_dify; }}
    location /fallback/ {{ try_files /nonexistent /hidden/chat/completions; }}
    location /long/v1/chat {{ opendify_pass /_dify; }}
    location ~ ^/short/v1/chat/ {{ opendify_pass /_dify; }}
    location /post/ {{ limit_except POST {{ deny all; }}
                       opendify_pass /_dify; }}
'''


def ask(site, path, method='POST', headers=()):
    body = site.body('chat-bot') if method == 'POST' else b''
    return client.ask(site.port, method, path, body, headers)


@pytest.mark.parametrize('merge', ['on', 'off'])
def test_places(bare_site, merge):
    site = bare_site.start(server=PLACES.format(merge=merge))
    for path in (
            '/v1/chat/completions', '/openai/v1/chat/completions',
            '/api/v1/chat/completions', '/team-a/v1/chat/completions',
            '/x.AI/v1/chat/completions', '/exact/chat/completions', '/ask',
            '/try/v1/chat/completions', '/try/chat/completions',
            '/error/v1/chat/completions', '/outer/v1/chat/completions',
            '/azure/openai/deployments/bot/chat/completions?api-version=1',
            '/break/chat/completions', '/if/chat/completions',
            '/if/v1/chat/completions', '/noslash/chat/completions',
            '/caret/chat/completions', '/caret/v1/chat/completions',
            '/long/v1/chat/completions', '/short/v1/chat/completions',
            '/fallback/x', '/post/chat/completions',
            '/v1/./chat/completions', '/v1/x/../chat/completions',
            '/v1/%63hat/completions', '/v1%2Fchat/completions'):
        answer = client.check_stream(ask(site, path), 'chat-bot')
        assert answer.text == 'The answer is forty-two.', path
    for path in ('/openai/v1/models', '/outer/v1/models', '/if/v1/models',
                 '/try/v1/models/chat-bot'):
        assert ask(site, path, 'GET').status == 200, path
    assert ask(site, '/if/chat/completions',
               headers=[('X', '1')]).status == 200
    # error_page makes a GET of it, as nginx says, but for named locations.
    assert ask(site, '/post/models', 'GET').status == 403


@pytest.mark.parametrize('path', [
    '//v1//chat/completions', '/v1//chat/completions'])
def test_slashes_that_nginx_merges(site, path):
    assert ask(site, path).status == 200


MOVED = [
    ('/v1/chat/completions/', '/v1/chat/completions'),
    ('/v1/v1/chat/completions', '/v1/chat/completions'),
    ('/v1/v1/chat/completions/', '/v1/chat/completions'),
    ('/v1/chat/completions/?a=b&c=%0D', '/v1/chat/completions?a=b&c=%0D'),
    ('/v1/models/', '/v1/models'),
    ('/v1/models/a%0Ab%25/', '/v1/models/a%0Ab%25'),
    ('/openai/v1/chat/completions/', '/openai/v1/chat/completions'),
    ('/openai/v1/v1/chat/completions', '/openai/v1/chat/completions'),
    ('/api/v1/chat/completions/', '/api/v1/chat/completions'),
    ('/if/chat/completions/', '/if/chat/completions'),
]


@pytest.mark.parametrize('path, right', MOVED)
def test_another_way_to_write_it(bare_site, path, right):
    site = bare_site.start(server='absolute_redirect off;'
                                  + PLACES.format(merge='on'))
    with client.Connection(site.port) as connection:
        connection.send('POST', path, site.body('chat-bot'))
        response = connection.head()
        connection.rest()
        assert response.status == 308
        assert response.header('location') == right
        # The body was read: the connection goes on.
        connection.send('GET', '/v1/models')
        assert connection.head().status == 200
    assert not site.dify.calls


@pytest.mark.parametrize('path', [
    '//v1//chat/completions', '//v1/chat/completions',
    '//evil.example/v1/chat/completions/', '/v1//chat/completions',
    '/\\evil.example/v1/chat/completions/', '/v1/models//'])
def test_no_way_to_another_host(bare_site, path):
    site = bare_site.start(server='''merge_slashes off; absolute_redirect off;
        location / { opendify_pass /_dify; }''')
    response = ask(site, path)
    assert response.status in (308, 404), response.body
    if response.status == 308:
        location = response.header('location')
        assert location[0] == '/' and location[1] not in '/\\', location


@pytest.mark.parametrize('path', [
    '/v1/v1/v1/chat/completions', '/v1/x/chat/completions', '/v1/chat',
    '/v1/V1/chat/completions', '/v1/chat/completions;x', '/v1/Models',
    '/v1/chat/completions/..', '/v1/chat%2Fcompletions%2Fx',
    '/api/v1/x/v1/chat/completions', '/noslashed/chat/completions'])
def test_no_route(bare_site, path):
    site = bare_site.start(server=PLACES.format(merge='on'))
    response = ask(site, path)
    assert response.status == 404 and response.error


RULES = '''
    location = {base}{rule} {{ deny all; opendify_pass /_dify; }}
    location {how} {base} {{ opendify_pass /_dify; }}
'''


@pytest.mark.parametrize('base, how', [
    ('/acl/v1/', ''), ('/acl/', ''), ('/acl/v1/', '^~'), ('/acl/v1/', '~ ^'),
    ('/acl/', '~ ^'), ('/acl', '')])
@pytest.mark.parametrize('rule', ['chat/completions', 'v1/chat/completions'])
def test_a_rule_holds_for_all_ways_to_write_it(bare_site, base, how, rule):
    slash = '' if base.endswith('/') else '/'
    if base.endswith('/v1/') and rule.startswith('v1/'):
        rule = rule[3:]
    if how == '~ ^' and base == '/acl/' and not rule.startswith('v1/'):
        rule = 'v1/' + rule
    site = bare_site.start(
        server=RULES.format(base=base, rule=slash + rule, how=how).replace(
            '~ ^ ', '~ ^'))
    root = base.rstrip('/')
    for path in ('/chat/completions', '/v1/chat/completions',
                 '/chat/completions/', '/v1/chat/completions/',
                 '//chat/completions', '/v1/v1/chat/completions',
                 '/./chat/completions', '/%63hat/completions',
                 '/x/../chat/completions', '/x/chat/completions',
                 '/chat/completions/.'):
        response = ask(site, root + path)
        assert response.status in (308, 403, 404), (path, response.status)
    assert not site.dify.calls
    assert ask(site, root + '/completions', 'GET').status == 405
