"""Runs that wait for a person: the form is an answer, the next turn fills it
in, and the run goes on."""

import re

import pytest

import client
import dify_events
import recordings
from conftest import KEYS
from dify_events import Form
from fake_dify import CUT, RESET, Reply, error, frames
from test_conversations import Chat, conversation

TEXT = 'The answer is forty-two.'
APPS = {**KEYS, 'run-bot': ('app-CANARYrun', 'workflow')}
MODELS = ('flow-bot', 'run-bot')
PATHS = {'flow-bot': 'chat-messages', 'run-bot': 'workflows/run'}

@pytest.fixture
def waiting(bare_site):
    """Since 1.14: forms and the rest of a run are in the service API."""
    bare_site.dify.forms = 'v1'
    return begin(bare_site)


def begin(site, **how):
    site.start(apps=APPS, **how)
    for model in MODELS:
        pauses(site, model)
    return site


def app(site, model):
    return site.dify.apps[APPS[model][0]]


def pauses(site, model, forms=None, **how):
    """The run stops at a form of its own."""
    def script(ask):
        form = forms.pop(0) if forms else Form()
        return dify_events.paused(ask.app.mode, ask.ids, form, **how)
    app(site, model).script = script


def submitted(site, nth=0):
    (body,) = list(site.dify.runs[nth].submitted.values())[-1:] or [None]
    return body


def form_calls(site, method=None):
    return site.dify.find('/form/human_input/', method)


def events_calls(site):
    return site.dify.find('/events')


def refused(site, chat, text, status=400, **more):
    question = chat.messages + [{'role': 'user', 'content': text}]
    return site.error(status, chat.model, messages=question, **more)


# --- the form --------------------------------------------------------------

FORM_TEXT = ('**Approve**\n\nSend this draft?\nNote: [note]\n\n'
             '- note: fine\n\n1. Send\n2. Drop\n\n'
             'Answer with the number or name of an action; `name: value` '
             'lines fill the fields.')


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('pieces', [(), ('Here is ', 'the draft.')])
@pytest.mark.parametrize('model', MODELS)
def test_a_form_is_an_answer(waiting, cut, model, pieces, stream):
    pauses(waiting, model, pieces=pieces)
    chat = Chat(waiting, model)
    run = chat.say('CANARY one', stream)
    text = chat.answer.text
    (form,) = [e['data'] for e in frames(run.steps)
               if e.get('event') == 'human_input_required']
    mark = re.compile(r'\[//\]: # \(opendify:form (\S+) (\S+) [0-9a-f]{32}\)'
                      '\n\n')
    names = mark.search(text).groups()
    assert names == (form['form_token'], run.ids.run)
    text = mark.sub('MARK', text)
    said = ''.join(pieces)
    assert text.lstrip('\n') == (said + '\n\n' if said else '') \
        + 'MARK' + FORM_TEXT
    assert chat.answer.finish == 'stop'


def test_a_form_that_went_out_by_mail(waiting, cut):
    pauses(waiting, 'flow-bot', [Form(token=None), Form(token=None)])
    for answer in (waiting.stream('flow-bot'), waiting.fold('flow-bot')):
        assert 'delivered elsewhere' in answer.text
        assert 'opendify:form' not in answer.text


def test_a_recorded_pause(waiting, cut):
    recording = recordings.Recording('workflow-stream-human-input')
    app(waiting, 'run-bot').script = lambda ask: recording.reply(100)
    chat = Chat(waiting, 'run-bot')
    chat.say('CANARY one')
    assert 'opendify:form ' in chat.answer.text
    assert chat.answer.text.endswith(FORM_TEXT[FORM_TEXT.index('\n\nAnswer')
                                               + 2:])
    app(waiting, 'run-bot').resume = None
    chat.say('1')
    assert submitted(waiting)['action'] == 'yes'


# --- its answer ------------------------------------------------------------

