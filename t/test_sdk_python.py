"""The official Python SDK, current and one release from before 1.97.2, is
the judge of streams, replies, errors and retries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dify_events
from conftest import MODELS, QUESTION
from fake_dify import TOO_MANY, error

HERE = Path(__file__).parent
OLD = Path(os.environ.get('OPENDIFY_OPENAI_1_PYTHON',
                          HERE.parent / '.venv/openai-1/bin/python'))
PYTHONS = {'current': Path(sys.executable), 'old': OLD}
TEXT = 'The answer is forty-two.'


@pytest.fixture(params=PYTHONS)
def sdk(request, site):
    """Runs sdk_client.py with one question; its JSON answer."""
    python = PYTHONS[request.param]
    assert python.exists(), f'{python} is missing: run make deps'

    def run(what, model='chat-bot', **more):
        ask = {'base_url': f'http://127.0.0.1:{site.port}/v1', 'what': what,
               'model': model, 'question': QUESTION, **more}
        done = subprocess.run(
            [python, HERE / 'sdk_client.py'], input=json.dumps(ask),
            capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize('model', MODELS)
def test_all_ways_to_ask(site, cut, sdk, model):
    for what in ('stream', 'reply', 'helper', 'async'):
        found = sdk(what, model)
        assert found['text'] == TEXT, what
        assert found['finish'] == 'stop', what
        assert found['usage'] in (16, 20), what


def test_pings_are_invisible(bare_site, request):
    site = bare_site.start(location='opendify_keepalive 100ms;')
    site.app('chat-bot').script = lambda ask: [(0.35, b'')] + \
        dify_events.stream('chat', ask.ids, gap_s=0.15)
    for python in PYTHONS.values():
        ask = {'base_url': f'http://127.0.0.1:{site.port}/v1',
               'what': 'stream', 'model': 'chat-bot', 'question': QUESTION}
        done = subprocess.run(
            [python, HERE / 'sdk_client.py'], input=json.dumps(ask),
            capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)['text'] == TEXT


def test_models(sdk):
    found = sdk('models')
    assert sorted(found['ids']) == sorted(MODELS)
    assert found['one'] == 'chat-bot'


def test_an_unknown_model(site, sdk):
    found = sdk('reply', 'no-such')
    assert found['error'] == 'NotFoundError'
    assert found['code'] == 'model_not_found'
    assert found['request_id']


@pytest.mark.parametrize('what', ['stream', 'reply'])
def test_a_failed_run_is_not_repeated(site, sdk, what):
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, [])
    found = sdk(what)
    assert found['error'] == 'BadRequestError'
    assert found['code'] == 'model_error_500'
    assert 'fake upstream exploded' in found['message']
    assert len(site.dify.runs) == 1


def test_a_failure_in_the_stream(site, cut, sdk):
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, ['a', 'b'], pause_s=0.2)
    found = sdk('stream')
    assert found['error'] == 'APIError' and found['text'] == 'ab'
    assert found['code'] == 'model_error_500'
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
    assert sdk('stream')['error'] == 'InternalServerError'
    assert len(site.dify.runs) == 1


def test_a_second_turn(site, sdk):
    first = sdk('stream')['text']
    sdk('stream', messages=[
        {'role': 'user', 'content': QUESTION},
        {'role': 'assistant', 'content': first},
        {'role': 'user', 'content': 'CANARY next'}])
    one, two = site.dify.runs
    assert two.json['conversation_id'] == one.ids.conversation
    assert two.json['query'] == 'CANARY next'


def test_leaving_a_stream(site, sdk):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a'] * 300, 0.02)
    sdk('leave')
    site.dify.wait(lambda: site.dify.runs[0].state == 'complete')
    assert len(site.dify.stops) == 1
