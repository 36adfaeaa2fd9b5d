"""What moderation takes back: before it was seen, or too late."""

import threading

import pytest

import client
import dify_events
from fake_dify import CUT
from test_conversations import Chat, conversation

BAD = ['some ', 'forbidden ', 'words ']
GOOD = 'I cannot talk about that.'
MODELS = ('chat-bot', 'agent-bot', 'flow-bot')

# Longer than anything a test waits for.
LONG = 'opendify_moderation_window 30s;'


def steps_of(ask, pieces, tail, pause_s):
    """`pieces`, a pause, `tail` in the place of the rest."""
    steps = dify_events.stream(ask.app.mode, ask.ids, pieces)
    last = [i for i, (_, item) in enumerate(steps)
            if pieces[-1].strip().encode() in item
            and (b'"message"' in item or b'"agent_message"' in item)][0]
    return steps[:last + 1] + [(pause_s, b'')] + tail(steps[last + 1:])


def replaces(site, model, pause_s=0.3, text=GOOD, more=()):
    """Direct output: the replacement is all; overridden: text follows."""
    def script(ask):
        reason = 'output_moderation' if model == 'flow-bot' else ''
        ids = ask.ids

        def tail(rest):
            piece = ids.message if model != 'agent-bot' else ids.agent_message
            ends = [step for step in rest if b'message_end' in step[1]]
            return [(0.0, ids.message_replace(text, reason))] + [
                (0.0, piece(one)) for one in more] + ends
        return steps_of(ask, BAD, tail, pause_s)
    site.app(model).script = script


def pauses(site, model, pause_s=20.0):
    """Says something, and nothing more for a while."""
    site.app(model).script = lambda ask: steps_of(
        ask, BAD, lambda rest: rest, pause_s)


@pytest.mark.parametrize('model', MODELS)
def test_nothing_of_the_replaced_text_goes_out(bare_site, cut, model):
    site = bare_site.start(location=LONG)
    replaces(site, model)
    response = site.ask(model)
    answer = client.check_stream(response, model)
    assert answer.text == GOOD and answer.finish == 'content_filter'
    for word in BAD:
        assert word.encode() not in response.body


def test_what_follows_an_overriding_replacement_is_shown(bare_site, cut):
    site = bare_site.start(location=LONG)
    replaces(site, 'chat-bot', more=[' And ', 'more.'])
    answer = site.stream()
    assert answer.text == GOOD + ' And more.'
    assert answer.finish == 'content_filter'


@pytest.mark.parametrize('model', MODELS)
def test_without_a_window_the_replacement_ends_the_answer(site, cut, model):
    replaces(site, model)
    answer = site.stream(model)
    assert answer.text == ''.join(BAD) + '\n\n' + GOOD
    assert answer.finish == 'content_filter'


@pytest.mark.parametrize('location', ['', LONG])
@pytest.mark.parametrize('model', MODELS)
def test_a_folded_answer_is_the_replacement(bare_site, cut, model, location):
    site = bare_site.start(location=location)
    replaces(site, model)
    response = site.ask(model, False)
    answer = client.check_reply(response, model)
    assert answer.text == GOOD and answer.finish == 'content_filter'
    assert b'forbidden' not in response.body


def test_the_replacement_is_what_the_conversation_goes_on_with(bare_site):
    site = bare_site.start(location=LONG)
    replaces(site, 'chat-bot')
    for stream in (True, False):
        chat = Chat(site)
        first = chat.say(f'CANARY {stream}', stream)
        assert chat.messages[-1]['content'] == GOOD
        assert conversation(chat.say('CANARY 2')) == first.ids.conversation


def test_text_is_late_by_the_window(bare_site):
    site = bare_site.start(location='opendify_moderation_window 500ms;')
    pauses(site, 'chat-bot', 5.0)
    response = site.ask()
    answer = client.check_stream(response)
    assert answer.text.startswith(''.join(BAD))
    assert 0.4 < response.time_of(b'words') < 4.0


def test_text_that_was_late_is_not_taken_back(bare_site, cut):
    """The window was shorter than the moderation took."""
    site = bare_site.start(location='opendify_moderation_window 100ms;')
    replaces(site, 'chat-bot', 1.5)
    answer = site.stream()
    assert answer.text == ''.join(BAD) + '\n\n' + GOOD
    assert answer.finish == 'content_filter'


