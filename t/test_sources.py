"""Sources become annotations and footnotes, files become links."""

import pytest

import dify_events
from dify_events import file_object, resource
from test_conversations import Chat, conversation

TEXT = 'The answer is forty-two.'
SEGMENT = '7a5c1f1e-31be-4e62-a8d5-7b6c5d4e3f03'
WEB = 'https://example.com/hours'
ORIGIN = 'opendify_files_origin https://dify.example.com;'
SIGNED = '/files/tools/91ab.png?timestamp={}&nonce=5f&sign=Zm9v'

RESOURCES = [
    resource(1, segment_id=SEGMENT),
    resource(2, document_name='Prices', doc_metadata={'url': WEB}),
    resource(3, document_name='Prices, again', doc_metadata={'url': WEB}),
    resource(4, document_name='a [b](c) *d*\n#e',
             segment_id='00000000-31be-4e62-a8d5-7b6c5d4e3f03'),
]
ANNOTATIONS = [
    ('dify:segment/' + SEGMENT, 'hours.md'),
    (WEB, 'Prices'),
    ('dify:segment/00000000-31be-4e62-a8d5-7b6c5d4e3f03',
     'a [b](c) *d* #e'),
]
FOOTNOTES = ('\n\n[//]: # (opendify:sources)\n'
             '1. hours.md\n2. [Prices](https://example.com/hours)\n'
             '3. a \\[b\\](c) \\*d\\* #e')


def both(site, model='chat-bot'):
    return [site.stream(model), site.fold(model)]


def cites(site, model, resources):
    site.app(model).script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, resources=resources)


@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'flow-bot'])
def test_sources_are_annotations(site, cut, model):
    cites(site, model, RESOURCES)
    for answer in both(site, model):
        assert answer.annotations == ANNOTATIONS
        assert answer.text == TEXT


def test_no_sources_no_annotations(site):
    for answer in both(site):
        assert answer.annotations == []


def test_footnotes(bare_site, cut):
    site = bare_site.start(location='opendify_footnotes on;')
    cites(site, 'chat-bot', RESOURCES)
    for answer in both(site):
        assert answer.text == TEXT + FOOTNOTES
        assert answer.annotations == ANNOTATIONS
    cites(site, 'chat-bot', [])
    for answer in both(site):
        assert answer.text == TEXT


@pytest.mark.parametrize('keep', [
    lambda answer: answer.text,                 # as it came
    lambda answer: answer.text.strip() + '\n',
    lambda answer: TEXT,                        # by a client that knows it
])
@pytest.mark.parametrize('stream', [True, False])
def test_footnotes_are_no_part_of_the_conversation(bare_site, keep, stream):
    site = bare_site.start(location='opendify_footnotes on;')
    cites(site, 'chat-bot', RESOURCES)
    chat = Chat(site)
    chat.keep = keep
    first = chat.say('CANARY one', stream)
    assert 'opendify:sources' in chat.answer.text
    second = chat.say('CANARY two', stream)
    assert conversation(second) == first.ids.conversation
    assert conversation(chat.say('CANARY 3')) == first.ids.conversation


def test_a_replay_has_no_footnotes(bare_site):
    site = bare_site.start(location='opendify_footnotes on;')
    cites(site, 'chat-bot', RESOURCES)
    chat = Chat(site)
    chat.say('CANARY one')
    chat.messages[0]['content'] = 'CANARY one, edited'
    run = chat.say('CANARY two')
    assert conversation(run) is None
    assert TEXT in run.json['query']


# --- files -----------------------------------------------------------------

def files_of(site, model, files, extra=()):
    def script(ask):
        steps = dify_events.stream(ask.app.mode, ask.ids, files=files)
        items = [(0.0, ask.ids.message_file(url, **more))
                 for url, more in extra]
        return steps[:1] + items + steps[1:]
    site.app(model).script = script


def test_files_of_a_flow_are_links(bare_site, cut):
    site = bare_site.start(location=ORIGIN)
    files_of(site, 'flow-bot', [
        file_object('advanced-chat', SIGNED.format(1)),
        file_object('advanced-chat', 'https://other.example/a.pdf',
                    'the (new) report.pdf', 'document', 5,
                    'application/pdf'),
        # The same once more, signed anew.
        file_object('advanced-chat', SIGNED.format(2))])
    for answer in both(site, 'flow-bot'):
        assert answer.text.startswith(TEXT + '\n\n')
        assert answer.text.count('https://dify.example.com/files/') == 1
        assert answer.text.count('https://other.example/a.pdf') == 1
        assert '![cat.png](https://dify.example.com' + SIGNED.format(1) \
            in answer.text
        assert '](https://other.example/a.pdf)' in answer.text
        assert '![the' not in answer.text


def test_files_of_an_agent_are_links(bare_site, cut):
    site = bare_site.start(location=ORIGIN)
    files_of(site, 'agent-bot', None, [
        (SIGNED.format(1), {}), (SIGNED.format(2), {}),
        (SIGNED.format(3).replace('91ab', 'other'), {'kind': 'document'})])
    for answer in both(site, 'agent-bot'):
        assert answer.text.count('/files/tools/91ab.png') == 1
        assert '![91ab.png](https://dify.example.com/files' in answer.text
        assert ' [other.png](' in ' ' + answer.text.replace('\n', ' ')
        assert TEXT in answer.text


def test_without_an_origin_addresses_stay_relative(site, cut):
    files_of(site, 'flow-bot', [
        file_object('advanced-chat', SIGNED.format(1)),
        file_object('advanced-chat', 'https://other.example/b.png')])
    for answer in both(site, 'flow-bot'):
        assert f']({SIGNED.format(1)})' in answer.text
        assert '](https://other.example/b.png)' in answer.text


def test_files_of_the_user_are_not_shown(bare_site, cut):
    """Chat apps list them beside their own."""
    site = bare_site.start(location=ORIGIN)
    files_of(site, 'chat-bot', [
        file_object('chat', SIGNED.format(1), upload_id='u-1'),
        file_object('chat', 'https://example.com/mine.png'),
        {**file_object('chat', 'https://example.com/user.png'),
         'belongs_to': 'user'}])
    for answer in both(site):
        assert answer.text == TEXT


def test_a_file_that_the_text_links_is_not_shown_again(bare_site, cut):
    site = bare_site.start(location=ORIGIN)
    url = 'https://other.example/a.png'
    site.app('flow-bot').script = lambda ask: dify_events.stream(
        ask.app.mode, ask.ids, ['See ![a](', url, ') here.'],
        files=[file_object('advanced-chat', url)])
    for answer in both(site, 'flow-bot'):
        assert answer.text == f'See ![a]({url}) here.'


@pytest.mark.parametrize('location', [ORIGIN,
                                      ORIGIN + 'opendify_footnotes on;'])
def test_an_answer_with_files_continues(bare_site, location):
    site = bare_site.start(location=location)
    files_of(site, 'flow-bot', [
        file_object('advanced-chat', SIGNED.format(1))])
    chat = Chat(site, 'flow-bot')
    first = chat.say('CANARY one')
    assert '![cat.png]' in chat.answer.text
    assert conversation(chat.say('CANARY two')) == first.ids.conversation
    assert conversation(chat.say('CANARY 3', False)) == \
        first.ids.conversation
