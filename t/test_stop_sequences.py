"""`stop`: the answer ends before the first stop sequence, and Dify is told."""

import json
import time

import pytest

import client
import completions
import dify_events
from conftest import KINDS, MODELS, start_kinds
from test_conversations import Chat, conversation
from test_turn_ends import begun, goes_on

ENDLESS = 30.0


def says(site, model, pieces, rest=None):
    """The pieces and then, for long, nothing; or `rest`, steps."""
    def play(ask):
        steps = dify_events.stream(ask.app.mode, ask.ids, list(pieces))
        last = max(i for i, (_, item) in enumerate(steps)
                   if json.dumps(pieces[-1]).encode() in item
                   and b'"node_finished"' not in item
                   and b'"workflow_finished"' not in item
                   and b'"agent_thought"' not in item)
        return steps[:last + 1] + ([(ENDLESS, b'')] if rest is None else rest)
    site.app(model).script = play


def answer_of(site, model, stream, **more):
    response = site.ask(model, stream, **more)
    return (client.check_stream if stream else client.check_reply)(response)


def stop_path(run, model):
    kind = {'write-bot': 'completion-messages',
            'run-bot': 'workflows/tasks'}.get(model, 'chat-messages')
    return f'/v1/{kind}/{run.ids.task}/stop'


def stopped_once(site, model='chat-bot'):
    run = site.dify.runs[-1]
    site.dify.wait(lambda: run.finished)
    assert run.stopped and run.state == 'complete'
    (stop,) = site.dify.stops
    assert stop.path == stop_path(run, model)
    assert stop.json == {'user': run.json['user']} and stop.key == run.key
    site.nginx.settle()
    assert len(site.dify.stops) == 1
    return run


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', KINDS)
def test_the_answer_is_cut_and_dify_is_stopped(kinds, model, stream):
    says(kinds, model, ['one ', 'S', 'TO', 'P two'])
    began = time.monotonic()
    answer = answer_of(kinds, model, stream, stop=['zzz', 'STOP'])
    assert time.monotonic() - began < ENDLESS / 2
    assert (answer.text, answer.finish) == ('one ', 'stop')
    assert not answer.error and not answer.usage
    stopped_once(kinds, model)


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', KINDS)
def test_the_same_of_completions(kinds, model, stream):
    says(kinds, model, ['one\n', '\nHuman', ': two'])
    response = completions.ask(kinds, model, 'CANARY?', stream,
                               stop='\n\nHuman:')
    answer = (completions.check_stream if stream
              else completions.check_reply)(response, model)
    assert (answer.text, answer.finish) == ('one', 'stop')
    stopped_once(kinds, model)


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', KINDS)
def test_what_is_no_sequence_is_shown(kinds, model, stream):
    kinds.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, ['one ST', 'ART ', 'two STO'])
    answer = answer_of(kinds, model, stream, stop='STOP')
    assert (answer.text, answer.finish) == ('one START two STO', 'stop')
    assert answer.usage or stream
    assert not kinds.dify.stops


@pytest.mark.parametrize('pieces, stop, text', [
    (['x\U0001f600', 'y'], '\U0001f600', 'x'),
    (['x\U0001f601y'], '\U0001f600', 'x\U0001f601y'),
    (['STOP'], 'STOP', ''),
    (['aaa', 'ab', 'c'], ['aab'], 'aa'),
    (['abcabc', 'abd'], ['abcabd'], 'abc'),
    (['x a', 'b', 'c'], ['b', 'abc'], 'x '),
    (['x a', 'b', 'd'], ['b', 'abc'], 'x a'),
    (['one'], '', 'one'), (['one'], [], 'one'), (['one'], None, 'one'),
    (['one'], ['', ''], 'one'),
    (['a"b\\c', '\td'], '"b\\c\t', 'a'),
])
@pytest.mark.parametrize('stream', [True, False])
def test_sequences(site, stream, pieces, stop, text):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, pieces)
    answer = answer_of(site, 'chat-bot', stream, stop=stop)
    assert (answer.text, answer.finish) == (text, 'stop')


@pytest.mark.parametrize('stop', [
    5, True, {'a': 'b'}, [1], ['a', None], [['a']],
    ['a', 'b', 'c', 'd', 'e']])
def test_what_is_no_stop_sequence(site, stop):
    for response in (site.ask(stop=stop),
                     completions.ask(site, 'chat-bot', 'x', stop=stop)):
        error = client.check_error_body(response)
        assert response.status == 400
        assert error['param'] == 'stop' and "'stop'" in error['message']
    assert not site.dify.runs


def test_sequences_count_as_text(bare_site):
    site = bare_site.start(location='opendify_max_text 64k;')
    response = site.ask(stop=['x' * 40000, 'y' * 40000])
    error = client.check_error_body(response)
    assert response.status == 413 and error['param'] == 'stop'
    assert 'opendify_max_text' in error['message']
    answer = site.stream(stop=['x' * 60000])
    assert answer.finish == 'stop' and not site.dify.stops


def test_thoughts_are_not_searched(site):
    says(site, 'chat-bot', ['<think>', 'a STOP b', '</think>', '\n\n',
                            'one STOP two'])
    answer = site.stream(stop='STOP')
    assert (answer.reasoning, answer.text) == ('a STOP b', 'one ')
    stopped_once(site)


@pytest.mark.parametrize('stream', [True, False])
def test_an_end_in_the_same_read_needs_no_stop(site, stream):
    site.app('chat-bot').script = lambda ask: [(0.0, b''.join(
        item for _, item in dify_events.stream(
            'chat', ask.ids, ['one ST', 'OP two'])))]
    answer = answer_of(site, 'chat-bot', stream, stop='STOP')
    assert (answer.text, answer.finish) == ('one ', 'stop')
    site.nginx.settle()
    assert not site.dify.stops


