"""Every file of conf/examples runs: as it stands, but for the addresses,
ports and folders of a test."""

import json
import re
import ssl
import subprocess

import pytest

import client
import dify_events
import nginx as nginx_module
from fake_dify import FakeDify
from nginx import ROOT, Nginx

EXAMPLES = ROOT / 'conf' / 'examples'
HEAD = 'load_module modules/ngx_http_opendify_module.so;\n\nevents {}\n\n'


class Example:
    """One example in a folder of its own, its Dify the fake."""

    def __init__(self, name, folder, dify):
        self.dify = dify
        self.dir = folder
        self.nginx = Nginx(folder / 'nginx')
        self.port = nginx_module.free_port()
        self.text = (EXAMPLES / f'{name}.conf').read_text()
        for key in re.findall(r'key=(app-\w+)', self.text):
            dify.app(key, 'chat')

    def write(self, *replacements):
        text = self.text
        head, http = text.split('http {\n', 1)
        assert head.endswith(HEAD), 'an example begins like a stock nginx.conf'
        http = http.rstrip()
        assert http.endswith('}')
        http = self.moved(http[:-1])
        for old, new in replacements:
            assert old in http, old
            http = http.replace(old, new)
        self.nginx.write(http=http)
        return self

    def moved(self, http):
        http, ports = re.subn(r'listen \d+', f'listen 127.0.0.1:{self.port}',
                              http)
        http, servers = re.subn(r'server [\w.]+:\d+;',
                                f'server 127.0.0.1:{self.dify.port};', http)
        assert ports == 1 and servers >= 1
        http = re.sub(r'include +opendify_proxy.conf',
                      f'include {ROOT}/conf/opendify_proxy.conf', http)
        http = http.replace('/var/lib/opendify', str(self.dir / 'kept'))
        for folder in ('/etc/nginx/opendify', '/var/log/nginx',
                       '/var/www/html'):
            http = http.replace(folder, str(self.dir))
        return http

    def start(self, *replacements):
        self.write(*replacements)
        self.nginx.start()
        return self

    def ask(self, model='support-bot', path='/v1', headers=(), stream=True,
            question='CANARY: what is it?'):
        body = {'model': model, 'stream': stream,
                'messages': [{'role': 'user', 'content': question}]}
        return client.ask(self.port, 'POST', f'{path}/chat/completions', body,
                          headers)

    def answer(self, model='support-bot', **more):
        return client.check_stream(self.ask(model, **more), model)

    def end(self):
        try:
            if self.nginx.process:
                self.nginx.settle()
        finally:
            self.nginx.stop()
            self.nginx.judge()


@pytest.fixture
def example(request, tmp_path, dify):
    found = Example(request.param, tmp_path, dify)
    yield found
    found.end()


def only(name):
    return pytest.mark.parametrize('example', [name], indirect=True)


def test_every_example_has_a_test():
    here = (ROOT / 't' / 'test_examples.py').read_text()
    names = {path.stem for path in EXAMPLES.glob('*.conf')}
    assert names == set(re.findall(r"^@only\('([\w-]+)'\)", here, re.M)) \
        | set(re.findall(r"Example\('([\w-]+)'", here))


@only('smallest')
def test_smallest(example):
    example.start()
    for model in ('support-bot', 'reports'):
        assert example.answer(model).text
    models = client.ask(example.port, 'GET', '/v1/models').json
    assert [m['id'] for m in models['data']] == ['support-bot', 'reports']
    # The internal location is out of reach.
    assert client.ask(example.port, 'GET', '/_dify/info').status == 404


def test_readme(tmp_path, dify):
    """The smallest configuration of the README, as it is printed there."""
    blocks = re.findall(r'```nginx\n(load_module.*?)```',
                        (ROOT / 'README.md').read_text(), re.S)
    example = Example('smallest', tmp_path, dify)
    (example.text,) = blocks
    try:
        assert example.start().answer().text
    finally:
        example.end()


