"""A client's button "Continue": a request that ends with an answer, which the
client then lengthens without anything between."""

import pytest

import client
import dify_events
from conftest import KINDS, MODELS, start_kinds
from test_chains import MINE, PARENT, chat_after_stop, slow, stop_early
from test_conversations import TEXT, Chat, conversation

NUMBERS = ('one, ', 'two, ', 'three, ', 'four, ', 'five.')


class Lengthened(Chat):
    def go_on(self, stream=True):
        shown = self.messages[-1]['content']
        response = self.site.ask(self.model, stream, self.headers,
                                 messages=self.messages, **self.body)
        judge = client.check_stream if stream else client.check_reply
        text = judge(response, self.model).text
        self.messages[-1] = {'role': 'assistant', 'content': shown + text}
        return self.site.dify.runs[-1]


def answer_one_by_one(site, model='chat-bot'):
    texts = iter(NUMBERS)
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, [next(texts)])


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', MODELS)
def test_an_answer_goes_on(site, model, stream):
    answer_one_by_one(site, model)
    chat = Lengthened(site, model)
    first = chat.say('CANARY count', stream)
    runs = [chat.go_on(stream), chat.go_on(not stream)]
    assert chat.messages[-1]['content'] == 'one, two, three, '
    runs.append(chat.say('CANARY and?', stream))
    assert [conversation(run) for run in runs] == \
        [first.ids.conversation] * 3
    assert [run.json['query'] for run in runs] == [
        'Continue.', 'Continue.', 'CANARY and?']


def test_the_client_trims_what_is_complete(site):
    """At its end, not where it was put together."""
    pieces = iter(['\n one ', '\n\n two \n', 'three'])
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, [next(pieces)])
    chat = Lengthened(site)
    first = chat.say('CANARY count')
    chat.messages[-1]['content'] = 'one'
    second = chat.go_on()
    chat.messages[-1]['content'] = 'one\n\n two'
    third = chat.say('CANARY and?')
    assert conversation(second) == first.ids.conversation
    assert conversation(third) == first.ids.conversation


def test_words_of_ones_own(bare_site):
    """Of the nearest level."""
    site = bare_site.start(
        http='opendify_continue_text "Somewhere else.";',
        location='opendify_continue_text "Go on \\"there\\".";')
    chat = Lengthened(site)
    chat.say('CANARY count')
    assert chat.go_on().json['query'] == 'Go on "there".'


def test_words_of_an_outer_level(bare_site):
    site = bare_site.start(http='opendify_continue_text Weiter.;')
    chat = Lengthened(site)
    chat.say('CANARY count')
    assert chat.go_on().json['query'] == 'Weiter.'


@pytest.mark.parametrize('model', KINDS)
def test_an_unknown_history_is_replayed(bare_site, model):
    site = start_kinds(bare_site, location='opendify_continue_text Weiter.;')
    chat = Lengthened(site, model)
    chat.messages = [{'role': 'user', 'content': 'CANARY count'},
                     {'role': 'assistant', 'content': 'one, '}]
    run = chat.go_on()
    assert conversation(run) is None
    asked = run.json.get('query') or run.json['inputs']['query']
    assert asked == ('Conversation so far:\nUser: CANARY count\n'
                     'Assistant: one, \n\nUser: Weiter.')
    following = chat.say('CANARY and?')
    if model in MODELS:
        assert conversation(following) == run.ids.conversation
        assert following.json['query'] == 'CANARY and?'


def test_a_stopped_answer_goes_on(site):
    """As soon as Dify has stored it."""
    site.dify.stop_delay_s = 0.5
    stopped = stop_early(site)
    chat = Lengthened(site)
    chat.messages = chat_after_stop(site).messages
    second = chat.go_on()
    assert conversation(second) == stopped.ids.conversation
    assert second.started >= stopped.finished
    assert chat.messages[-1]['content'] == 'word ' + TEXT
    assert conversation(chat.say('CANARY on')) == stopped.ids.conversation


