"""Fixtures: a fake Dify, an nginx in front of it, and what every test checks
at its end."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import client  # noqa: E402
import nginx as nginx_module  # noqa: E402
from fake_dify import FakeDify  # noqa: E402
from nginx import ROOT, Nginx  # noqa: E402

# One app of each kind.
KEYS = {
    'chat-bot': ('app-CANARYchat', 'chat'),
    'agent-bot': ('app-CANARYagent', 'agent-chat'),
    'flow-bot': ('app-CANARYflow', 'advanced-chat'),
    'new-agent': ('app-CANARYnew', 'agent'),
}
MODELS = tuple(KEYS)
# And the two that have no conversations.
KINDS = {
    **KEYS,
    'write-bot': ('app-CANARYwrite', 'completion'),
    'run-bot': ('app-CANARYrun', 'workflow'),
}
# The input in which those two get their text.
QUERY = {'variable': 'query', 'type': 'paragraph', 'required': True}
QUESTION = 'CANARY-question: what is the answer?'

UPSTREAM = '''
    upstream dify {{
        server 127.0.0.1:{port};
        keepalive 32;
        keepalive_timeout 1s;
    }}'''

PUBLIC = '''
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        keepalive_requests 100000;
        {server}
        location /v1/ {{
            opendify_pass /_dify;
            {location}
        }}
        {internal}
    }}
    server {{
        {h2}
        {server}
        location /v1/ {{
            opendify_pass /_dify;
            {location}
        }}
        {internal}
    }}'''

INTERNAL = '''
        location /_dify/ {{
            internal;
            {proxy}
            proxy_pass {scheme}://dify/v1/;
        }}'''


def proxy_lines(changes):
    """opendify_proxy.conf, but for the directives in `changes`."""
    changed = {line.split()[0] for line in changes.split(';') if line.strip()}
    text = (ROOT / 'conf' / 'opendify_proxy.conf').read_text()
    kept = [line for line in text.split('\n')
            if line and line.split()[0] not in changed]
    return '\n'.join(kept + [changes])


def app_lines(apps):
    """Of {name: (key, mode, more parameters...)}."""
    return '\n'.join(
        f'    opendify_app {name} key={key} {" ".join(more)};'
        for name, (key, _, *more) in apps.items())


class Site:
    """The fake, the nginx and a few short ways to talk to them."""

    def __init__(self, folder, dify):
        self.dify = dify
        self.nginx = Nginx(folder)
        self.port = nginx_module.free_port()
        self.h2_port = nginx_module.free_port()
        self.dir = self.nginx.dir
        self.apps = KEYS

    def write(self, apps=None, location='', http='', server='', proxy='',
              upstream=None, scheme='http', zone='conversations 1m',
              more='', **options):
        self.apps = apps = KEYS if apps is None else apps
        internal = INTERNAL.format(proxy=proxy_lines(proxy), scheme=scheme)
        lines = [f'    opendify_zone {zone};' if zone else '',
                 app_lines(apps), http,
                 upstream or UPSTREAM.format(port=self.dify.port)]
        public = PUBLIC.format(
            port=self.port, server=server, location=location,
            internal=internal, h2=nginx_module.h2_listen(self.h2_port))
        self.nginx.write(http='\n'.join(lines), servers=public + more,
                         **options)
        for key, mode, *_ in apps.values():
            if key not in self.dify.apps:
                self.dify.app(key, mode)
        return self

    def start(self, **how):
        self.write(**how)
        self.nginx.start()
        return self

    def app(self, model):
        return self.dify.apps[self.apps[model][0]]

    def body(self, model='chat-bot', stream=True, question=QUESTION,
             messages=None, **more):
        return {'model': model, 'stream': stream, 'messages': messages or [
            {'role': 'user', 'content': question}], **more}

    def ask(self, model='chat-bot', stream=True, headers=(), timeout=15.0,
            **more):
        return client.ask(self.port, 'POST', '/v1/chat/completions',
                          self.body(model, stream, **more), headers, timeout)

    def open(self, model='chat-bot', stream=True, headers=(), timeout=15.0,
             receive_buffer=0, **more):
        """A Connection whose request is sent, nothing read yet."""
        connection = client.Connection(self.port, timeout, receive_buffer)
        connection.send('POST', '/v1/chat/completions',
                        self.body(model, stream, **more), headers)
        return connection

    def stream(self, model='chat-bot', include_usage=False, **more):
        """The Answer of a checked stream."""
        if include_usage:
            more['stream_options'] = {'include_usage': True}
        return client.check_stream(self.ask(model, True, **more), model,
                                   include_usage)

    def fold(self, model='chat-bot', **more):
        return client.check_reply(self.ask(model, False, **more), model)

    def error(self, status, model='chat-bot', stream=True, **more):
        """The error object of a refused request."""
        response = self.ask(model, stream, **more)
        assert response.status == status, (response.status, response.body)
        return response.error


@pytest.fixture
def dify():
    fake = FakeDify().start()
    yield fake
    fake.close()
    assert not fake.faults, fake.faults[0]


@pytest.fixture
def bare_site(tmp_path, dify):
    """Not started; what starts is judged at the end."""
    site = Site(tmp_path / 'nginx', dify)
    yield site
    try:
        if site.nginx.process and site.nginx.process.poll() is None:
            site.nginx.settle()
    finally:
        site.nginx.stop()
        site.nginx.judge()


@pytest.fixture
def site(bare_site):
    """With the smallest configuration and one chat app of each kind."""
    return bare_site.start()


def start_kinds(site, apps=KINDS, fields=(QUERY,), **how):
    """Apps of all kinds; those without conversations have these inputs."""
    site.start(apps=apps, **how)
    for model, (_, mode, *_) in apps.items():
        if mode in ('completion', 'workflow'):
            site.app(model).inputs = fields
    return site


@pytest.fixture
def kinds(bare_site):
    """With one app of each kind."""
    return start_kinds(bare_site)


@pytest.fixture(params=['frames', 'bytes', 'random'])
def cut(request, dify):
    """How Dify's bytes are cut."""
    dify.cut = None if request.param == 'frames' else request.param
    return request.param
