"""conf/guides/nginx-directives.md, line by line: each directive of nginx's own
that may stand in a location, in the public and in the internal one."""

import fnmatch
import http.client
import json
import re
import socket
import ssl
import subprocess

import client
import pytest
from conftest import proxy_lines
from nginx import BINARY, ROOT, free_port
from nginx_commands import location_directives

GUIDE = ROOT / 'conf' / 'guides' / 'nginx-directives.md'
ROW = re.compile(r'\| `(.+?)`(.*?) \| (works|no|\d+) \| (works|no|\d+) \|')
APPS = {'chat-bot': ('app-CANARYchat', 'chat', 'mode=chat')}
TEXT = 'The answer is forty-two.'
KNOWN = location_directives(BINARY)

HTTP = '''
    limit_conn_zone $binary_remote_addr zone=c:1m;
    limit_req_zone $binary_remote_addr zone=r:1m rate=1r/m;
    limit_req_zone $binary_remote_addr zone=slow:1m rate=20r/s;
    proxy_cache_path {dir}/cache keys_zone=pc:1m;
'''

SERVER = '''
    server {{
    listen 127.0.0.1:{port};
    set $a "";
    location /aux {{ return 204; }}
    location = /no {{ return 403; }}
    location = /hang {{ internal; proxy_pass http://127.0.0.1:{silent};
                        proxy_read_timeout 1s; }}
    location /_dify/ {{ internal; proxy_pass http://dify/v1/; {plain} }}
    location @pass {{ opendify_pass /_dify; }}
    location @proxy {{ rewrite ^/[a-z0-9]+/(.*)$ /v1/$1 break; {plain}
                       proxy_pass http://dify; }}
'''


def rows():
    for line in GUIDE.read_text().split('\n'):
        found = ROW.fullmatch(line)
        if found:
            text, more, public, internal = found.groups()
            names = re.findall(r'(?:^|[;{}]) *([a-z0-9_]+)', text)
            yield text, names, re.findall('`(.+?)`', more), public, internal
        else:
            assert not line.startswith('| `'), line


ROWS = list(rows())
TRIED = [row for row in ROWS if set(row[1]) <= KNOWN]


def public(text, prefix, target='/_dify'):
    return (f'location {prefix}/v1/ {{ opendify_pass {target}; {text} }}\n')


def internal(text, name):
    text = text.replace('@pass', '@proxy')
    closed = '' if text == 'internal;' else 'internal;'
    return (f'location /{name}/ {{ {closed} proxy_pass http://dify/v1/;'
            f'{proxy_lines(text)} }}\n')


def places():
    """(what it is, the path, what is said of it, the lines)."""
    for n, (text, _, _, outside, inside) in enumerate(TRIED):
        yield (f'{text} public', f'/p{n}', outside, public(text, f'/p{n}'))
        yield (f'{text} internal', f'/q{n}', inside,
               internal(text, f'd{n}') + public('', f'/q{n}', f'/d{n}'))


def test_every_directive_is_in_the_list():
    named = {name for row in ROWS for name in row[1]}
    patterns = [pattern for row in ROWS for pattern in row[2]]
    missing = {name for name in KNOWN - named
               if not any(fnmatch.fnmatch(name, p) for p in patterns)
               and not name.startswith('opendify_')}
    assert not missing
    assert len(TRIED) > 150


