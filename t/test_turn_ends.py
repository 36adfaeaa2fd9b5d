"""A conversation goes on only where Dify has stored what the client shows;
else the next turn replays the history in a new one."""

import pytest

import client
import dify_events
from conftest import MODELS
from fake_dify import CUT, RESET
from test_conversations import Chat, conversation

# Their stopped turns are stored with the text that went out.
KEEP_STOPPED = ('chat-bot', 'flow-bot')


def begun(site, model, **more):
    """A chat with one turn, whose next one is prepared to go wrong."""
    chat = Chat(site, model, **more)
    chat.say('CANARY one')
    chat.messages.append({'role': 'user', 'content': 'CANARY two'})
    return chat


def goes_on(site, chat, shown):
    """Whether the next turn goes on with the chat's conversation; if not, it
    replays what the client shows."""
    first = site.dify.runs[0].ids.conversation
    site.app(chat.model).script = None
    if shown is not None:
        chat.messages.append({'role': 'assistant', 'content': shown})
    run = chat.say('CANARY three')
    if conversation(run) is not None:
        assert conversation(run) == first
        return True
    assert 'CANARY one' in run.json['query']
    assert 'CANARY two' in run.json['query']
    assert (shown or '') in run.json['query']
    # And from then on all is well.
    assert conversation(chat.say('CANARY four')) == run.ids.conversation
    return False


def script(rest, pieces=('word ', 'again ')):
    """The pieces, a pause in which they are seen, then the rest."""
    def play(ask):
        steps = dify_events.stream(ask.app.mode, ask.ids, list(pieces))
        if ask.conversation_new:
            return steps
        last = min(i for i, (_, item) in enumerate(steps)
                   if pieces[-1].encode() in item)
        return steps[:last + 1] + rest(ask)
    return play


def leave(site, chat, after=b'again '):
    with site.open(chat.model, messages=chat.messages,
                   **chat.body) as connection:
        connection.head()
        connection.until(after)
        run = site.dify.runs[-1]
        connection.leave('rst')
    return run


def answered(site, chat, stream=True):
    return site.ask(chat.model, stream, messages=chat.messages, **chat.body)


@pytest.mark.parametrize('model', MODELS)
def test_stopped_and_read_to_its_end(site, cut, model):
    chat = begun(site, model)
    site.app(model).script = script(lambda ask: [(30.0, b'')])
    run = leave(site, chat)
    site.dify.wait(lambda: run.finished)
    assert goes_on(site, chat, 'word again ') == (model in KEEP_STOPPED)


@pytest.mark.parametrize('model', MODELS)
def test_a_first_turn_that_was_stopped(site, model):
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, ['word '])[:-1 if 'flow' not in model
                                          else -5] + [(30.0, b'')]
    chat = Chat(site, model)
    chat.messages = [{'role': 'user', 'content': 'CANARY one'}]
    run = leave(site, chat, b'word ')
    site.dify.wait(lambda: run.finished)
    site.app(model).script = None
    chat.messages.append({'role': 'assistant', 'content': 'word '})
    second = chat.say('CANARY two')
    known = run.ids.conversation if model in KEEP_STOPPED else None
    assert conversation(second) == known
    assert ('word' in second.json['query']) == (known is None)


@pytest.mark.parametrize('model', MODELS)
def test_stopped_and_not_read_to_its_end(bare_site, model):
    site = bare_site.start(location='opendify_drain 200ms;')
    site.dify.ignore_stop = True
    chat = begun(site, model)
    site.app(model).script = script(lambda ask: [(30.0, b'')])
    run = leave(site, chat)
    site.dify.wait(lambda: run.state == 'client_closed')
    assert not goes_on(site, chat, 'word again ')


@pytest.mark.parametrize('rest', [
    lambda ask: [(0.3, CUT)], lambda ask: [(0.3, RESET)],
    lambda ask: [(0.3, dify_events.failed(
        ask.app.mode, ask.ids, [])[-1][1])]])
