"""Apps without conversations (completion, workflow); what fails, for every
kind of app."""

import json

import pytest

import client
import completions
import dify_events
import recordings
from conftest import KINDS, QUERY, QUESTION, start_kinds
from dify_events import node_finished, workflow_finished, workflow_started
from fake_dify import CUT, json_reply

TEXT = 'The answer is forty-two.'
LONER = ('write-bot', 'run-bot')  # no conversations
ROUTES = {'write-bot': '/v1/completion-messages',
          'run-bot': '/v1/workflows/run'}
STOPS = {'write-bot': '/v1/completion-messages/{}/stop',
         'run-bot': '/v1/workflows/tasks/{}/stop'}
TOKENS = {'completion': (10, 6), 'workflow': (6, 6),
          'advanced-chat': (14, 6)}


def script(site, model, make):
    site.app(model).script = make


def tokens(model):
    prompt, completion = TOKENS.get(KINDS[model][1], (10, 6))
    return {'prompt_tokens': prompt, 'completion_tokens': completion,
            'total_tokens': prompt + completion}


def counts(usage):
    return tuple(usage[name] for name in (
        'prompt_tokens', 'completion_tokens', 'total_tokens'))


# --- good answers ----------------------------------------------------------

@pytest.mark.parametrize('model', LONER)
def test_a_chat_answer(kinds, cut, model):
    for include_usage in (True, False):
        answer = kinds.stream(model, include_usage)
        assert (answer.text, answer.finish) == (TEXT, 'stop')
        assert answer.id.startswith('chatcmpl-')
        assert answer.usage == (tokens(model) if include_usage else None)
    folded = kinds.fold(model)
    assert (folded.text, folded.finish) == (TEXT, 'stop')
    assert counts(folded.usage) == counts(tokens(model))


@pytest.mark.parametrize('model', LONER)
def test_what_dify_is_asked(kinds, model):
    kinds.stream(model, user='u-7', inputs={'city': 'Porto'})
    (run,) = kinds.dify.runs
    assert run.path == ROUTES[model] and run.key == KINDS[model][0]
    assert run.json == {
        'inputs': {'city': 'Porto', 'query': QUESTION}, 'user': 'u-7',
        'response_mode': 'streaming'}


def test_a_completion_app_without_a_text_field(bare_site):
    site = start_kinds(bare_site, fields=())
    assert site.stream('write-bot').text == TEXT
    (run,) = site.dify.runs
    assert run.json['query'] == QUESTION and run.json['inputs'] == {}


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', LONER)
def test_there_is_no_conversation(kinds, model, stream):
    """Neither told, nor gone on with, nor named by the client."""
    response = kinds.ask(model, stream)
    assert response.header('x-dify-conversation-id') is None
    messages = kinds.body()['messages'] + [
        {'role': 'assistant', 'content': TEXT},
        {'role': 'user', 'content': 'CANARY and now?'}]
    for named in ({}, {'conversation_id': 'c-1'}):
        response = kinds.ask(model, stream, messages=messages, **named)
        assert response.header('x-dify-conversation-id') is None
        run = kinds.dify.runs[-1]
        assert 'conversation_id' not in run.json
        assert run.json['inputs']['query'] == (
            f'Conversation so far:\nUser: {QUESTION}\nAssistant: {TEXT}\n\n'
            'User: CANARY and now?')


@pytest.mark.parametrize('model', LONER)
def test_memory_of_chats_means_nothing_to_them(bare_site, model):
    site = start_kinds(bare_site, location='opendify_memory chat;')
    for _ in range(2):
        assert site.fold(model, user='u-1').text == TEXT
        assert site.dify.runs[-1].json['inputs'] == {'query': QUESTION}


@pytest.mark.parametrize('model', KINDS)
def test_instructions_as_an_input(bare_site, model):
    site = start_kinds(bare_site, location='opendify_system_input rules;')
    site.stream(model, messages=[{'role': 'system', 'content': 'Be kind.'},
                                 {'role': 'user', 'content': QUESTION}])
    (run,) = site.dify.runs
    assert run.json['inputs']['rules'] == 'Be kind.'
    assert QUESTION in (run.json.get('query'),
                        run.json['inputs'].get('query'))


@pytest.mark.parametrize('model', LONER)
def test_instructions_in_the_text(kinds, model):
    kinds.stream(model, messages=[{'role': 'system', 'content': 'Be kind.'},
                                  {'role': 'user', 'content': QUESTION}])
    assert kinds.dify.runs[0].json['inputs']['query'] == \
        f'Be kind.\n\nUser: {QUESTION}'


# --- which input, which output ---------------------------------------------

TOPIC = {'variable': 'topic', 'type': 'text-input', 'max_length': 0}
TONE = {'variable': 'tone', 'type': 'paragraph'}