@only('several-apps')
def test_several_apps(example, monkeypatch):
    keys = {'support-bot': ('app-CANARY1', 'chat'),
            'reports': ('app-CANARY2', 'advanced-chat'),
            'sales': ('app-CANARY3', 'agent-chat'),
            'team/helpdesk': ('app-CANARY4', 'chat')}
    for key, mode in keys.values():
        example.dify.app(key, mode)
    (example.dir / 'support.key').write_text('app-CANARY1\n')
    (example.dir / 'apps.json').write_text(json.dumps(
        {'sales': 'app-CANARY3', 'team/helpdesk': 'app-CANARY4'}))
    monkeypatch.setenv('REPORTS_KEY', 'app-CANARY2')
    example.start()

    for model, (key, _) in keys.items():
        assert example.answer(model, headers=[
            ('X-Department', 'east'), ('X-OpenWebUI-User-Id', 'ana')]).text
        run = example.dify.runs[-1]
        assert run.key == key
        assert run.json['inputs'] == {'department': 'east'}
        assert run.user == 'ana'
    # mode= on the directive saves the question.
    asked = {call.key for call in example.dify.find('/info')}
    assert 'app-CANARY2' not in asked and 'app-CANARY1' in asked

    told = client.ask(example.port, 'GET', '/conversations/?user=ana').json
    assert {one['model'] for one in told['data']} == set(keys)

    line = (example.dir / 'dify.log').read_text().split('\n')[0]
    for word in ('model=support-bot', 'user=ana', 'finish=stop', ' 200 '):
        assert word in line, line
    assert re.search(r'conversation=[0-9a-f-]{36} first=\d+ tokens=\d+', line)


@only('several-apps')
def test_several_apps_bots(example, monkeypatch):
    (example.dir / 'support.key').write_text('app-CANARY1\n')
    (example.dir / 'apps.json').write_text('{"sales": "app-CANARY3"}')
    monkeypatch.setenv('REPORTS_KEY', 'app-CANARY2')
    example.dify.app('app-CANARY1', 'chat')
    example.start()
    for room in ('1', '2', '1'):
        assert example.answer(path='/bots/v1',
                              headers=[('X-Room-Id', room)]).text
    first, second, third = example.dify.runs
    assert not first.json.get('conversation_id')
    assert not second.json.get('conversation_id')
    assert third.json['conversation_id'] == first.ids.conversation
    assert third.user == 'bot'


@only('limits')
def test_limits(example):
    example.start()
    refused = example.ask()
    assert (refused.status, refused.error['code']) == (401, 'invalid_api_key')
    assert not example.dify.calls

    key = [('Authorization', 'Bearer sk-team-a')]
    assert example.answer(headers=key).text
    replies = [example.ask(headers=key) for _ in range(12)]
    limited = [r for r in replies if r.status == 429]
    assert limited, 'no request was limited'
    assert limited[0].error['code'] == 'rate_limit_exceeded'
    # Another key has a limit of its own.
    other = [('Authorization', 'Bearer sk-team-b')]
    assert example.answer(headers=other).text
    assert example.dify.runs[-1].user == 'team-b'


@only('beside-site')
def test_beside_site(example):
    (example.dir / 'index.html').write_text('the site')
    example.start()
    page = client.ask(example.port, 'GET', '/')
    assert page.body == b'the site'
    # Dify's own API is what it was.
    key = re.search(r'key=(app-\w+)', example.text).group(1)
    info = client.ask(example.port, 'GET', '/v1/info',
                      headers=[('Authorization', f'Bearer {key}')])
    assert info.json['mode'] == 'chat'
    assert example.answer(path='/openai/v1').text
    models = client.ask(example.port, 'GET', '/openai/v1/models').json
    assert [m['id'] for m in models['data']] == ['support-bot']


@only('answers')
def test_answers(example):
    def script(ask):
        return dify_events.stream('agent-chat', ask.ids, resources=[
            dify_events.resource()])

    bot, translator = re.findall(r'key=(app-\w+)', example.text)
    example.dify.app(bot, 'agent-chat', script, suggested=['And then?'])
    example.dify.app(translator, 'workflow', inputs=('text', 'instructions'))
    example.start()

    full = example.answer()
    assert 'Calling current_time' in full.reasoning
    assert full.text.startswith('The answer is forty-two.\n\n[//]: #')
    assert '\n1. ' in full.text and full.text.endswith('\n- And then?')

    plain = example.answer(path='/plain/v1')
    assert (plain.text, plain.reasoning) == ('The answer is forty-two.', '')

    body = {'model': 'translator', 'messages': [
        {'role': 'system', 'content': 'Into French.'},
        {'role': 'user', 'content': 'CANARY: what is it?'}]}
    reply = client.ask(example.port, 'POST', '/v1/chat/completions', body)
    assert client.check_reply(reply, 'translator').text
    assert example.dify.runs[-1].json['inputs'] == {
        'instructions': 'Into French.', 'text': 'CANARY: what is it?'}


