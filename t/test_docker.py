"""The image without a docker daemon: what the Dockerfile copies is copied,
and its entry point is run."""

import os
import re
import shlex
import signal
import subprocess
import time

import pytest

import client
import nginx as nginx_module
from nginx import BINARY, MODULE, ROOT

DOCKERFILE = (ROOT / 'docker' / 'Dockerfile').read_text()


def instructions(word):
    joined = DOCKERFILE.replace('\\\n', ' ')
    return [line.split(None, 1)[1] for line in joined.split('\n')
            if line.startswith(word + ' ')]


class Container:
    def __init__(self, folder):
        self.root = folder / 'image'
        self.run_dir = folder / 'run'
        self.port = nginx_module.free_port()
        self.process = None
        for line in instructions('COPY'):
            words = shlex.split(line)
            if words[0].startswith('--from') or words[0] == '.':
                continue
            target = self.root / words[1].lstrip('/')
            target.mkdir(parents=True, exist_ok=True)
            (source,) = words[:1]
            data = ROOT / source
            copy = target / data.name
            copy.write_bytes(data.read_bytes())
            copy.chmod(data.stat().st_mode)
        (entry,) = instructions('ENTRYPOINT')
        self.entry = self.root / entry.strip('["]').lstrip('/')
        self.wrap_nginx(folder)

    def wrap_nginx(self, folder):
        """The nginx under test; as root its workers get at the folder."""
        bin_dir = folder / 'bin'
        bin_dir.mkdir()
        user = '-g "user root;"' if os.geteuid() == 0 else ''
        script = bin_dir / 'nginx'
        script.write_text(f'#!/bin/sh\nexec {BINARY} {user} "$@"\n')
        script.chmod(0o755)
        self.path = f'{bin_dir}:{os.environ["PATH"]}'

    def environment(self, **settings):
        return {'PATH': self.path, 'OPENDIFY_RUN': str(self.run_dir),
                'OPENDIFY_MODULE': MODULE, 'SERVER_PORT': str(self.port),
                **{k: v for k, v in os.environ.items() if 'SAN_' in k},
                **settings}

    def start(self, **settings):
        self.output = open(self.root / 'output', 'wb')
        self.process = subprocess.Popen(
            [self.entry], stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=self.output, env=self.environment(**settings))
        deadline = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, self.said()
            try:
                return client.ask(self.port, 'GET', '/v1/models')
            except OSError:
                assert time.monotonic() < deadline, self.said()
                time.sleep(0.02)

    def refuse(self, **settings):
        """What it says when it does not start."""
        done = subprocess.run(
            [self.entry], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=20, check=False, env=self.environment(**settings))
        assert done.returncode != 0
        return done.stderr.decode()

    def said(self):
        return (self.root / 'output').read_text(errors='replace')

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(15)


@pytest.fixture
def container(tmp_path):
    if not MODULE:
        # The image loads the module; a linked one has nothing to load.
        template = (ROOT / 'docker' / 'nginx.conf.in').read_text()
        assert 'load_module @MODULE@;' in template
    made = Container(tmp_path)
    if not MODULE:
        conf = made.entry.parent / 'nginx.conf.in'
        conf.write_text(template.replace('load_module @MODULE@;', ''))
    yield made
    made.stop()
    if made.process:
        assert 'CANARY' not in made.said()
        assert not re.search(r'\[(alert|crit|emerg)\]|Sanitizer', made.said())


def test_serves(container, dify):
    dify.app('app-CANARY', 'chat')
    models = container.start(
        DIFY_API_BASE=f'http://127.0.0.1:{dify.port}/v1',
        MODEL_CONFIG='{"a model": "app-CANARY", "x/y": "app-CANARY-2"}')
    assert [m['id'] for m in models.json['data']] == ['a model', 'x/y']
    answer = client.ask(container.port, 'POST', '/v1/chat/completions', {
        'model': 'a model', 'stream': True,
        'messages': [{'role': 'user', 'content': 'CANARY?'}]})
    assert client.check_stream(answer, 'a model').text
    assert dify.runs[-1].header('host') == f'127.0.0.1:{dify.port}'


def test_health_check(container, dify):
    container.start(DIFY_API_BASE=f'http://127.0.0.1:{dify.port}/v1/',
                    MODEL_CONFIG='{"m": "app-CANARY"}')
    (check,) = instructions('HEALTHCHECK')
    command = check.split('CMD ', 1)[1]
    subprocess.run(['sh', '-c', command], check=True, timeout=10,
                   env=container.environment())
    container.stop()
    assert subprocess.run(['sh', '-c', command], check=False, timeout=10,
                          capture_output=True,
                          env=container.environment()).returncode != 0


def test_not_root():
    (user,) = instructions('USER')
    assert user == 'www-data'


@pytest.mark.parametrize('settings, word', [
    ({'DIFY_API_BASE': 'http://127.0.0.1/v1'}, 'MODEL_CONFIG is not set'),
    ({'MODEL_CONFIG': '{"m": "app-CANARY"}'}, 'DIFY_API_BASE is not set'),
    ({'MODEL_CONFIG': '{"m": "app-CANARY"}', 'DIFY_API_BASE': 'dify:80'},
     'has to be a URL'),
    ({'MODEL_CONFIG': '{"m": "app-CANARY"}',
      'DIFY_API_BASE': 'http://h/v1; x'}, 'has to be a URL'),
    ({'MODEL_CONFIG': '{"m": "app-CANARY"}', 'SERVER_PORT': 'http',
      'DIFY_API_BASE': 'http://127.0.0.1/v1'}, 'SERVER_PORT has to be'),
    ({'MODEL_CONFIG': '{"m": "app-CANARY"', 'SERVER_PORT': '1024',
      'DIFY_API_BASE': 'http://127.0.0.1/v1'}, '[emerg]'),
])
def test_refuses(container, settings, word):
    said = container.refuse(**settings)
    assert word in said
    assert 'CANARY' not in said


def test_compose_names_what_exists():
    text = (ROOT / 'docker' / 'compose.yaml').read_text()
    assert 'dockerfile: docker/Dockerfile' in text
    (default,) = re.findall(r'ENV_FILE:-(\S+?)\}', text)
    lines = (ROOT / 'docker' / default).read_text().split()
    assert {line.split('=')[0] for line in lines} == {
        'DIFY_API_BASE', 'MODEL_CONFIG'}
    assert (ROOT / 'conf' / 'demo' / 'demo_dify.py').exists()
