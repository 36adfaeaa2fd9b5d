"""Thoughts in all the shapes in which they reach Dify's clients, and steps
of agents and workflows."""

import json

import pytest

import client
import dify_events
from test_conversations import Chat, conversation

CANARY = 'CANARY-prompt'

# name -> (pieces, the text of the answer, its thoughts)
SHAPES = {
    'plain': (['<think>\nHmm, ', 'four.\n</think>\n\n', 'It is ', '4.'],
              'It is 4.', 'Hmm, four.'),
    'cut': (['<th', 'ink', '>\nHmm', ', four.\n<', '/thi', 'nk>It ', 'is 4.'],
            'It is 4.', 'Hmm, four.'),
    'one piece': (['<think>\nHmm, four.\n</think>It is 4.'],
                  'It is 4.', 'Hmm, four.'),
    'attributes': (['<Think class="x" data-y=\'z\'>\nHmm, four.\n',
                    '</THINK >', '\nIt is 4.'], 'It is 4.', 'Hmm, four.'),
    'several': (['<think>\nHmm.\n</think>', 'First.\n\n', '<think>\nSo?\n',
                 '</think>\n', 'Second.'], 'First.\n\n\nSecond.',
                'Hmm.\n\nSo?'),
    'no end': (['<think>\nHmm, ', 'four'], '', 'Hmm, four'),
    'nothing': (['<think>\n\n</think>\n\n', 'It is 4.'], 'It is 4.', ''),
    'details': (['<details style="color:gray;" open> <summary> Thinking... ',
                 '</summary>\nHmm, ', 'four.\n', '</details>', 'It is 4.'],
                'It is 4.', 'Hmm, four.'),
    'quotation': (['> 💭 Hmm,\n', '> 💭 four.\n\n', 'It is 4.'],
                  'It is 4.', 'Hmm,\nfour.'),
    'deepseek': (['<think>\n<!--dify-deepseek-reasoning-->',
                  'a &lt; b &am', 'p;&amp; &lt;b&gt;\n</think>',
                  'It is 4.'], 'It is 4.', 'a < b && <b>'),
    'in code': (['```\n<think>\nno\n</think>\n```\n'],
                '```\n<think>\nno\n</think>\n```\n', ''),
    'no tag': (['a < b, <thinking> ', 'and <', 'thin', ' air>'],
               'a < b, <thinking> and <thin air>', ''),
}


def says(site, model, pieces):
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, pieces)


def read(site, model, stream):
    return site.stream(model) if stream else site.fold(model)


@pytest.mark.parametrize('shape', SHAPES)
def test_thoughts_are_told_from_text(site, cut, shape):
    pieces, text, thoughts = SHAPES[shape]
    for model in ('chat-bot', 'flow-bot'):
        says(site, model, pieces)
        for stream in (True, False):
            answer = read(site, model, stream)
            assert (answer.text, answer.reasoning) == (text, thoughts)
            assert answer.finish == 'stop'


@pytest.mark.parametrize('shape', SHAPES)
def test_thoughts_are_left_out(bare_site, cut, shape):
    site = bare_site.start(location='opendify_reasoning off;')
    pieces, text, _ = SHAPES[shape]
    says(site, 'chat-bot', pieces)
    for stream in (True, False):
        answer = read(site, 'chat-bot', stream)
        assert (answer.text, answer.reasoning) == (text, '')


@pytest.mark.parametrize('shape', SHAPES)
def test_thoughts_stay_where_they_are(bare_site, cut, shape):
    site = bare_site.start(location='opendify_reasoning inline;')
    pieces = SHAPES[shape][0]
    says(site, 'chat-bot', pieces)
    for stream in (True, False):
        answer = read(site, 'chat-bot', stream)
        assert (answer.text, answer.reasoning) == (''.join(pieces), '')


def separated(ask):
    """Dify 1.15: thoughts are events of their own."""
    steps = dify_events.stream(ask.app.mode, ask.ids, ['It is ', '4.'])
    thoughts = [(0.0, ask.ids.reasoning_chunk(text, text == ''))
                for text in ('Hmm, ', 'four.', '')]
    at = next(i for i, (_, item) in enumerate(steps) if b'It is ' in item)
    return steps[:at] + thoughts + steps[at:]