@only('answers')
def test_answers_to_a_form(example):
    """Dify 1.13 has its forms beside the API and wants no key there."""
    key = re.search(r'key=(app-\w+)', example.text)[1]
    example.dify.app(key, 'advanced-chat', lambda ask: dify_events.paused(
        'advanced-chat', ask.ids))
    example.start()
    asked = [{'role': 'user', 'content': 'CANARY: send it'}]
    answer = client.check_stream(client.ask(
        example.port, 'POST', '/v1/chat/completions',
        {'model': 'support-bot', 'stream': True, 'messages': asked}))
    asked += [{'role': 'assistant', 'content': answer.text},
              {'role': 'user', 'content': '1'}]
    reply = client.ask(example.port, 'POST', '/v1/chat/completions',
                       {'model': 'support-bot', 'messages': asked})
    assert client.check_reply(reply, 'support-bot').text
    calls = [call for call in example.dify.calls
             if call.path.startswith('/api/form/human_input/')]
    assert [call.method for call in calls] == ['GET', 'POST']
    sent = {name.lower() for call in calls for name, _ in call.headers}
    assert 'host' in sent and 'authorization' not in sent


def certificate(folder, name):
    """A self-signed one for `name`, in fullchain.pem and privkey.pem."""
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days',
         '2', '-subj', f'/CN={name}', '-addext', f'subjectAltName=DNS:{name}',
         '-keyout', f'{folder}/privkey.pem', '-out',
         f'{folder}/fullchain.pem'], check=True, capture_output=True)


@pytest.fixture
def tls_dify(tmp_path):
    folder = tmp_path / 'dify'
    folder.mkdir()
    certificate(folder, 'api.dify.ai')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / 'fullchain.pem', folder / 'privkey.pem')
    names = []
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    fake = FakeDify(tls=context).start()
    fake.app('app-CANARYtls', 'chat')
    fake.names = names
    fake.authority = folder / 'fullchain.pem'
    yield fake
    fake.close()


def curl(example, *more):
    body = json.dumps({'model': 'support-bot', 'stream': True, 'messages': [
        {'role': 'user', 'content': 'CANARY: over TLS?'}]})
    return subprocess.run(
        ['curl', '-sSN', '--max-time', '20', '--http2', '--cacert',
         f'{example.dir}/fullchain.pem', '--resolve',
         f'ai.example.com:{example.port}:127.0.0.1', '-w',
         '%{stderr}%{http_version}', '-H', 'Content-Type: application/json',
         '-d', body, *more,
         f'https://ai.example.com:{example.port}/v1/chat/completions'],
        capture_output=True, check=True)


@pytest.fixture
def tls_example(tmp_path, tls_dify):
    found = Example('tls', tmp_path, tls_dify)
    certificate(tmp_path, 'ai.example.com')
    (tmp_path / 'support.key').write_text('app-CANARYtls')
    yield found
    found.end()


def test_tls(tls_example):
    authority = str(tls_example.dify.authority)
    tls_example.start(('/etc/ssl/certs/ca-certificates.crt', authority))
    done = curl(tls_example)
    assert client.read_stream(done.stdout, 'support-bot').text
    assert done.stderr == b'2'
    assert set(tls_example.dify.names) == {'api.dify.ai'}


def test_tls_wrong_certificate(tls_example):
    """A Dify that cannot prove its name gets no key."""
    own = f'{tls_example.dir}/fullchain.pem'
    tls_example.start(('/etc/ssl/certs/ca-certificates.crt', own))
    done = curl(tls_example, '-w', '%{stderr}%{http_code}')
    assert done.stderr == b'502'
    assert json.loads(done.stdout)['error']['message']
    assert not tls_example.dify.calls
