"""nginx -t: mistakes stop it and say what to do; secrets are not shown."""

import pytest

import client
import dify_events
from conftest import KEYS

GOOD = 'opendify_app bot key=app-CANARYchat;'


def check(site, expect_ok, needle='', **how):
    how.setdefault('apps', {})
    how.setdefault('http', GOOD)
    site.write(**how)
    code, said = site.nginx.test()
    assert (code == 0) == expect_ok, said
    assert 'CANARY' not in said, said
    if not expect_ok:
        assert 'nginx.conf:' in said or 'opendify' in said
        assert needle.lower() in said.lower(), said
    return said


@pytest.fixture
def conf(bare_site):
    bare_site.nginx.allowed.append(r'\[emerg\]')
    return bare_site


@pytest.mark.parametrize('lines', [
    GOOD,
    'opendify_app bot key=app-CANARYchat mode=chat;',
    'opendify_app bot mode=advanced-chat key=app-CANARYchat;',
    'opendify_app "a b/c" key=app-CANARYchat;',
    'opendify_keepalive 5s; opendify_stall 1s; opendify_drain 2s;' + GOOD,
    'opendify_user $http_x_user $remote_user; opendify_client $remote_addr;'
    'opendify_chat_id $http_x_chat; opendify_input a "x$host";' + GOOD,
    'opendify_memory chat;' + GOOD,
    'opendify_app bot key=app-CANARYchat query_input=ask output=reply;',
    'opendify_reasoning inline; opendify_steps reasoning;'
    'opendify_footnotes on; opendify_suggested text;' + GOOD,
    'opendify_reasoning content; opendify_steps off; opendify_footnotes off;'
    'opendify_suggested off; opendify_moderation_window 0;' + GOOD,
    'opendify_moderation_window 500ms; opendify_system_input rules;' + GOOD,
    'opendify_max_event_size 1k;' + GOOD,
    'opendify_max_event_size 16m;' + GOOD,
    'opendify_continue_text "Go on.";' + GOOD,
    'opendify_pace off;' + GOOD,
    'opendify_pace smooth;' + GOOD,
    'opendify_pace smooth max_lag=40ms;' + GOOD,
    'opendify_pace smooth max_lag=10s;' + GOOD,
    'opendify_files_origin https://dify.example.com;' + GOOD,
    'opendify_files_origin http://[::1]:8080/;' + GOOD,
])
def test_good_configurations(conf, lines):
    check(conf, True, http=lines)


def test_a_zone_with_ttl(conf):
    check(conf, True, zone='conversations 2m ttl=1d')


@pytest.mark.parametrize('lines, needle', [
    ('', 'opendify_app'),
    ('opendify_app bot;', 'key'),
    ('opendify_app;', 'opendify_app'),
    ('opendify_app "" key=app-CANARYchat;', 'empty'),
    ('opendify_app bot key=;', 'key'),
    ('opendify_app bot key="app CANARY";', 'key'),
    (GOOD + GOOD, 'twice'),
    ('opendify_app bot key=app-CANARYchat colour=red;', 'parameter'),
    ('opendify_app bot app-CANARYchat;', 'key='),
    ('opendify_app bot key=app-CANARYchat mode=video;', 'mode'),
    ('opendify_app bot key=file:/no/such.key;', '/no/such.key'),
    ('opendify_app bot key=env:OPENDIFY_NO_SUCH;', 'OPENDIFY_NO_SUCH'),
    ('opendify_apps env:OPENDIFY_NO_SUCH;', 'OPENDIFY_NO_SUCH'),
    ('opendify_apps file:/no/such.json;', '/no/such.json'),
    ('opendify_apps app-CANARYchat;', 'env:'),
    ('opendify_memory sometimes;' + GOOD, 'sometimes'),
    ('opendify_tasks sometimes;' + GOOD, 'isolate, app=NAME'),
    ('opendify_tasks app=;' + GOOD, 'app=NAME'),
    ('opendify_tasks app=nobody;' + GOOD, 'names no model'),
    ('opendify_tasks off; opendify_tasks off;' + GOOD, 'duplicate'),
    ('opendify_keepalive soon;' + GOOD, 'opendify_keepalive'),
    ('opendify_zone other 1m;' + GOOD, 'twice'),
    ('opendify_app bot key=app-CANARYchat query_input=;', 'query_input='),
    ('opendify_app bot key=app-CANARYchat output=;', 'output='),
    ('opendify_app bot key=app-CANARYchat input=ask;', 'query_input='),
    ('opendify_reasoning yes;' + GOOD, 'content, inline or off'),
    ('opendify_reasoning;' + GOOD, 'opendify_reasoning'),
    ('opendify_steps on;' + GOOD, 'off or reasoning'),
    ('opendify_suggested on;' + GOOD, 'off or text'),
    ('opendify_memory both;' + GOOD, 'history or chat'),
    ('opendify_footnotes text;' + GOOD, 'must be "on" or "off"'),
    ('opendify_moderation_window long;' + GOOD,
     'opendify_moderation_window'),
    ('opendify_max_event_size big;' + GOOD, 'opendify_max_event_size'),
    ('opendify_max_event_size 1023;' + GOOD, '1024'),
    ('opendify_pace on;' + GOOD, 'off, smooth'),
    ('opendify_pace off max_lag=50ms;' + GOOD, 'off, smooth'),
    ('opendify_pace smooth lag=50ms;' + GOOD, 'max_lag=TIME'),
    ('opendify_pace smooth max_lag=;' + GOOD, 'max_lag=TIME'),
    ('opendify_pace smooth max_lag=soon;' + GOOD, 'max_lag=TIME'),
    ('opendify_pace smooth max_lag=39ms;' + GOOD, 'from 40ms to 10s'),
    ('opendify_pace smooth max_lag=11s;' + GOOD, 'from 40ms to 10s'),
    ('opendify_pace off; opendify_pace smooth;' + GOOD, 'duplicate'),
    ('opendify_files_origin dify.example.com;' + GOOD, 'https://'),
    ('opendify_files_origin ftp://dify.example.com;' + GOOD, 'https://'),
    ('opendify_files_origin https://;' + GOOD, 'https://dify'),
    ('opendify_files_origin https://dify.example.com/files;' + GOOD,
     'scheme and host'),
    ('opendify_files_origin "https://dify.example.com?a=1";' + GOOD,
     'scheme and host'),
    ('opendify_files_origin "https://dify example";' + GOOD,
     'scheme and host'),
    ('opendify_files_origin "";' + GOOD, 'scheme and host'),
    ('opendify_system_input;' + GOOD, 'opendify_system_input'),
    ('opendify_continue_text " ";' + GOOD, 'needs a text'),
    ('opendify_continue_text a; opendify_continue_text b;' + GOOD,
     'duplicate'),
    ('opendify_reasoning off; opendify_reasoning off;' + GOOD, 'duplicate'),
    ('opendify_form_pass /_form;' + GOOD, 'not allowed here'),
])
def test_mistakes(conf, lines, needle):
    check(conf, False, needle, http=lines)