@pytest.mark.parametrize('model', MODELS)
def test_the_end_lets_go_at_once(bare_site, cut, model):
    site = bare_site.start(location=LONG)
    response = site.ask(model)
    answer = client.check_stream(response, model)
    assert answer.text == 'The answer is forty-two.'
    assert answer.finish == 'stop'
    assert response.times[-1][0] < 10


def test_pieces_keep_their_order(bare_site):
    site = bare_site.start(location='opendify_moderation_window 200ms;'
                                    'opendify_steps reasoning;')
    words = ['<think>\n', 'a ', 'b\n</think>'] + [f'w{i} ' for i in range(60)]
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, words, 0.02)
    answer = site.stream()
    assert answer.reasoning == 'a b'
    assert answer.text == ''.join(words[3:])


# --- while text is held ----------------------------------------------------

def test_pings_while_text_is_held(bare_site):
    site = bare_site.start(
        location='opendify_moderation_window 2s; opendify_keepalive 200ms;')
    replaces(site, 'chat-bot', 1.0)
    response = site.ask()
    answer = client.check_stream(response)
    assert answer.pings >= 2 and answer.text == GOOD
    assert response.body.startswith(b': ping')
    assert b'forbidden' not in response.body


@pytest.mark.parametrize('how', ['fin', 'rst'])
@pytest.mark.parametrize('model', MODELS)
def test_the_client_leaves_while_text_is_held(bare_site, model, how):
    site = bare_site.start(location=LONG)
    chat = Chat(site, model)
    first = chat.say('CANARY one')
    pauses(site, model)
    question = chat.messages + [{'role': 'user', 'content': 'CANARY two'}]
    with site.open(model, messages=question) as connection:
        site.dify.wait(lambda: len(site.dify.runs) == 2
                       and 'words' in site.dify.runs[-1].text)
        connection.leave(how)
    run = site.dify.runs[-1]
    site.dify.wait(lambda: run.state != 'running')
    assert run.stopped and len(site.dify.stops) == 1
    # Nothing of the answer was seen, but Dify has the question: it comes again
    # in a conversation that does not.
    site.app(model).script = None
    again = chat.say('CANARY two')
    assert conversation(again) is None
    assert first.text in again.json['query']


def test_the_client_leaves_after_a_part(bare_site):
    """What is held by then goes nowhere."""
    site = bare_site.start(location='opendify_moderation_window 1s;')

    def script(ask):
        return dify_events.stream('chat', ask.ids,
                                  [f'w{i} ' for i in range(200)], 0.1)
    site.app('chat-bot').script = script
    with site.open() as connection:
        connection.head()
        connection.until(b'w3 ')
        raw = connection.response.body.decode()
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.runs[0].state != 'running')
    assert site.dify.runs[0].stopped
    assert 'w3 ' in raw and 'w199 ' not in raw


@pytest.mark.parametrize('how', ['error', 'cut', 'end'])
def test_an_error_while_text_is_held(bare_site, cut, how):
    site = bare_site.start(location=LONG)

    def script(ask):
        end = {'error': ask.ids.error(message='Boom'), 'cut': CUT,
               'end': b''}[how]
        return steps_of(ask, BAD, lambda rest: [(0.0, end)], 0.3)
    site.app('chat-bot').script = script
    for stream in (True, False):
        response = site.ask(stream=stream)
        assert response.status >= 400 and response.error['message']
        assert b'forbidden' not in response.body


def test_an_error_after_a_ping(bare_site, cut):
    """Nothing moderation has not passed goes out with the error."""
    site = bare_site.start(location=LONG + 'opendify_keepalive 100ms;')
    site.app('chat-bot').script = lambda ask: steps_of(
        ask, BAD, lambda rest: [(0.0, ask.ids.error(message='Boom'))], 1.0)
    response = site.ask()
    answer = client.check_stream(response)
    assert answer.error and answer.text == '' and answer.pings
    assert b'forbidden' not in response.body


def test_a_slow_reader_of_held_text(bare_site):
    site = bare_site.start(location='opendify_moderation_window 300ms;')
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['x' * 4000] * 300)
    with site.open(receive_buffer=4096, timeout=60) as connection:
        connection.head()
        answer = client.check_stream(connection.rest())
    assert len(answer.text) == 1_200_000


def test_many_answers_held_at_once(bare_site):
    site = bare_site.start(location='opendify_moderation_window 200ms;')
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, [ask.query + ' '] * 20, 0.03)
    texts = {}

    def one(name):
        texts[name] = site.stream(question=name).text
    threads = [threading.Thread(target=one, args=(f'q{i}',))
               for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert texts == {f'q{i}': f'q{i} ' * 20 for i in range(8)}