@pytest.mark.parametrize('model', KEEP_STOPPED)
def test_stopped_and_ended_otherwise(site, model, rest):
    """Cut, or failed: as Dify ends a run that another user has stopped."""
    site.dify.ignore_stop = True
    chat = begun(site, model)
    site.app(model).script = script(rest)
    run = leave(site, chat)
    site.dify.wait(lambda: run.finished)
    assert not goes_on(site, chat, 'word again ')


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', MODELS)
def test_failed_after_some_text(site, cut, model, stream):
    chat = begun(site, model)
    site.app(model).script = script(lambda ask: [
        (0.2 + d, item) for d, item in dify_events.failed(
            ask.app.mode, ask.ids, [])[-1:]])
    response = answered(site, chat, stream)
    if stream:
        answer = client.check_stream(response)
        assert answer.error and answer.text == 'word again '
        assert not goes_on(site, chat, answer.text)
    else:
        # Nothing was shown: the conversation is as it was.
        assert response.status == 400
        assert goes_on(site, chat, None)


@pytest.mark.parametrize('end', [CUT, RESET])
@pytest.mark.parametrize('model', MODELS)
def test_cut_after_some_text(site, model, end):
    chat = begun(site, model)
    site.app(model).script = script(lambda ask: [(0.2, end)])
    answer = client.check_stream(answered(site, chat))
    assert answer.error and answer.text == 'word again '
    assert not goes_on(site, chat, answer.text)


@pytest.mark.parametrize('model', MODELS)
def test_cut_before_any_text(site, model):
    chat = begun(site, model)
    site.app(model).script = lambda ask: [(0.0, dify_events.PING),
                                          (0.05, CUT)]
    assert answered(site, chat).status == 502
    assert not goes_on(site, chat, None)


@pytest.mark.parametrize('model', MODELS)
def test_failed_before_any_text(site, model):
    chat = begun(site, model)
    site.app(model).script = lambda ask: dify_events.failed(
        ask.app.mode, ask.ids, [])
    assert answered(site, chat).status == 400
    assert goes_on(site, chat, None)


@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'new-agent'])
@pytest.mark.parametrize('stream', [True, False])
def test_replaced_by_moderation(site, model, stream):
    """Streamed, the client keeps a beginning that Dify does not."""
    chat = begun(site, model)
    site.app(model).script = script(lambda ask: [
        (0.2, ask.ids.message_replace('Withdrawn.'))] + dify_events.stream(
            ask.app.mode, ask.ids, ['x'])[-1:])
    response = answered(site, chat, stream)
    answer = (client.check_stream if stream else client.check_reply)(response)
    assert answer.finish == 'content_filter'
    assert goes_on(site, chat, answer.text) != stream


def test_left_before_any_text(site):
    chat = begun(site, 'chat-bot')
    site.app('chat-bot').script = lambda ask: [
        (0.0, ask.ids.message('')), (30.0, b'')]
    with site.open(messages=chat.messages) as connection:
        site.dify.wait(lambda: len(site.dify.runs) == 2
                       and site.dify.runs[1].steps)
        connection.sock.settimeout(0.3)
        try:
            connection.head()
        except OSError:
            pass
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.runs[1].finished)
    assert not goes_on(site, chat, None)


@pytest.mark.parametrize('model', MODELS)
def test_a_memory_without_a_history_is_kept(bare_site, model):
    """Nothing could be replayed: what Dify knows is better than nothing."""
    site = bare_site.start(location='opendify_memory chat;')
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, ['word '], 0.0)[:-1 if 'flow' not in model
                                               else -5] + [(30.0, b'')]
    chat = Chat(site, model, user='u')
    chat.messages = [{'role': 'user', 'content': 'CANARY one'}]
    run = leave(site, chat, b'word ')
    site.dify.wait(lambda: run.finished)
    site.app(model).script = None
    site.stream(model, user='u')
    assert conversation(site.dify.runs[-1]) == run.ids.conversation