@pytest.mark.parametrize('fields, option, name', [
    ([TOPIC], '', 'topic'),
    ([TOPIC, TONE], 'query_input=tone', 'tone'),
    ([TOPIC, TONE], 'query_input=topic', 'topic'),
    ([TOPIC, TONE, QUERY], '', 'query'),
    ([TOPIC], 'query_input=nope', 'topic'),
])
@pytest.mark.parametrize('mode', ['completion', 'workflow'])
def test_the_input_that_takes_the_text(bare_site, mode, fields, option,
                                       name):
    site = start_kinds(bare_site, {'bot': ('app-CANARYbot', mode, option)},
                 fields)
    for ask in (site.stream, lambda bot: completions.stream(
            site, bot, QUESTION)):
        assert ask('bot').text == TEXT
        assert site.dify.runs[-1].json['inputs'] == {name: QUESTION}


OUTPUTS = [
    ('', {'text': 'one'}, 'one'),
    ('', {'result': 'one', 'n': 3}, 'one'),
    ('', {'a': 'one', 'b': 'zwei €'}, '{"a":"one","b":"zwei €"}'),
    ('', {'n': 3, 'list': [1, None]}, '{"n":3,"list":[1,null]}'),
    ('output=b', {'a': 'one', 'b': 'two'}, 'two'),
    ('output=b', {'a': 'one', 'b': {'k': [True]}}, '{"k":[true]}'),
    ('output=nope', {'text': 'one'}, 'one'),
]


@pytest.mark.parametrize('option, outputs, text', OUTPUTS)
def test_text_from_outputs(bare_site, cut, option, outputs, text):
    """Nothing was streamed: the outputs are the answer."""
    site = start_kinds(bare_site, {'bot': ('app-CANARYb', 'workflow', option)})
    script(site, 'bot', lambda ask: [
        step for step in dify_events.stream(
            'workflow', ask.ids, [], outputs=outputs)
        if b'text_chunk' not in step[1]])
    assert site.stream('bot').text == site.fold('bot').text == text
    assert completions.stream(site, 'bot', QUESTION).text == text
    assert completions.fold(site, 'bot', QUESTION).text == text


def test_streamed_text_is_not_said_twice(kinds, cut):
    script(kinds, 'run-bot', lambda ask: dify_events.stream(
        'workflow', ask.ids, ['a', 'b'], outputs={'text': 'ab', 'n': 1}))
    assert kinds.stream('run-bot').text == kinds.fold('run-bot').text == 'ab'


# --- usage -----------------------------------------------------------------

def node(ids, prompt, completion):
    return node_finished(ids, 'llm', {'text': 'x', 'usage':
                                      dify_events.usage(prompt, completion)})


@pytest.mark.parametrize('nodes, total, expected', [
    ([(3, 4), (30, 40)], 77, (33, 44, 77)),
    ([], 20, (20, 0, 20)),
    ([], 0, (0, 0, 0)),
])
def test_usage_of_a_workflow(kinds, cut, nodes, total, expected):
    def run(ask):
        return [(0.0, item) for item in [
            dify_events.PING, workflow_started(ask.ids),
            *[node(ask.ids, *pair) for pair in nodes],
            ask.ids.text_chunk('x'),
            workflow_finished(ask.ids, 'x', tokens=total)]]
    script(kinds, 'run-bot', run)
    assert counts(kinds.stream('run-bot', True).usage) == expected
    assert counts(kinds.fold('run-bot').usage) == expected
    assert counts(completions.stream(
        kinds, 'run-bot', QUESTION, True).usage) == expected


# --- errors ----------------------------------------------------------------

@pytest.mark.parametrize('model', KINDS)
def test_a_run_that_fails_at_once(kinds, cut, model):
    script(kinds, model, lambda ask: dify_events.failed(
        ask.app.mode, ask.ids, []))
    for stream in (True, False):
        for response in (kinds.ask(model, stream), completions.ask(
                kinds, model, QUESTION, stream)):
            assert response.status == 400, response.body
            assert response.error['code'] == 'model_error_500'
            assert response.header('x-should-retry') == 'false'


@pytest.mark.parametrize('how', ['error', 'cut', 'end'])
@pytest.mark.parametrize('model', KINDS)
def test_failing_after_text(kinds, cut, model, how):
    def broken(ask):
        if how == 'error':
            return dify_events.failed(ask.app.mode, ask.ids, ['a', 'b'],
                                      pause_s=0.1)
        good = dify_events.stream(ask.app.mode, ask.ids, ['a', 'b'])
        said = [i for i, (_, b) in enumerate(good) if b'"b"' in b][0]
        return good[:said + 1] + [(0.1, CUT if how == 'cut' else b'')]
    script(kinds, model, broken)
    answer = kinds.stream(model)
    assert answer.text == 'ab' and answer.error
    answer = completions.stream(kinds, model, QUESTION)
    assert answer.text == 'ab' and answer.error
    response = completions.ask(kinds, model, QUESTION, False)
    assert response.status == (400 if how == 'error' else 502)
    assert response.header('x-should-retry') == 'false'


