"""What an app wants to be given: asked from it, checked before it runs."""

import time

import pytest

import dify_events
from conftest import KINDS, QUERY, QUESTION, start_kinds
from fake_dify import CUT, Reply, error, json_reply

TEXT = 'The answer is forty-two.'
CITY = {'variable': 'city', 'required': True, 'max_length': 5}
COLOUR = {'variable': 'colour', 'type': 'select', 'options': ['red', 'blue']}
COUNT = {'variable': 'count', 'type': 'number'}
FLAG = {'variable': 'flag', 'type': 'checkbox'}
PLACE = {'variable': 'place', 'type': 'json_object'}
WANTED = (CITY, COLOUR, COUNT, FLAG, PLACE)
GOOD = {'city': 'Porto', 'colour': 'red', 'count': 3, 'flag': True,
        'place': {'x': 1}}


def want(site, model, *fields):
    """Beside the one that takes the text."""
    loner = KINDS[model][1] in ('completion', 'workflow')
    site.app(model).inputs = fields + ((QUERY,) if loner else ())


def asked(site):
    return site.dify.find('/parameters', 'GET')


def given(site):
    """Inputs of the last run, without the text."""
    inputs = dict(site.dify.runs[-1].json['inputs'])
    inputs.pop('query', None)
    return inputs


# --- checked before anything runs ------------------------------------------

@pytest.mark.parametrize('change, name', [
    ({'city': None}, 'city'),
    ({'city': 'Lisboa'}, 'city'),
    ({'city': 7}, 'city'),
    ({'colour': 'green'}, 'colour'),
    ({'colour': ['red']}, 'colour'),
    ({'count': 'many'}, 'count'),
    ({'count': True}, 'count'),
    ({'flag': 'maybe'}, 'flag'),
    ({'place': 'here'}, 'place'),
])
@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', KINDS)
def test_a_wrong_input(kinds, model, stream, change, name):
    want(kinds, model, *WANTED)
    began = time.monotonic()
    for inputs in ({**GOOD, **change}, {**GOOD, **change}):
        found = kinds.error(400, model, stream, inputs=inputs)
        assert found['type'] == 'invalid_request_error'
        assert found['param'] == f'inputs.{name}'
        assert name in found['message']
    assert not kinds.dify.runs
    assert time.monotonic() - began < 10


@pytest.mark.parametrize('model', KINDS)
def test_a_city_that_is_not_named(kinds, model):
    want(kinds, model, CITY)
    for stream in (True, False):
        found = kinds.error(400, model, stream)
        assert found['param'] == 'inputs.city'
    assert not kinds.dify.runs


@pytest.mark.parametrize('change', [
    {}, {'city': 'Évora'}, {'colour': None}, {'count': '3'}, {'count': ''},
    {'count': 2.5}, {'flag': 'yes'}, {'flag': 0}, {'more': 'x'}])
@pytest.mark.parametrize('model', KINDS)
def test_good_inputs(kinds, model, change):
    want(kinds, model, *WANTED)
    inputs = {**GOOD, **change}
    assert kinds.stream(model, inputs=inputs).text == TEXT
    assert given(kinds) == inputs


def test_the_text_of_a_workflow_is_checked_too(bare_site):
    short = {'variable': 'query', 'type': 'text-input', 'required': True,
             'max_length': 40}
    site = start_kinds(bare_site, fields=(short,))
    for model in ('write-bot', 'run-bot'):
        assert site.stream(model).text == TEXT
        found = site.error(400, model, question='CANARY' * 10)
        assert found['param'] == 'inputs.query'
    assert len(site.dify.runs) == 2


# --- where they come from --------------------------------------------------

@pytest.mark.parametrize('model', KINDS)
def test_who_wins(bare_site, model):
    """The configuration, then `inputs`, then the metadata."""
    site = start_kinds(bare_site, location='''
        opendify_input a $http_x_a;
        opendify_input b conf;''')
    body = {'inputs': {'a': 'body', 'b': 'body', 'c': 'body'},
            'metadata': {'inputs.c': 'meta', 'inputs.d': 'meta', 'e': 'x'}}
    site.stream(model, **body)
    assert given(site) == {
        'a': 'body', 'b': 'conf', 'c': 'body', 'd': 'meta'}
    site.stream(model, headers=[('X-A', 'head')], **body)
    assert given(site) == {
        'a': 'head', 'b': 'conf', 'c': 'body', 'd': 'meta'}