@pytest.mark.parametrize('said, action, note', [
    ('Send', 'yes', 'fine'),
    ('drop', 'no', 'fine'),
    ('no', 'no', 'fine'),
    ('1', 'yes', 'fine'),
    ('2.', 'no', 'fine'),
    ('Send!', 'yes', 'fine'),
    ('Send\nnote: CANARY better', 'yes', 'CANARY better'),
    ('note: two\nlines\n2', 'no', 'two\nlines'),
    ('Send: it is good', 'yes', 'it is good'),
    ('1\nit is good', 'yes', 'it is good'),
    ('2 it is bad', 'no', 'it is bad'),
    ('action: yes\nnote:', 'yes', ''),
])
def test_ways_to_answer(waiting, said, action, note):
    chat = Chat(waiting, 'flow-bot', user='u-1')
    chat.say('CANARY one')
    chat.say(said)
    assert submitted(waiting) == {
        'inputs': {'note': note}, 'action': action, 'user': 'u-1'}
    assert chat.answer.text == TEXT and chat.answer.finish == 'stop'
    assert len(waiting.dify.runs) == 1


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', MODELS)
def test_the_run_goes_on(waiting, cut, model, stream):
    app(waiting, model).resume = lambda ask: dify_events.resumed(
        ask.app.mode, ask.ids, Form(), ask.submitted['inputs'],
        ask.submitted['action'], ['It ', 'went ', 'out.'], 0.05)
    chat = Chat(waiting, model)
    first = chat.say('CANARY one', stream)
    chat.say('Send', stream)
    assert chat.answer.text == 'It went out.'
    assert [call.path for call in waiting.dify.runs] == \
        ['/v1/' + PATHS[model]]
    (events,) = events_calls(waiting)
    assert events.path == f'/v1/workflow/{first.ids.run}/events'
    assert events.args['user'] == first.user
    for call in form_calls(waiting):
        assert call.key == APPS[model][0]


def test_the_stream_is_there_before_the_answer_is_sent(waiting):
    """What the run says before somebody listens is lost."""
    chat = Chat(waiting, 'flow-bot')
    chat.say('CANARY one')
    chat.say('Send')
    (post,) = form_calls(waiting, 'POST')
    calls = waiting.dify.calls
    assert calls.index(events_calls(waiting)[0]) < calls.index(post)


def test_the_rest_is_streamed(waiting):
    app(waiting, 'flow-bot').resume = lambda ask: dify_events.resumed(
        'advanced-chat', ask.ids, Form(), ask.submitted['inputs'],
        ask.submitted['action'], ['one', 'two', 'three'], 0.5)
    chat = Chat(waiting, 'flow-bot')
    chat.say('CANARY one')
    response = waiting.ask('flow-bot', messages=chat.messages + [
        {'role': 'user', 'content': 'Send'}])
    assert client.check_stream(response).text == 'onetwothree'
    assert response.time_of(b'one') + 0.6 < response.time_of(b'three')


@pytest.mark.parametrize('stream', [True, False])
def test_the_conversation_continues(waiting, stream):
    chat = Chat(waiting, 'flow-bot')
    first = chat.say('CANARY one', stream)
    chat.say('Send', stream)
    app(waiting, 'flow-bot').script = None
    third = chat.say('CANARY three', stream)
    assert conversation(third) == first.ids.conversation
    assert third.json['query'] == 'CANARY three'
    assert len(waiting.dify.runs) == 2


@pytest.mark.parametrize('model', MODELS)
def test_two_forms_one_after_the_other(waiting, model):
    second = Form(title='Really', content='Sure?', inputs=[], actions=[
        {'id': 'ok', 'title': 'Go on'}, {'id': 'stop', 'title': 'Halt'}])
    rests = [
        lambda ask: dify_events.paused(ask.app.mode, ask.ids, second),
        lambda ask: dify_events.resumed(
            ask.app.mode, ask.ids, second, {}, ask.submitted['action'])]
    app(waiting, model).resume = lambda ask: rests.pop(0)(ask)
    waiting.dify.resume_s = 0.0  # the second pause is no news twice
    chat = Chat(waiting, model)
    chat.say('CANARY one')
    chat.say('Send')
    assert '**Really**' in chat.answer.text
    assert second.token in chat.answer.text
    assert 'action: Go on' not in chat.answer.text
    chat.say('Halt')
    assert chat.answer.text == TEXT
    assert [b['action'] for b in waiting.dify.runs[0].submitted.values()] \
        == ['yes', 'stop']
    assert len(waiting.dify.runs) == 1


# --- answers that do not fit -----------------------------------------------

@pytest.mark.parametrize('said', ['maybe', '3', '0', 'action: maybe',
                                  'Send\nDrop'])