def says_paced(site, model):
    """Words, a pause, and a burst with the sequence in it."""
    def play(ask):
        steps = dify_events.stream(ask.app.mode, ask.ids, [
            'zero ', *(f'w{i} ' for i in range(40)), 'ST', 'OP', 'late'])
        first = next(i for i, (_, item) in enumerate(steps)
                     if b'"zero "' in item) + 1
        last = next(i for i, (_, item) in enumerate(steps)
                    if b'"late"' in item) + 1
        return steps[:first] + [(0.6, b''.join(
            item for _, item in steps[first:last])), (ENDLESS, b'')]
    site.app(model).script = play


@pytest.mark.parametrize('model', KINDS)
def test_paced_text_goes_out_after_the_stop(bare_site, model):
    site = start_kinds(bare_site, location='opendify_pace smooth max_lag=2s;')
    says_paced(site, model)
    with site.open(model, stop='STOP') as connection:
        connection.head()
        connection.until(b'w0 ')
        site.dify.wait(lambda: site.dify.stops)
        answer = client.check_stream(connection.rest())
    words = ''.join(f'w{i} ' for i in range(40))
    assert (answer.text, answer.finish) == ('zero ' + words, 'stop')
    stopped_once(site, model)


def test_a_client_that_leaves_paced_text_is_no_second_stop(bare_site):
    site = start_kinds(bare_site, location='opendify_pace smooth max_lag=2s;')
    says_paced(site, 'chat-bot')
    with site.open(stop='STOP') as connection:
        connection.head()
        connection.until(b'w0 ')
        site.dify.wait(lambda: site.dify.stops)
        connection.leave('rst')
    stopped_once(site)


def test_text_that_waits_for_moderation(bare_site):
    site = bare_site.start(location='opendify_moderation_window 300ms;')
    says(site, 'chat-bot', ['one ST', 'OP two'])
    answer = site.stream(stop='STOP')
    assert (answer.text, answer.finish) == ('one ', 'stop')
    stopped_once(site)


def test_a_dify_that_ignores_the_stop(bare_site):
    """The client does not wait for it."""
    site = bare_site.start(location='opendify_drain 300ms;')
    site.dify.ignore_stop = True
    says(site, 'chat-bot', ['one STOP two'])
    assert site.stream(stop='STOP').text == 'one '
    run = site.dify.runs[0]
    site.dify.wait(lambda: run.state == 'client_closed')
    assert len(site.dify.stops) == 1


def test_the_next_request_of_the_connection_does_not_wait(site):
    site.dify.ignore_stop = True
    says(site, 'chat-bot', ['one STOP two'])
    with client.Connection(site.port) as connection:
        for _ in range(3):
            began = time.monotonic()
            response = connection.ask('POST', '/v1/chat/completions',
                                      site.body(stop='STOP'))
            assert client.check_stream(response).text == 'one '
            assert time.monotonic() - began < 2
    site.dify.wait(lambda: len(site.dify.stops) == 3)


def test_over_http_2(site):
    says(site, 'chat-bot', ['one STOP two'])
    response = client.ask_h2(site.h2_port, 'POST', '/v1/chat/completions',
                             site.body(stop='STOP'))
    assert client.check_stream(response).text == 'one '
    stopped_once(site)


# Dify has stored what the client does not show: the sequence, and more.

@pytest.mark.parametrize('ended', [False, True])
@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', MODELS)
def test_the_next_turn_replays_what_is_shown(site, model, stream, ended):
    chat = begun(site, model)
    if ended:
        site.app(model).script = lambda ask: [(0.0, b''.join(
            item for _, item in dify_events.stream(
                ask.app.mode, ask.ids, ['word ', 'STOP', ' more'])))]
    else:
        says(site, model, ['word ', 'STOP', ' more'])
    answer = answer_of(site, model, stream, messages=chat.messages,
                       stop='STOP')
    assert answer.text == 'word '
    run = site.dify.runs[-1]
    site.dify.wait(lambda: run.finished)
    assert not goes_on(site, chat, 'word ')
    query = site.dify.runs[2].json['query']
    assert 'word' in query and 'more' not in query


@pytest.mark.parametrize('model', MODELS)
def test_a_first_turn_that_was_cut(site, model):
    says(site, model, ['word ', 'STOP', ' more'])
    assert site.stream(model, stop='STOP').text == 'word '
    run = stopped_once(site, model)
    site.app(model).script = None
    chat = Chat(site, model)
    chat.messages = site.body()['messages'] + [
        {'role': 'assistant', 'content': 'word '}]
    second = chat.say('CANARY on')
    assert conversation(second) is None and 'word' in second.json['query']
    assert conversation(chat.say('CANARY three')) == second.ids.conversation
    assert second.ids.conversation != run.ids.conversation


@pytest.mark.parametrize('model', MODELS)
def test_a_turn_that_is_not_cut_goes_on(site, model):
    chat = Chat(site, model, stop=['STOP'])
    first = chat.say('CANARY one')
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


@pytest.mark.parametrize('model', MODELS)
def test_a_chat_without_another_memory_keeps_its_conversation(bare_site,
                                                              model):
    site = bare_site.start(location='opendify_memory chat;')
    chat = Chat(site, model, metadata={'chat_id': 'c1'})
    first = chat.say('CANARY one')
    site.dify.stop_delay_s = 0.3
    says(site, model, ['word ', 'STOP', ' more'])
    assert site.stream(model, question='CANARY two', stop='STOP',
                       metadata={'chat_id': 'c1'}).text == 'word '
    cut = site.dify.runs[-1]
    site.app(model).script = None
    third = chat.say('CANARY three')
    assert conversation(third) == first.ids.conversation
    assert third.started >= cut.finished - 0.05