def test_what_goes_on_is_stopped_too(site):
    chat = Lengthened(site)
    first = chat.say('CANARY count')
    site.app('chat-bot').script = slow
    with site.open(messages=chat.messages) as connection:
        connection.head()
        connection.until(b'word ')
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.stops)
    site.app('chat-bot').script = None
    chat.messages[-1]['content'] = TEXT + 'word '
    third = chat.go_on()
    chat.say('CANARY and?')
    assert [conversation(run) for run in (third, site.dify.runs[-1])] == \
        [first.ids.conversation] * 2


@pytest.mark.parametrize('how', ['fails', 'breaks'])
def test_what_goes_on_ends_in_an_error(site, how):
    """Dify has stored none of what came before the error."""
    chat = Lengthened(site)
    first = chat.say('CANARY count')
    pieces = {'fails': [], 'breaks': ['and ']}[how]
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, pieces, pause_s=0.1)
    site.ask(messages=chat.messages)
    site.app('chat-bot').script = None
    chat.messages[-1]['content'] += ''.join(pieces)
    goes_on = {'fails': first.ids.conversation, 'breaks': None}[how]
    assert conversation(chat.say('CANARY and?')) == goes_on


def test_an_answer_that_was_followed_forks(site):
    answer_one_by_one(site)
    chat = Lengthened(site)
    first = chat.say('CANARY count')
    branch = Lengthened(site)
    branch.messages = [dict(m) for m in chat.messages]
    chat.say('CANARY more')
    fork = branch.go_on()
    assert conversation(fork) is None
    assert fork.json['query'].endswith('Assistant: one, \n\nUser: Continue.')
    assert conversation(chat.say('CANARY x')) == first.ids.conversation
    assert conversation(branch.say('CANARY y')) == fork.ids.conversation


def test_the_shorter_answer_is_no_longer_the_last(site):
    answer_one_by_one(site)
    chat = Lengthened(site)
    first = chat.say('CANARY count')
    shorter = chat.fork(2)
    chat.go_on()
    assert conversation(shorter.say('CANARY x')) is None
    assert conversation(chat.say('CANARY y')) == first.ids.conversation


def test_a_longer_answer_keeps_its_name(site):
    """Also where the client shows it otherwise."""
    answer_one_by_one(site)
    chat = Lengthened(site, headers=[(MINE, 'm1'), (PARENT, '')])
    first = chat.say('CANARY count')
    second = chat.go_on()
    chat.messages[-1]['content'] = '1, 2, '
    third = chat.go_on()
    chat.messages[-1]['content'] = '1, 2, 3'
    chat.headers = [(MINE, 'm2'), (PARENT, 'm1')]
    runs = [second, third, chat.say('CANARY and?')]
    assert [conversation(run) for run in runs] == \
        [first.ids.conversation] * 3


@pytest.mark.parametrize('location', [
    'opendify_footnotes on;', 'opendify_reasoning inline;',
    'opendify_reasoning content;', 'opendify_suggested text;'])
def test_what_is_no_part_of_it_stays_so(bare_site, location):
    """Thoughts, sources and suggestions, in the middle of the longer one."""
    site = bare_site.start(location=location)
    app = site.app('chat-bot')
    app.suggested = ['And CANARY then?']
    app.script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['<think>hm</think>', f'{len(site.dify.runs)}. '],
        resources=[dify_events.resource()])
    chat = Lengthened(site)
    first = chat.say('CANARY count')
    runs = [chat.go_on(), chat.say('CANARY and?')]
    assert [conversation(run) for run in runs] == \
        [first.ids.conversation] * 2


@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_the_conversation_is_gone(bare_site, model):
    site = bare_site.start(location='opendify_stall 200ms;')
    chat = Lengthened(site, model)
    chat.say('CANARY count')
    site.dify.conversations.clear()
    replayed = chat.go_on()
    assert conversation(replayed) is None
    assert replayed.json['query'] == (
        'Conversation so far:\nUser: CANARY count\n'
        f'Assistant: {TEXT}\n\nUser: Continue.')
    assert conversation(chat.say('CANARY on')) == replayed.ids.conversation


def test_memory_chat(bare_site):
    site = bare_site.start(location='opendify_memory chat;')
    chat = Lengthened(site)
    first = chat.say('CANARY count')
    chat.messages = chat.messages[-1:]
    second = chat.go_on()
    assert conversation(second) == first.ids.conversation
    assert second.json['query'] == 'Continue.'