@pytest.mark.parametrize('mode, text, thoughts', [
    ('content', 'It is 4.', 'Hmm, four.'),
    ('inline', '<think>\nHmm, four.\n</think>\n\nIt is 4.', ''),
    ('off', 'It is 4.', ''),
])
def test_thoughts_as_events(bare_site, cut, mode, text, thoughts):
    site = bare_site.start(location=f'opendify_reasoning {mode};')
    site.app('flow-bot').script = separated
    for stream in (True, False):
        answer = read(site, 'flow-bot', stream)
        assert (answer.text, answer.reasoning) == (text, thoughts)


def test_thoughts_come_as_they_are_thought(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['<think>\nHmm', ', four.\n</think>', 'It is 4.'],
        0.5)
    response = site.ask()
    client.check_stream(response)
    assert response.time_of(b'Hmm') + 0.6 < response.time_of(b'It is 4.')


# --- the answer comes back -------------------------------------------------

def bare(answer):
    return answer.text


def with_tags(answer):
    return f'<think>\n{answer.reasoning}\n</think>\n\n{answer.text}'


def with_details(answer):
    """As Open WebUI keeps it."""
    quoted = '\n'.join('> ' + line for line in answer.reasoning.split('\n'))
    return ('<details type="reasoning" done="true" duration="3">\n'
            '<summary>Thought for 3 seconds</summary>\n'
            f'{quoted}\n</details>\n{answer.text}')


class Keeper(Chat):
    """A client that keeps answers in a form of its own."""

    def __init__(self, site, kept, model='chat-bot'):
        super().__init__(site, model)
        self.keep = kept


@pytest.mark.parametrize('kept', [bare, with_tags, with_details])
@pytest.mark.parametrize('shape', SHAPES)
def test_the_next_turn_continues(site, shape, kept):
    says(site, 'chat-bot', SHAPES[shape][0])
    chat = Keeper(site, kept)
    first = chat.say('CANARY one')
    assert conversation(chat.say('CANARY two')) == first.ids.conversation
    assert conversation(chat.say('CANARY three', False)) == \
        first.ids.conversation


@pytest.mark.parametrize('mode', ['content', 'inline', 'off'])
@pytest.mark.parametrize('kept', [bare, with_tags, with_details])
def test_the_next_turn_continues_in_any_mode(bare_site, mode, kept):
    site = bare_site.start(location=f'opendify_reasoning {mode};')
    site.app('flow-bot').script = separated
    chat = Keeper(site, kept, 'flow-bot')
    first = chat.say('CANARY one')
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


@pytest.mark.parametrize('kept', [
    lambda answer: '', lambda answer: 'It is 5.',
    lambda answer: with_tags(answer) + ' Surely.'])
def test_another_answer_is_another_conversation(site, kept):
    says(site, 'chat-bot', SHAPES['plain'][0])
    chat = Keeper(site, kept)
    chat.say('CANARY one')
    assert conversation(chat.say('CANARY two')) is None


# --- steps -----------------------------------------------------------------

def busy_flow(ask):
    """A run that does a little of everything, before it answers."""
    ids, events = ask.ids, dify_events
    ids.query = CANARY
    ids.inputs = {'secret': CANARY}
    items = [CANARY + 'a', CANARY + 'b']
    inner = [events.node_started(ids, 'llm'),
             events.node_finished(ids, 'llm', {'text': CANARY})]
    inner = [item.replace(b'"iteration_id":null', b'"iteration_id":"it"')
             for item in inner]
    extra = [
        events.node_started(ids, 'http-request', 'Call CRM'),
        events.node_retry(ids, 'http-request', 'timeout', 1),
        events.node_finished(ids, 'http-request', {'body': CANARY},
                             title='Call CRM'),
        *events.iteration(ids, items, inner, 'Each line'),
        *events.loop(ids, 2, title='Refine'),
        events.agent_log(ids, 'CALL weather', data={'output': CANARY}),
    ]
    steps = events.stream(ask.app.mode, ids)
    at = next(i for i, (_, item) in enumerate(steps) if b'"The "' in item)
    return steps[:at] + [(0.0, item) for item in extra] + steps[at:]