@pytest.mark.parametrize('zone, needle', [
    (None, 'opendify_zone'),
    ('conversations', 'opendify_zone'),
    ('conversations 1k', 'size'),
    ('conversations lots', 'lots'),
    ('conversations 1m ttl=never', 'ttl'),
    ('conversations 1m speed=9', 'speed=9'),
])
def test_mistakes_in_the_zone(conf, zone, needle):
    check(conf, False, needle, zone=zone)


@pytest.mark.parametrize('text, needle', [
    ('{"m": ', 'MODEL_CONFIG'),
    ('[]', 'MODEL_CONFIG'),
    ('{"m": 3}', 'MODEL_CONFIG'),
    ('{}', ''),
    ('{"": "app-CANARYx"}', ''),
    ('{"m": ""}', ''),
])
def test_mistakes_in_a_list(conf, text, needle):
    conf.nginx.env['MODEL_CONFIG'] = text
    check(conf, False, needle, http='opendify_apps env:MODEL_CONFIG;')


def test_a_name_in_both_places(conf):
    conf.nginx.env['MODEL_CONFIG'] = '{"bot": "app-CANARYx"}'
    check(conf, False, 'twice', http=GOOD + 'opendify_apps env:MODEL_CONFIG;')


@pytest.mark.parametrize('location, needle', [
    ('opendify_pass /another;', 'duplicate'),
    ('opendify_user;', 'opendify_user'),
    ('opendify_input one;', 'opendify_input'),
])
def test_mistakes_in_a_location(conf, location, needle):
    check(conf, False, needle, location=location)


FORMS = ('location /_form/ { internal; '
         'proxy_pass http://127.0.0.1:1/api/; }')


@pytest.mark.parametrize('how', [
    dict(location='opendify_form_pass /_form;'),
    dict(location='opendify_form_pass /_form/;'),
    dict(server='opendify_form_pass /_form;'),
])
def test_a_form_pass(conf, how):
    how['server'] = how.get('server', '') + FORMS
    check(conf, True, **how)


@pytest.mark.parametrize('target', ['/_form', '_form', '""', '/',
                                    'http://127.0.0.1:1/api'])
@pytest.mark.parametrize('level', ['location', 'server'])
def test_a_form_pass_that_leads_nowhere(conf, level, target):
    said = check(conf, False, f'opendify_form_pass {target}'.strip('"'),
                 **{level: f'opendify_form_pass {target};'})
    assert 'proxies' in said


