"""$opendify_* in a log of the user's own."""

import json

import pytest

import client
import dify_events
import nginx as nginx_module
from conftest import KEYS, MODELS

NAMES = ('model', 'app_mode', 'user', 'chat_id', 'conversation_id',
         'message_id', 'task_id', 'client', 'first_token_ms',
         'prompt_tokens', 'completion_tokens', 'total_tokens',
         'finish_reason', 'error', 'stopped')
FORMAT = '{' + ','.join(f'"{n}":"$opendify_{n}"' for n in NAMES) + \
    ',"status":"$status","up":"$upstream_status",' \
    '"addr":"$upstream_addr","id":"$request_id"}'


@pytest.fixture
def site(bare_site):
    return bare_site.start(
        http=f"log_format facts escape=json '{FORMAT}';",
        location=f'access_log {bare_site.dir}/facts.log facts;')


def facts(site, count=1):
    path = site.dir / 'facts.log'

    def read():
        lines = path.read_text().splitlines() if path.exists() else []
        return lines if len(lines) >= count else None

    return [json.loads(line) for line in site.dify.wait(read)][-1]


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', MODELS)
def test_a_good_answer(site, model, stream):
    response = site.ask(model, stream, [('X-OpenWebUI-Chat-Id', 'c-1')],
                        user='u-1')
    assert response.status == 200
    found, run = facts(site), site.dify.runs[0]
    assert found['model'] == model
    assert found['app_mode'] == KEYS[model][1]
    assert found['user'] == 'u-1' and found['chat_id'] == 'c-1'
    assert found['conversation_id'] == run.ids.conversation
    assert found['message_id'] == run.ids.message_id
    assert found['task_id'] == run.ids.task
    total = int(found['total_tokens'])
    assert total in (16, 20)
    assert total == int(found['prompt_tokens']) + \
        int(found['completion_tokens'])
    assert 0 <= int(found['first_token_ms']) < 1000
    assert found['finish_reason'] == 'stop'
    assert found['error'] in ('', '-')
    assert found['stopped'] in ('', '-', '0')
    assert found['status'] == '200'
    # The last call's, or those of all calls of this request.
    assert found['up'].replace(' ', '').split(',')[-1] == '200'
    assert f'127.0.0.1:{site.dify.port}' in found['addr']
    assert found['id'] in response.header('x-request-id')


def test_the_first_token(site):
    site.app('chat-bot').script = lambda ask: [(0.4, b'')] + \
        dify_events.stream('chat', ask.ids, gap_s=0.05)
    site.stream()
    assert 350 <= int(facts(site)['first_token_ms']) < 700


@pytest.mark.parametrize('stream', [True, False])
def test_a_failure(site, stream):
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, ['a'], pause_s=0.1)
    site.ask(stream=stream)
    found = facts(site)
    assert found['error'] == 'model_error_500'
    assert found['finish_reason'] in ('', '-', 'error')
    assert found['status'] == ('200' if stream else '400')


def test_an_unknown_model(site):
    site.ask('no-such')
    found = facts(site)
    assert found['error'] == 'model_not_found'
    assert found['status'] == '404'
    for name in NAMES:
        if name not in ('model', 'error', 'user', 'client', 'chat_id'):
            assert found[name] in ('', '-', '0', 'unknown'), name


def test_a_client_that_left(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a'] * 200, 0.02)
    with site.open() as connection:
        connection.head()
        connection.until(b'"a"')
        connection.leave('rst')
    found = facts(site)
    assert found['stopped'] == '1'
    assert found['task_id'] == site.dify.runs[0].ids.task
    assert found['finish_reason'] in ('', '-')


def test_the_client_is_a_hash_of_its_key(site):
    site.ask(headers=[('Authorization', 'Bearer sk-CANARYkey')])
    found = facts(site)
    assert len(found['client']) >= 16 and 'CANARY' not in found['client']


def test_a_limit_by_model(bare_site):
    site = bare_site.start(
        http='map $opendify_model $heavy { default ""; flow-bot $opendify_model'
             '; } limit_req_zone $remote_addr zone=r:1m rate=1r/m;',
        location='limit_req zone=r burst=1 nodelay; limit_req_status 429;')
    statuses = [site.ask().status for _ in range(4)]
    assert statuses[:2] == [200, 200] and statuses[2:] == [429, 429]


def test_no_variable_is_seen_by_a_plain_location(bare_site):
    """They are empty elsewhere, and no worker dies."""
    port = nginx_module.free_port()
    values = ' '.join(f'$opendify_{n}' for n in NAMES)
    site = bare_site.start(more=f'''
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "[{values} $opendify_authorization]"; }}
    }}''')
    response = client.ask(port, 'GET', '/')
    assert response.status == 200
    assert 'CANARY' not in response.body.decode()
    assert site.stream().finish == 'stop'


def test_the_key_is_not_shown_to_the_client(bare_site):
    site = bare_site.start(
        location='add_header X-Leak "[$opendify_authorization]" always;')
    response = site.ask()
    assert 'CANARY' not in str(response.headers)