def test_a_required_input_of_the_configuration(bare_site):
    site = start_kinds(bare_site, location='opendify_input city $http_x_city;')
    for model in KINDS:
        want(site, model, CITY)
        runs = len(site.dify.runs)
        assert site.error(400, model)['param'] == 'inputs.city'
        assert len(site.dify.runs) == runs
        site.stream(model, headers=[('X-City', 'Porto')])
        assert given(site) == {'city': 'Porto'}


@pytest.mark.parametrize('model', KINDS)
def test_defaults_of_required_inputs(kinds, model):
    want(kinds, model, {**CITY, 'default': 'Braga'},
         {**COLOUR, 'required': True, 'default': 'blue'},
         {**COUNT, 'required': True, 'default': 7},
         {'variable': 'note', 'default': 'not required, so Dify\'s'})
    kinds.stream(model)
    assert given(kinds) == {'city': 'Braga', 'colour': 'blue', 'count': 7}
    kinds.stream(model, inputs={'city': 'Porto'})
    assert given(kinds) == {'city': 'Porto', 'colour': 'blue', 'count': 7}


def test_a_default_that_is_no_option(kinds):
    want(kinds, 'flow-bot', {**COLOUR, 'required': True,
                             'default': 'green'})
    found = kinds.error(400, 'flow-bot')
    assert found['param'] == 'inputs.colour'
    assert not kinds.dify.runs


# --- asked once ------------------------------------------------------------

@pytest.mark.parametrize('model', KINDS)
def test_an_app_is_asked_once(kinds, model):
    for stream in (True, False, True):
        kinds.ask(model, stream, user='u-5')
    (call,) = asked(kinds)
    assert call.key == KINDS[model][0]
    assert call.args == {'user': 'u-5'}
    assert len(kinds.dify.find('/info')) == 1
    other = 'chat-bot' if model != 'chat-bot' else 'flow-bot'
    kinds.stream(other)
    assert [c.key for c in asked(kinds)] == [
        KINDS[model][0], KINDS[other][0]]


def test_new_workers_ask_anew(kinds):
    kinds.stream()
    old = set(kinds.nginx.workers())
    kinds.nginx.reload()
    kinds.dify.wait(lambda: not old & set(kinds.nginx.workers()))
    kinds.stream()
    assert len(asked(kinds)) == 2
    assert len(kinds.dify.find('/info')) == 1  # the zone knows


# --- the app was published anew --------------------------------------------

@pytest.mark.parametrize('model', KINDS)
def test_a_form_that_wants_less_now(kinds, model):
    """Our check fails on what is remembered: the app is asked anew."""
    want(kinds, model, CITY)
    kinds.error(400, model)
    want(kinds, model)
    assert kinds.stream(model).text == TEXT
    assert len(asked(kinds)) == 2
    assert kinds.stream(model).text == TEXT
    assert len(asked(kinds)) == 2


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'new-agent',
                                   'write-bot'])
def test_a_form_that_wants_more_now(kinds, model, stream):
    """Dify refuses once; then the form is known."""
    assert kinds.ask(model, stream).status == 200
    want(kinds, model, CITY)
    found = kinds.error(400, model, stream)
    assert found['code'] == 'backend_rejected' and 'city' in found['message']
    assert len(kinds.dify.runs) == 2
    found = kinds.error(400, model, stream)
    assert found['param'] == 'inputs.city'
    assert len(kinds.dify.runs) == 2 and len(asked(kinds)) == 2
    kinds.stream(model, inputs={'city': 'Porto'})
    assert len(asked(kinds)) == 2


@pytest.mark.parametrize('model', ['flow-bot', 'run-bot'])
def test_a_silent_refusal_that_is_told_later(kinds, model):
    """Newer servers end such a run as failed."""
    kinds.stream(model)
    want(kinds, model, CITY)
    kinds.dify.silence_s = 0.0
    app = kinds.app(model)
    app.inputs, known = (), app.inputs
    app.script = lambda ask: [(0.0, item) for item in (
        dify_events.PING, dify_events.workflow_started(ask.ids),
        dify_events.workflow_finished(ask.ids, None, 'failed',
                                      'city is required in input form'))]
    found = kinds.error(400, model, inputs={'query': QUESTION})
    assert 'city' in found['message']
    app.inputs = known
    assert kinds.error(400, model)['param'] == 'inputs.city'