@pytest.mark.parametrize('target', ['_dify', '""', 'http://127.0.0.1:1'])
def test_a_pass_target_that_is_no_location(conf, target):
    more = ('server { listen 127.0.0.1:1; location /v1/ { '
            f'opendify_pass {target}; }} }}')
    check(conf, False, 'opendify_pass', more=more)


def pass_gone(conf, more):
    """What nginx -t says of a pass to /gone beside these locations."""
    site = conf.write(server=more)
    path = site.dir / 'nginx.conf'
    path.write_text(path.read_text().replace('opendify_pass /_dify;',
                                             'opendify_pass /gone;'))
    return site.nginx.test()


@pytest.mark.parametrize('more', [
    '',
    'location = /gone { proxy_pass http://dify; }',
    'location /gone/ { root /tmp; }',
    'location / { location /gone/ { internal; } }',
])
def test_a_pass_target_that_does_not_proxy(conf, more):
    code, said = pass_gone(conf, more)
    assert code != 0
    assert '"opendify_pass /gone"' in said and 'nginx.conf:' in said


@pytest.mark.parametrize('more', [
    'location /gone/ { internal; proxy_pass http://dify/v1/; }',
    'location /g { proxy_pass http://dify/v1/; } location /go/ { root /; }',
    'location ~ ^/go(.*) { proxy_pass http://dify$1; }',
    'location / { root /; location /gone/ { proxy_pass http://dify; } }',
])
def test_a_pass_target_that_proxies(conf, more):
    code, said = pass_gone(conf, more)
    assert code == 0, said


def test_inheritance(bare_site):
    site = bare_site.start(
        http='opendify_user from-http; opendify_input a http;',
        server='opendify_user from-server;',
        location='opendify_input b "$http_x_b";')
    site.stream(headers=[('X-B', 'two words')], user='ignored')
    body = site.dify.runs[0].json
    assert body['user'] == 'from-server'
    assert body['inputs'] == {'b': 'two words'}


def test_how_an_answer_looks_is_inherited(bare_site):
    site = bare_site.start(
        http='opendify_reasoning off; opendify_footnotes on;'
             'opendify_files_origin https://dify.example.com;',
        server='opendify_reasoning inline;',
        location='opendify_footnotes off;')
    thought = '<think>\nHm.\n</think>\n\nIt is 4.'
    site.app('flow-bot').script = lambda ask: dify_events.stream(
        'advanced-chat', ask.ids, [thought],
        resources=[dify_events.resource()],
        files=[dify_events.file_object('advanced-chat', '/files/a.png')])
    assert site.stream('flow-bot').text == (
        thought + '\n\n![cat.png](https://dify.example.com/files/a.png)')


def test_the_system_text_becomes_an_input(bare_site):
    site = bare_site.start(location='opendify_system_input rules;')
    site.stream(messages=[{'role': 'system', 'content': 'Be kind.'},
                          {'role': 'user', 'content': 'CANARY one'}])
    body = site.dify.runs[0].json
    assert body['inputs'] == {'rules': 'Be kind.'}
    assert body['query'] == 'CANARY one'


def test_input_and_output_of_a_workflow(bare_site):
    key = 'app-CANARYrun'
    site = bare_site.start(apps={}, http=(
        f'opendify_app bot key={key} query_input=ask output=reply;'))
    site.dify.app(key, 'workflow', inputs=('ask',)).script = (
        lambda ask: dify_events.stream('workflow', ask.ids, [], outputs={
            'draft': 'no', 'reply': 'It is 4.'}))
    for answer in (site.stream('bot'), site.fold('bot')):
        assert answer.text == 'It is 4.'
    assert site.dify.runs[0].json['inputs'] == {
        'ask': 'CANARY-question: what is the answer?'}


def test_a_configured_input_wins(bare_site):
    site = bare_site.start(location='opendify_input city $http_x_city;')
    site.stream(headers=[('X-City', 'Porto "x"')],
                inputs={'city': 'Rome', 'n': 1})
    assert site.dify.runs[0].json['inputs'] == {'city': 'Porto "x"', 'n': 1}


def test_a_mode_of_the_directive_asks_nobody(bare_site):
    key = KEYS['flow-bot'][0]
    site = bare_site.start(apps={}, http=(
        f'opendify_app flow-bot key={key} mode=advanced-chat;'))
    site.dify.app(key, 'advanced-chat')
    site.stream('flow-bot')
    assert not site.dify.find('/info')


def test_info_is_asked_once(bare_site):
    site = bare_site.start(workers=2)
    for _ in range(6):
        site.stream()
    assert len(site.dify.find('/info')) <= 2
    before = len(site.dify.find('/info'))
    site.stream()
    assert len(site.dify.find('/info')) == before


def test_the_key_is_not_an_answer(site):
    for path in ('/v1/models', '/v1/models/chat-bot', '/v1/nope'):
        assert b'CANARY' not in client.ask(site.port, 'GET', path).body