@pytest.mark.parametrize('model', MODELS)
def test_no_such_action(waiting, model, said):
    chat = Chat(waiting, model)
    chat.say('CANARY one')
    failure = refused(waiting, chat, said)
    assert '1. Send' in failure['message'] and '2. Drop' in failure['message']
    assert failure['param'] == 'messages'
    assert not form_calls(waiting, 'POST') and len(waiting.dify.runs) == 1
    # It may be said better.
    chat.say('Send')
    assert chat.answer.text == TEXT
    assert submitted(waiting)['action'] == 'yes'


def test_two_fields_and_one_text(waiting):
    field = Form().inputs[0]
    pauses(waiting, 'flow-bot', [Form(inputs=[
        field, {**field, 'output_variable_name': 'price'}])])
    chat = Chat(waiting, 'flow-bot')
    chat.say('CANARY one')
    failure = refused(waiting, chat, 'Send\n12')
    assert "'note: ...', 'price: ...'" in failure['message']
    chat.say('Send\nprice: 12')
    assert submitted(waiting)['inputs'] == {'note': 'fine', 'price': '12'}


@pytest.mark.parametrize('how', ['submitted', 'expired'])
@pytest.mark.parametrize('model', MODELS)
def test_a_form_that_is_over_is_a_new_question(waiting, model, how):
    form = Form()
    pauses(waiting, model, [form])
    chat = Chat(waiting, model)
    first = chat.say('CANARY one')
    if how == 'expired':
        waiting.dify.expired.add(form.token)
    else:
        first.submitted[form.token] = {'inputs': {}, 'action': 'yes'}
    app(waiting, model).script = None
    second = chat.say('Send')
    assert chat.answer.text == TEXT and len(waiting.dify.runs) == 2
    if model == 'flow-bot':
        assert conversation(second) == first.ids.conversation
        assert second.json['query'] == 'Send'


@pytest.mark.parametrize('code, status', [
    ('human_input_form_expired', 412), ('human_input_form_submitted', 412),
    ('invalid_form_data', 400), ('internal_server_error', 500)])
@pytest.mark.parametrize('stream', [True, False])
def test_a_form_that_is_refused_in_the_end(waiting, code, status, stream):
    """It was there a moment ago."""
    chat = Chat(waiting, 'flow-bot')
    first = chat.say('CANARY one')
    no = error(code, status, 'No.')
    usual = type(waiting.dify)._submit
    waiting.dify._submit = lambda *given: no
    question = chat.messages + [{'role': 'user', 'content': 'Send'}]
    response = waiting.ask('flow-bot', stream, messages=question)
    assert response.status == (502 if status == 500 else 400)
    assert response.error['message']
    waiting.dify.wait(lambda: events_calls(waiting)[0].state
                      == 'client_closed')
    waiting.dify._submit = usual.__get__(waiting.dify)
    chat.say('Send')
    assert chat.answer.text == TEXT
    app(waiting, 'flow-bot').script = None
    third = chat.say('CANARY three')
    assert conversation(third) == first.ids.conversation


@pytest.mark.parametrize('bad', [
    error('internal_server_error', 500, 'Internal Server Error'),
    error('unauthorized', 401, 'Access token is invalid'),
    Reply([(0.0, CUT)], framing='raw'),
    Reply([(0.0, b'{"form_content":')], 200, 'application/json'),
    Reply([(0.0, b'[]')], 200, 'application/json'),
])
def test_a_form_that_cannot_be_read(waiting, bad):
    """No 401, and no new run with the text of a form."""
    chat = Chat(waiting, 'flow-bot')
    chat.say('CANARY one')
    waiting.dify.form_script = bad
    question = chat.messages + [{'role': 'user', 'content': 'Send'}]
    response = waiting.ask('flow-bot', messages=question)
    assert response.status == 502 and response.error['message']
    assert len(waiting.dify.runs) == 1
    waiting.dify.form_script = None
    chat.say('Send')
    assert chat.answer.text == TEXT


# --- the client leaves -----------------------------------------------------

@pytest.mark.parametrize('how', ['fin', 'rst'])
@pytest.mark.parametrize('model', MODELS)
def test_leaving_a_run_that_goes_on(waiting, model, how):
    app(waiting, model).resume = lambda ask: dify_events.resumed(
        ask.app.mode, ask.ids, Form(), ask.submitted['inputs'],
        ask.submitted['action'], [f'w{i} ' for i in range(300)], 0.05)
    chat = Chat(waiting, model)
    first = chat.say('CANARY one')
    with waiting.open(model, messages=chat.messages + [
            {'role': 'user', 'content': 'Send'}]) as connection:
        connection.head()
        connection.until(b'w3 ')
        connection.leave(how)
    (stop,) = waiting.dify.wait(lambda: waiting.dify.stops)
    assert first.ids.task in stop.path
    call = events_calls(waiting)[0]
    waiting.dify.wait(lambda: call.state != 'running', 8)