@pytest.fixture
def silent():
    """A server that never answers."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        sock.listen()
        yield sock.getsockname()[1]


def prepare(site, silent, lines):
    (site.dir / 'empty.conf').write_text('')
    (site.dir / 'users').write_text('x:{PLAIN}y\n')
    port = free_port()
    head = SERVER.format(port=port, silent=silent, plain=proxy_lines(''))
    site.write(apps=APPS, http=HTTP.format(dir=site.dir),
               more=head + lines + '}')
    site.port = port
    return site


def ask(site, path, model='chat-bot', stream=True):
    return client.ask(site.port, 'POST', path + '/v1/chat/completions',
                      site.body(model, stream))


def try_one(site, path, said):
    whole, folded = ask(site, path), ask(site, path, stream=False)
    if said != 'works':
        for response in (whole, folded):
            assert response.status == int(said), response
            if response.status >= 400:
                assert client.check_error_body(response)
            assert TEXT.encode() not in response.body
        return
    assert whole.status == 200, (whole.status, whole.body)
    assert client.read_stream(whole.body, 'chat-bot').text == TEXT
    assert folded.status == 200, (folded.status, folded.body)
    assert folded.json['choices'][0]['message']['content'] == TEXT
    wrong = ask(site, path, 'nobody')
    assert wrong.status == 404 and wrong.json['error'], wrong


def test_what_works_and_what_nginx_answers(bare_site, silent):
    chosen = [place for place in places() if place[2] != 'no']
    site = prepare(bare_site, silent, ''.join(p[3] for p in chosen))
    site.nginx.start()
    wrong = []
    for what, path, said, _ in chosen:
        try:
            try_one(site, path, said)
        except (AssertionError, client.Closed, OSError, KeyError,
                ValueError) as error:
            wrong.append(f'{what}: {said}: {str(error)[:150]!r}')
    assert not wrong, '\n'.join(wrong)


@pytest.mark.parametrize('place', [p for p in places() if p[2] == 'no'],
                         ids=lambda place: place[0])
def test_what_nginx_refuses(bare_site, silent, place):
    what, _, _, lines = place
    bare_site.nginx.allowed.append(r'\[emerg\]')
    code, said = prepare(bare_site, silent, lines).nginx.test()
    name = what.split()[0].rstrip(';')
    assert code != 0
    assert name in said or '"opendify_pass"' in said
    assert re.search(r'\[emerg\].{30}', said)


def test_a_page_of_another_origin(bare_site):
    """The example of the guide, as it stands there."""
    (example,) = re.findall('```nginx\n(.*?)```', GUIDE.read_text(), re.S)
    example = example.replace('/v1/', '/pages/v1/', 1)
    site = bare_site.start(apps=APPS, server=example)
    wanted = 'authorization,content-type,x-stainless-os'
    origin = [('Origin', 'https://chat.example.com')]
    path = '/pages/v1/chat/completions'
    first = client.ask(site.port, 'OPTIONS', path, b'', [
        *origin, ('Access-Control-Request-Method', 'POST'),
        ('Access-Control-Request-Headers', wanted)])
    assert first.status == 204
    assert first.header('access-control-allow-headers') == wanted
    for model, stream in (('chat-bot', True), ('chat-bot', False),
                          ('nobody', True)):
        answer = client.ask(site.port, 'POST', path,
                            site.body(model, stream), origin)
        assert answer.status == (404 if model == 'nobody' else 200)
        assert answer.header('access-control-allow-origin') == origin[0][1]


@pytest.mark.parametrize('text', [
    'opendify_pass /_dify; proxy_pass http://dify;',
    'proxy_pass http://dify; opendify_pass /_dify;',
    'stub_status; opendify_pass /_dify;'])
def test_two_that_answer(bare_site, text):
    bare_site.nginx.allowed.append(r'\[emerg\]')
    code, said = bare_site.write(
        server=f'location /two/ {{ {text} }}').nginx.test()
    assert code != 0 and 'a location of its own' in said


def test_an_if_that_answers(bare_site):
    site = bare_site.start(apps=APPS, server='''location /if/v1/ {
        if ($http_x_elsewhere) { proxy_pass http://dify; }
        opendify_pass /_dify; }''')
    path = '/if/v1/models'
    assert client.ask(site.port, 'GET', path).status == 200
    assert client.ask(site.port, 'GET', path, b'',
                      [('X-Elsewhere', '1')]).status == 404
    assert site.dify.find('/if/v1/models')


ACCEL = [('X-Accel-Redirect', '/secret'), ('X-Accel-Limit-Rate', '1'),
         ('X-Accel-Buffering', 'yes'), ('X-Accel-Expires', '3600'),
         ('X-Accel-Charset', 'koi8-r'), ('Set-Cookie', 'a=b'),
         ('Refresh', '1; url=http://elsewhere.example/'),
         ('Cache-Control', 'max-age=3600'), ('Link', '</x>; rel=preload')]


@pytest.mark.parametrize('stream', [True, False])
def test_what_dify_says_to_an_nginx(bare_site, stream):
    site = bare_site.start(apps=APPS, server='''
        location = /secret { internal; return 200 "secret"; }''')
    site.dify.more_headers = ACCEL
    response = site.ask(stream=stream)
    judge = client.check_stream if stream else client.check_reply
    assert judge(response, 'chat-bot').text == TEXT
    assert b'secret' not in response.body
    for name in ('set-cookie', 'refresh', 'link'):
        assert response.header(name) is None


def test_a_redirect_to_tls(bare_site, tmp_path):
    """Clients that have TLS are sent nowhere, nor are their calls."""
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
         '-keyout', tmp_path / 'key', '-out', tmp_path / 'cert', '-days', '2',
         '-subj', '/CN=opendify.test'], check=True, capture_output=True)
    port = free_port()
    seen = ('proxy_set_header Authorization $opendify_authorization;'
            'proxy_set_header X-Seen "$scheme $https $ssl_protocol";')
    site = bare_site.start(apps=APPS, more=f'''server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {tmp_path}/cert;
        ssl_certificate_key {tmp_path}/key;
        if ($scheme = http) {{ return 301 https://$host$request_uri; }}
        location /v1/ {{ opendify_pass /_dify; }}
        location /_dify/ {{
            internal; {proxy_lines(seen)}
            if ($https != on) {{ return 301 https://$host$request_uri; }}
            proxy_pass http://dify/v1/;
        }} }}''')
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for stream in (True, False):
        connection = http.client.HTTPSConnection('127.0.0.1', port,
                                                 context=context)
        connection.request('POST', '/v1/chat/completions',
                           json.dumps(site.body(stream=stream)))
        response = connection.getresponse()
        assert response.status == 200
        assert b'"finish_reason":"stop"' in response.read()
        connection.close()
    seen = [call.header('X-Seen') for call in site.dify.calls]
    assert len(seen) >= 3
    assert all(re.fullmatch(r'https on TLSv1\.\d', one) for one in seen)
