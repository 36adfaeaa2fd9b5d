"""GET /v1/models and /v1/models/{id}."""

import time
from urllib.parse import quote

import pytest

import client
from conftest import MODELS


def test_the_list(site):
    response = client.ask(site.port, 'GET', '/v1/models')
    assert response.status == 200
    assert response.header('content-type').startswith('application/json')
    assert response.header('x-request-id')
    value = response.json
    assert value['object'] == 'list'
    assert sorted(m['id'] for m in value['data']) == sorted(MODELS)
    for model in value['data']:
        assert model['object'] == 'model' and model['owned_by'] == 'dify'
        assert abs(model['created'] - time.time()) < 60
    assert not site.dify.calls, 'the list needs no Dify'


@pytest.mark.parametrize('path', ['/v1/models?user=u-1',
                                  '/v1/models?api-version=2024-10-21'])
def test_the_list_by_other_paths(site, path):
    assert len(client.ask(site.port, 'GET', path).json['data']) == 4


def test_the_list_by_head(site):
    with client.Connection(site.port) as connection:
        connection.send('HEAD', '/v1/models')
        response = connection.head()
    assert response.status == 200


ODD = {'org/app name': ('app-CANARY1', 'chat'),
       'größe': ('app-CANARY2', 'chat'),
       'a%2Fb': ('app-CANARY3', 'chat'),
       'x': ('app-CANARY4', 'chat')}


@pytest.mark.parametrize('name', ODD)
def test_one_model_of_any_name(bare_site, name):
    quoted = {f'"{model}"': app for model, app in ODD.items()}
    site = bare_site.start(apps=quoted)
    for model, (key, mode) in ODD.items():
        site.dify.app(key, mode)
    path = '/v1/models/' + quote(name, safe='')
    response = client.ask(site.port, 'GET', path)
    assert response.status == 200, response.body
    assert response.json['id'] == name
    if '%' not in name:
        path = '/v1/models/' + quote(name, safe='/')
        assert client.ask(site.port, 'GET', path).json['id'] == name
    assert site.stream(name).text == 'The answer is forty-two.'


@pytest.mark.parametrize('path', ['/v1/models/nope', '/v1/models/chat-bot2',
                                  '/v1/models/Chat-Bot', '/v1/models/a%2Fb'])
def test_an_unknown_model(site, path):
    response = client.ask(site.port, 'GET', path)
    assert response.status == 404
    assert response.error['code'] == 'model_not_found'
    assert response.error['type'] == 'invalid_request_error'


@pytest.mark.parametrize('method, path', [
    ('POST', '/v1/models'), ('DELETE', '/v1/models/chat-bot'),
    ('PUT', '/v1/models')])
def test_a_wrong_method(site, method, path):
    response = client.ask(site.port, method, path)
    assert response.status == 405 and response.error
    assert 'GET' in response.header('allow')


def test_the_list_after_a_reload(site):
    site.write(apps={'another': ('app-CANARYother', 'chat')})
    site.nginx.reload()
    value = client.ask(site.port, 'GET', '/v1/models').json
    assert [m['id'] for m in value['data']] == ['another']
    assert site.stream('another').text == 'The answer is forty-two.'
    assert site.error(404)['code'] == 'model_not_found'


def test_the_apps_of_opendify(bare_site):
    site = bare_site
    site.nginx.env['MODEL_CONFIG'] = (
        '{"m1": "app-CANARYm1", "team/m 2": "app-CANARYm2"}')
    site.dify.app('app-CANARYm1')
    site.dify.app('app-CANARYm2', 'advanced-chat')
    site.start(apps={}, http='opendify_apps env:MODEL_CONFIG;')
    value = client.ask(site.port, 'GET', '/v1/models').json
    assert sorted(m['id'] for m in value['data']) == ['m1', 'team/m 2']
    for model in ('m1', 'team/m 2'):
        assert site.stream(model).text == 'The answer is forty-two.'


def test_keys_from_files_and_the_environment(bare_site):
    site = bare_site
    (site.dir / 'one.key').write_text('app-CANARYfile\n')
    (site.dir / 'apps.json').write_text('{"three": "app-CANARYjson"}')
    site.nginx.env['TWO_KEY'] = 'app-CANARYenv'
    for key in ('app-CANARYfile', 'app-CANARYenv', 'app-CANARYjson'):
        site.dify.app(key)
    site.start(apps={}, http=f'''
        opendify_app one key=file:{site.dir}/one.key;
        opendify_app two key=env:TWO_KEY;
        opendify_apps file:{site.dir}/apps.json;''')
    for model, key in (('one', 'file'), ('two', 'env'), ('three', 'json')):
        site.stream(model)
        assert site.dify.runs[-1].key == 'app-CANARY' + key