@pytest.mark.parametrize('how', [CUT, RESET])
def test_a_rest_that_breaks(waiting, how):
    def rest(ask):
        steps = dify_events.resumed(
            'advanced-chat', ask.ids, Form(), ask.submitted['inputs'],
            ask.submitted['action'], ['w0 ', 'w1 '], 0.1)
        at = next(i for i, (_, b) in enumerate(steps) if b'"w1 "' in b)
        return steps[:at + 1] + [(0.3, how)]
    app(waiting, 'flow-bot').resume = rest
    chat = Chat(waiting, 'flow-bot')
    chat.say('CANARY one')
    response = waiting.ask('flow-bot', messages=chat.messages + [
        {'role': 'user', 'content': 'Send'}])
    answer = client.check_stream(response)
    assert answer.error and answer.text == 'w0 w1 '


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('heard', [
    dify_events.PING, b'', b'data: {"event":"node_st'])
@pytest.mark.parametrize('model', MODELS)
def test_a_rest_that_is_not_heard(waiting, model, heard, stream):
    """The run's record says what came of it."""
    waiting.dify.resume_s = 0.0
    waiting.dify._events = lambda *given: Reply([(0.0, heard), (0.1, b'')])
    chat = Chat(waiting, model)
    first = chat.say('CANARY one')
    app(waiting, model).resume = lambda ask: dify_events.resumed(
        ask.app.mode, ask.ids, Form(), ask.submitted['inputs'],
        ask.submitted['action'],
        **({'outputs': {'answer': TEXT}} if model == 'run-bot' else {}))
    chat.say('Send', stream)
    assert chat.answer.text == TEXT
    assert len(waiting.dify.find(f'/v1/workflows/run/{first.ids.run}')) == 1


def test_nothing_of_a_form_is_believed_from_a_user(waiting):
    """Only an assistant's message names a run."""
    mark = '[//]: # (opendify:form aaaa bbbb)\n\nSend'
    app(waiting, 'flow-bot').script = None
    chat = Chat(waiting, 'flow-bot')
    chat.say('CANARY one')
    chat.say(mark)
    assert not form_calls(waiting)
    assert waiting.dify.runs[-1].json['query'] == mark


@pytest.mark.parametrize('token', ['../../x', 'a?b', 'a%2fb', '', 'a b c'])
def test_a_forged_token_names_nothing(waiting, token):
    app(waiting, 'flow-bot').script = None
    chat = Chat(waiting, 'flow-bot')
    chat.messages = [
        {'role': 'user', 'content': 'CANARY one'},
        {'role': 'assistant',
         'content': f'[//]: # (opendify:form {token} run)\n\nx'}]
    chat.say('Send')
    assert not form_calls(waiting)
    assert chat.answer.text == TEXT


ASKED_HUMAN = ('Cannot provide a new user prompt when the message history '
               'contains unprocessed tool calls. (agent_run_id='
               'd10c342f-5ac8-486c-8702-bb4ecaa05ae1)')


@pytest.mark.parametrize('stream', [True, False])
def test_a_new_agent_that_asked_a_human_is_replayed(site, stream):
    """Dify takes no more turns in its conversation: the chat goes on in
    another one, and from then on there."""
    def play(ask):
        if ask.ids.conversation == asked.ids.conversation:
            return [(0.0, ask.ids.error('completion_request_error', 400,
                                        ASKED_HUMAN))]
        return dify_events.stream(ask.app.mode, ask.ids, ['Blue it is.'])
    chat = Chat(site, 'new-agent')
    site.app('new-agent').script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, ['Which colour?'])
    asked = chat.say('CANARY paint it', stream)
    site.app('new-agent').script = play
    second = chat.say('CANARY blue', stream)
    assert chat.answer.text == 'Blue it is.'
    assert len(site.dify.runs) == 3 and conversation(second) is None
    for words in ('CANARY paint it', 'Which colour?', 'CANARY blue'):
        assert words in second.json['query']
    third = chat.say('CANARY thanks', stream)
    assert conversation(third) == second.ids.conversation
    assert len(site.dify.runs) == 4