@pytest.mark.parametrize('status', ['stopped', 'partial-succeeded'])
def test_runs_that_end_otherwise_are_answers(kinds, cut, status):
    error = 'Stopped by user.' if status == 'stopped' else None
    script(kinds, 'run-bot', lambda ask: [
        step for step in dify_events.stream('workflow', ask.ids)
        if b'workflow_finished' not in step[1]
    ] + [(0.0, workflow_finished(ask.ids, TEXT, status, error))])
    answer = kinds.stream('run-bot')
    assert (answer.text, answer.finish) == (TEXT, 'stop')
    folded = completions.fold(kinds, 'run-bot', QUESTION)
    assert (folded.text, folded.finish) == (TEXT, 'stop')


@pytest.mark.parametrize('really, told', [
    ('workflow', 'chat'), ('completion', 'workflow'), ('chat', 'workflow'),
    ('advanced-chat', 'completion')])
def test_another_kind_than_told(bare_site, really, told):
    """What /info has said is not believed for ever."""
    site = start_kinds(bare_site, {'bot': ('app-CANARYb', really)}, ())
    app = site.app('bot')
    app.info = json_reply({'name': 'app', 'mode': told})
    for stream in (True, False):
        found = site.error(502, 'bot', stream)
        assert found['code'] == 'backend_misconfigured'
    app.info = None
    assert site.stream('bot').text == TEXT


def test_another_kind_than_configured(bare_site):
    site = start_kinds(bare_site, {'bot': ('app-CANARYb', 'workflow',
                                     'mode=completion')})
    assert site.error(502, 'bot')['code'] == 'backend_misconfigured'
    assert not site.dify.find('/info')


@pytest.mark.parametrize('model', LONER)
def test_a_server_that_does_not_tell_the_kind(kinds, model):
    """Before 1.0: the app is no chat, so mode= has to say what it is."""
    kinds.app(model).info = json_reply({'name': 'app', 'tags': []})
    for stream in (True, False):
        found = kinds.error(502, model, stream)
        assert found['code'] == 'backend_misconfigured'
    assert not kinds.dify.runs


# --- the client leaves -----------------------------------------------------

@pytest.mark.parametrize('path', ['/v1/chat/completions', completions.PATH])
@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', LONER)
def test_stopped_once_and_read_to_its_end(bare_site, model, stream, path):
    kinds = start_kinds(bare_site, location='opendify_drain 20s;')
    script(kinds, model, lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, [f'w{i} ' for i in range(400)], 0.02))
    kinds.dify.stop_delay_s = 0.3
    body = {**kinds.body(model, stream, user='u-stop'), 'prompt': QUESTION}
    with client.Connection(kinds.port) as connection:
        connection.send('POST', path, body)
        if stream:
            connection.head()
            connection.until(b'w3 ')
        else:
            kinds.dify.wait(lambda: kinds.dify.runs
                            and 'w9 ' in kinds.dify.runs[-1].text)
        connection.leave('rst')
    (run,) = kinds.dify.runs
    kinds.dify.wait(lambda: run.state != 'running')
    assert run.state == 'complete' and run.stopped
    (stop,) = kinds.dify.stops
    assert stop.path == STOPS[model].format(run.ids.task)
    assert stop.method == 'POST' and stop.json == {'user': 'u-stop'}
    assert stop.key == run.key and stop.status == 200
    kinds.nginx.settle()
    assert len(kinds.dify.stops) == 1


# --- recorded streams ------------------------------------------------------

def recorded_model(name):
    mode = recordings.Recording(name).mode
    return next(m for m, (_, kind) in KINDS.items() if kind == mode)


# What was said without a text_chunk.
ITEMS = json.dumps({'items': [TEXT] * 3, 'num': 3,
                    'obj': {'a': 1, 'b': [1, 2]}}, separators=(',', ':'))
USAGE = {'completion-stream': (4, 6, 10), 'workflow-stream': (6, 6, 12)}


@pytest.mark.parametrize('name', recordings.names(
    streamed=True, modes=('completion', 'workflow')))
def test_a_recorded_stream(kinds, cut, name):
    recording = recordings.Recording(name)
    model = recorded_model(name)
    script(kinds, model, lambda ask: recording.reply())
    response = kinds.ask(model, stream_options={'include_usage': True})
    outcome = recordings.OUTCOMES[name]
    if outcome.silent and not outcome.ended:
        assert response.status == outcome.status, response.body
        assert response.error['code'] == outcome.code
        assert response.error['message']
        return
    answer = client.check_stream(response, model, True)
    plain = completions.stream(kinds, model, QUESTION, True)
    assert answer.text == plain.text
    if not outcome.ended:
        assert answer.error and plain.error
        assert answer.text == recording.text()
        return
    assert answer.finish == plain.finish == outcome.finish
    if outcome.replaced:
        return
    assert answer.usage == plain.usage
    if name == 'workflow-stream-human-input':
        assert 'Send this draft?' in answer.text
    elif name == 'workflow-stream-iteration-loop':
        assert answer.text in (ITEMS, recording.text())
    else:
        assert answer.text == recording.text()
    if name in USAGE:
        assert counts(answer.usage) == USAGE[name]