@pytest.mark.parametrize('model', ['flow-bot', 'run-bot'])
def test_a_silent_refusal_the_client_does_not_wait_for(kinds, model):
    kinds.stream(model)
    want(kinds, model, CITY)
    with kinds.open(model) as connection:
        kinds.dify.wait(lambda: len(kinds.dify.runs) == 2)
        connection.leave('rst')
    kinds.dify.wait(lambda: kinds.dify.runs[1].state == 'client_closed')
    found = kinds.error(400, model)
    assert found['param'] == 'inputs.city'
    assert len(kinds.dify.runs) == 2


@pytest.mark.parametrize('model', KINDS)
def test_a_model_that_is_broken_does_not_matter(kinds, model):
    """A failed run may be the form's fault: the app is asked again, and no
    more than once per failure."""
    kinds.app(model).script = lambda ask: dify_events.failed(
        ask.app.mode, ask.ids, [])
    for count in (1, 2, 3):
        kinds.error(400, model)
        assert len(asked(kinds)) == count


# --- an app that does not tell ---------------------------------------------

PAGE = Reply([(0.0, b'<html>404 Not Found</html>')], 404, 'text/html',
             framing='length')
SILENT = {
    'page': PAGE,
    'failed': error('internal_server_error', 500, 'Internal Server Error'),
    'garbage': Reply([(0.0, b'{"user_input')], 200, 'application/json',
                     framing='length'),
    'other': json_reply({'hello': [1]}),
    'empty': Reply([], 200, 'application/json', framing='length'),
    'closed': Reply([(0.0, CUT)], framing='raw'),
    'cut': Reply([(0.0, b'{"user_input_form":['), (0.0, CUT)], 200,
                 'application/json'),
}


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('how', SILENT)
@pytest.mark.parametrize('model', KINDS)
def test_it_is_run_all_the_same(kinds, model, how, stream):
    kinds.app(model).parameters = SILENT[how]
    for _ in range(2):
        assert (kinds.stream if stream else kinds.fold)(model).text == TEXT
    assert len(asked(kinds)) >= 1
    loner = KINDS[model][1] in ('completion', 'workflow')
    inputs = {'query': QUESTION} if loner else {}
    assert kinds.dify.runs[-1].json['inputs'] == inputs


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot', 'run-bot'])
def test_a_key_that_is_refused(kinds, model, stream):
    kinds.app(model).parameters = error(
        'unauthorized', 401, 'Access token is invalid')
    found = kinds.error(502, model, stream)
    assert found['code'] == 'backend_credentials'
    assert not kinds.dify.runs
    kinds.app(model).parameters = None
    assert kinds.stream(model).text == TEXT


def test_it_takes_too_long(bare_site):
    """No second wait for the run itself."""
    site = start_kinds(bare_site, proxy='proxy_read_timeout 300ms;')
    site.app('chat-bot').parameters = Reply([(20.0, b'{}')])
    assert site.error(504)['code'] == 'backend_timeout'
    assert not site.dify.runs


def test_leaving_while_the_form_is_asked(kinds):
    kinds.app('chat-bot').parameters = Reply([(20.0, b'{}')])
    with kinds.open() as connection:
        kinds.dify.wait(lambda: asked(kinds))
        connection.leave('rst')
    kinds.dify.wait(lambda: asked(kinds)[0].state == 'client_closed')
    assert not kinds.dify.runs and not kinds.dify.stops


# --- Dify 0.15 -------------------------------------------------------------

@pytest.mark.parametrize('model', KINDS)
def test_the_form_of_an_old_server(kinds, model):
    kinds.app(model).parameters = '0.15'
    want(kinds, model, CITY)
    assert kinds.error(400, model)['param'] == 'inputs.city'
    kinds.stream(model, inputs={'city': 'Porto'})
    assert given(kinds) == {'city': 'Porto'}