LINES = [
    'Node "Llm" started',
    'Node "Call CRM" started',
    'Node "Http-Request" is tried again (1): timeout',
    'Node "Call CRM" finished',
    'Iteration "Each line" started, 2 rounds',
    'Iteration "Each line": round 1 of 2',
    'Iteration "Each line": round 2 of 2',
    'Iteration "Each line" finished',
    'Loop "Refine" started, 2 rounds',
    'Loop "Refine": round 2 of 2',
    'Loop "Refine" finished',
    'CALL weather',
    'Node "Llm" finished',
]

TEXT = 'The answer is forty-two.'


def test_steps_of_a_flow_are_reasoning(bare_site, cut):
    site = bare_site.start(location='opendify_steps reasoning;')
    site.app('flow-bot').script = busy_flow
    for stream in (True, False):
        response = site.ask('flow-bot', stream)
        judge = client.check_stream if stream else client.check_reply
        answer = judge(response, 'flow-bot')
        assert answer.text == TEXT
        lines = answer.reasoning.split('\n')
        assert [line for line in lines if line] == LINES
        assert b'CANARY' not in response.body


def test_steps_of_an_agent_are_reasoning(bare_site, cut):
    site = bare_site.start(location='opendify_steps reasoning;')
    for stream in (True, False):
        answer = read(site, 'agent-bot', stream)
        assert answer.text == TEXT
        assert answer.reasoning.split('\n') == [
            'Calling current_time {"timezone":"UTC"}',
            'current_time: 2026-11-21']


def test_steps_in_the_text_are_between_tags(bare_site):
    site = bare_site.start(
        location='opendify_steps reasoning; opendify_reasoning inline;')
    answer = site.stream('agent-bot')
    assert answer.text.startswith('<think>\nCalling current_time')
    assert answer.text.endswith('\n</think>\n\n' + TEXT)


@pytest.mark.parametrize('location', ['', 'opendify_steps off;'])
def test_steps_are_not_shown_unasked(bare_site, location):
    site = bare_site.start(location=location)
    site.app('flow-bot').script = busy_flow
    for model in ('flow-bot', 'agent-bot'):
        for stream in (True, False):
            response = site.ask(model, stream)
            judge = client.check_stream if stream else client.check_reply
            answer = judge(response, model)
            assert (answer.text, answer.reasoning) == (TEXT, '')
            assert b'CANARY' not in response.body


def test_steps_are_shown_without_thoughts(bare_site):
    site = bare_site.start(
        location='opendify_steps reasoning; opendify_reasoning off;')
    says(site, 'flow-bot', SHAPES['plain'][0])
    answer = site.stream('flow-bot')
    assert answer.text == 'It is 4.'
    assert answer.reasoning.split() == [
        'Node', '"Llm"', 'started', 'Node', '"Llm"', 'finished']


def test_steps_are_no_part_of_the_conversation(bare_site):
    site = bare_site.start(location='opendify_steps reasoning;')
    for model in ('flow-bot', 'agent-bot'):
        for kept in (bare, with_tags, with_details):
            chat = Keeper(site, kept, model)
            first = chat.say('CANARY one')
            assert conversation(chat.say('CANARY two')) == \
                first.ids.conversation


def test_steps_come_before_the_answer(bare_site):
    """They are what there is to see while nothing is said."""
    site = bare_site.start(location='opendify_steps reasoning;')

    def script(ask):
        steps = dify_events.stream(ask.app.mode, ask.ids)
        at = next(i for i, (_, b) in enumerate(steps) if b'"The "' in b)
        return steps[:at] + [(1.0, b'')] + steps[at:]
    site.app('flow-bot').script = script
    response = site.ask('flow-bot')
    answer = client.check_stream(response, 'flow-bot')
    assert response.time_of(b'started') + 0.5 < response.time_of(b'The ')
    assert json.dumps(answer.reasoning).count('Llm') == 2
