"""Files of a chat: uploaded once, named in the right order, sent anew when
Dify has forgotten them."""

import base64

import pytest

import dify_events
from attachments import (
    GIF, PDF, PNG, WAV, base, begin, far, local, paper, picture, remote, said,
    sent, sound, text, uploads)
from conftest import KINDS
from fake_dify import error
from test_conversations import Chat, conversation

TEXT = 'The answer is forty-two.'


@pytest.fixture
def site(bare_site):
    """Each app takes up to three files of any kind."""
    return begin(bare_site)


# --- what Dify gets --------------------------------------------------------

@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', KINDS)
def test_a_picture_by_address(site, model, stream):
    ask = site.stream if stream else site.fold
    assert ask(model, messages=said(remote())).text == TEXT
    assert sent(site) == [far()]
    assert not uploads(site)


PARTS = {
    'picture': (picture(), 'image', 'image.png', 'image/png', PNG),
    'gif': (picture(GIF, 'image/png'), 'image', 'image.gif', 'image/gif',
            GIF),
    'sound': (sound(), 'audio', 'audio.wav', 'audio/wav', WAV),
    'mp3': (sound(kind='mp3'), 'audio', 'audio.mp3', 'audio/mpeg', WAV),
    'paper': (paper(), 'document', 'report.pdf', 'application/pdf', PDF),
    'in lines': (remote('data:image/png;name="a,b";base64,'
                        + base64.encodebytes(PNG).decode()),
                 'image', 'image.png', 'image/png', PNG),
    'no padding': (remote('DATA:image/png;BASE64,' + base(PNG).rstrip('=')),
                   'image', 'image.png', 'image/png', PNG),
    'whole sound': ({'type': 'input_audio', 'input_audio': {
        'data': 'data:audio/wav;base64,' + base(WAV)}},
        'audio', 'audio.wav', 'audio/wav', WAV),
    'Responses API': ({'type': 'input_image',
                       'image_url': picture()['image_url']['url']},
                      'image', 'image.png', 'image/png', PNG),
    'Anthropic': ({'type': 'document', 'title': 'report', 'source': {
        'type': 'base64', 'media_type': 'application/pdf',
        'data': base(PDF)}}, 'document', 'report.pdf', 'application/pdf', PDF),
    'LangChain': ({'type': 'image', 'source_type': 'base64',
                   'mime_type': 'image/gif', 'data': base(GIF)},
                  'image', 'image.gif', 'image/gif', GIF),
    'AI SDK': ({'type': 'file', 'mediaType': 'application/pdf',
                'filename': 'report.pdf', 'data': base(PDF)},
               'document', 'report.pdf', 'application/pdf', PDF),
    'odd name': (paper(name='a"b/c\\d.pdf'), 'document', None,
                 'application/pdf', PDF),
}


@pytest.mark.parametrize('name', PARTS)
@pytest.mark.parametrize('model', KINDS)
def test_data_is_uploaded(site, cut, model, name):
    part, kind, filename, mime, data = PARTS[name]
    answer = site.stream(model, messages=said(part), user='ü "1"\\')
    assert answer.text == TEXT
    (one,) = site.dify.uploads
    assert (one.mime, one.data, one.user) == (mime, data, 'ü "1"\\')
    assert filename in (None, one.name)
    assert one.extension == (filename or 'a.pdf').rpartition('.')[2]
    assert one.key == KINDS[model][0]
    assert sent(site) == [local(site, 0, kind)]
    run = site.dify.runs[0]
    assert run.json['user'] == one.user
    assert [f['upload'] for f in run.files] == [one]


def test_an_upload_call(site):
    site.stream(messages=said(picture()), user='u-1')
    (call,) = uploads(site)
    assert call.path == '/v1/files/upload'
    assert call.header('authorization') == 'Bearer ' + KINDS['chat-bot'][0]
    assert call.header('content-type').startswith('multipart/form-data; ')
    names = sorted(name.lower() for name, _ in call.headers)
    assert names == ['authorization', 'content-length', 'content-type',
                     'host']


@pytest.mark.parametrize('model', KINDS)
def test_several_files_keep_their_order(site, cut, model):
    site.fold(model, messages=said(sound(), remote(), picture()))
    assert [u.data for u in site.dify.uploads] == [WAV, PNG]
    assert sent(site) == [local(site, 0, 'audio'), far(), local(site, 1)]


def test_files_without_a_word(site):
    site.stream(messages=[{'role': 'user', 'content': [picture()]}])
    assert sent(site) == [local(site, 0)]
    assert site.dify.runs[0].json['query']


def test_a_large_picture(bare_site):
    site = begin(bare_site)
    data = PNG + bytes(range(256)) * (8 << 12)
    for _ in range(2):
        site.stream(messages=said(picture(data)))
    (one,) = site.dify.uploads
    assert one.data == data


@pytest.mark.parametrize('size', [2000, 500000])
def test_a_body_in_a_temporary_file(bare_site, size):
    site = begin(bare_site, location='client_body_buffer_size 1k; '
                 'client_max_body_size 8m;')
    data = PNG + bytes(size)
    site.stream(messages=said(picture(data), sound()))
    assert [u.data for u in site.dify.uploads] == [data, WAV]


# --- once ------------------------------------------------------------------

@pytest.mark.parametrize('model', KINDS)
def test_the_same_picture_again(site, model):
    for _ in range(3):
        site.stream(model, messages=said(picture()), user='u-1')
        assert sent(site) == [local(site, 0)]
    assert len(uploads(site)) == 1


def test_another_user_another_app(site):
    for model, user in (('chat-bot', 'u-1'), ('chat-bot', 'u-2'),
                        ('flow-bot', 'u-1'), ('chat-bot', 'u-1')):
        site.stream(model, messages=said(picture()), user=user)
    assert [(u.key, u.user) for u in site.dify.uploads] == [
        (KINDS['chat-bot'][0], 'u-1'), (KINDS['chat-bot'][0], 'u-2'),
        (KINDS['flow-bot'][0], 'u-1')]
    assert sent(site) == [local(site, 0)]


def test_other_bytes_are_another_file(site):
    for data in (PNG, PNG + b'x', PNG):
        site.stream(messages=said(picture(data)))
    assert [u.data for u in site.dify.uploads] == [PNG, PNG + b'x']
    assert sent(site) == [local(site, 0)]


def test_new_workers_know_it(bare_site):
    site = begin(bare_site, workers=2)
    for _ in range(3):
        site.stream(messages=said(picture()))
        site.nginx.reload()
    assert len(site.dify.uploads) == 1


# --- conversations ---------------------------------------------------------

class Viewer(Chat):
    def show(self, words, *parts):
        """Chat.say with files."""
        content = [text(words), *parts] if parts else words
        return self.say(content)


@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot', 'agent-bot'])
def test_only_files_of_the_newest_turn(site, model):
    chat = Viewer(site, model)
    first = chat.show('CANARY one', picture())
    second = chat.show('CANARY two')
    assert conversation(second) == first.ids.conversation
    assert 'files' not in second.json
    third = chat.show('CANARY three', sound(), remote())
    assert conversation(third) == first.ids.conversation
    assert third.json['files'] == [local(site, 1, 'audio'), far()]
    assert len(uploads(site)) == 2


@pytest.mark.parametrize('model', KINDS)
def test_replayed_with_the_files_before(site, model):
    """The newest turn's first, then earlier ones while there is room."""
    messages = [
        {'role': 'user', 'content': [text('CANARY a'), picture(GIF)]},
        {'role': 'assistant', 'content': 'one'},
        {'role': 'user', 'content': [text('CANARY b'), picture(PNG),
                                     remote()]},
        {'role': 'assistant', 'content': 'two'},
        {'role': 'user', 'content': [text('CANARY c'), sound()]}]
    site.stream(model, messages=messages)
    assert [u.data for u in site.dify.uploads] == [WAV, PNG]
    assert sent(site) == [local(site, 0, 'audio'), local(site, 1), far()]
    messages[-1]['content'] = 'CANARY d'
    site.stream(model, messages=messages)
    assert [u.data for u in site.dify.uploads] == [WAV, PNG, GIF]
    assert sent(site) == [local(site, 1), far(), local(site, 2)]


def test_replayed_where_files_are_not_taken(bare_site):
    """Earlier ones stay out without a word."""
    site = begin(bare_site, rules=None)
    site.stream(messages=said(picture()) + [
        {'role': 'assistant', 'content': 'x'},
        {'role': 'user', 'content': 'CANARY on'}])
    assert sent(site) is None and not uploads(site)


@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'new-agent'])
def test_files_of_a_conversation_that_is_gone(site, model):
    """Uploaded before Dify says so, named again in the new one."""
    chat = Viewer(site, model)
    chat.show('CANARY one', picture(GIF))
    site.dify.conversations.clear()
    run = chat.show('CANARY two', picture(PNG))
    refused = site.dify.runs[-2]
    assert refused.status == 404 and conversation(run) is None
    assert refused.json['files'] == [local(site, 1)]
    assert run.json['files'] == [local(site, 1), local(site, 0)]
    assert len(uploads(site)) == 2
    assert conversation(chat.show('CANARY three')) == run.ids.conversation


def test_files_of_a_chatflow_conversation_that_is_gone(bare_site):
    site = begin(bare_site, location='opendify_stall 200ms;')
    chat = Viewer(site, 'flow-bot')
    chat.show('CANARY one', picture(GIF))
    site.dify.conversations.clear()
    run = chat.show('CANARY two', picture(PNG))
    assert conversation(run) is None
    assert run.json['files'] == [local(site, 1), local(site, 0)]
    assert len(uploads(site)) == 2


def test_earlier_files_that_dify_does_not_have_yet(site):
    """The replay uploads them: the continued turn had not to."""
    chat = Viewer(site)
    chat.show('CANARY one', picture(GIF))
    site.dify.conversations.clear()
    site.dify.uploads.clear()
    other = Viewer(site)
    other.messages = chat.messages
    run = other.show('CANARY two')
    assert [u.data for u in site.dify.uploads] == [GIF]
    assert run.status == 200 and run.json['files'] == [local(site, 0)]


# --- Dify has forgotten it -------------------------------------------------

@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'new-agent',
                                   'write-bot'])
def test_a_file_that_is_gone(site, cut, model, stream):
    ask = site.stream if stream else site.fold
    ask(model, messages=said(picture(), sound()))
    site.dify.uploads.clear()
    assert ask(model, messages=said(picture(), sound())).text == TEXT
    refused, run = site.dify.runs[-2:]
    assert refused.status == 400 and run.status == 200
    assert sent(site) == [local(site, 0), local(site, 1, 'audio')]
    assert len(uploads(site)) == 4
    ask(model, messages=said(picture(), sound()))
    assert len(uploads(site)) == 4 and len(site.dify.runs) == 4


def test_a_file_that_is_gone_in_a_conversation(site):
    chat = Viewer(site)
    first = chat.show('CANARY one', picture())
    site.dify.uploads.clear()
    second = chat.show('CANARY two', picture())
    assert conversation(second) == first.ids.conversation
    assert second.json['files'] == [local(site, 0)]
    assert second.json['query'] == 'CANARY two'


@pytest.mark.parametrize('model', ['chat-bot', 'write-bot'])
def test_a_file_that_stays_gone(site, model):
    """Sent anew once, not for ever."""
    site.stream(model, messages=said(picture()))
    site.app(model).script = lambda ask: error('invalid_param', 400,
                                               'Invalid upload file')
    found = site.error(400, model, messages=said(picture()))
    assert found['code'] == 'backend_rejected'
    assert len(site.dify.runs) == 3 and len(uploads(site)) == 2


@pytest.mark.parametrize('model', ['flow-bot', 'run-bot'])
def test_a_file_that_is_gone_ends_a_run(site, cut, model):
    """Newer servers say it in a run that fails before it begins."""
    def script(ask):
        if len(site.dify.runs) != 2:
            return dify_events.stream(ask.app.mode, ask.ids)
        return [(0.0, item) for item in (
            dify_events.PING, dify_events.workflow_started(ask.ids),
            dify_events.workflow_finished(ask.ids, None, 'failed',
                                          'Invalid upload file'))]
    site.app(model).script = script
    site.stream(model, messages=said(picture()))
    assert site.stream(model, messages=said(picture())).text == TEXT
    assert len(site.dify.runs) == 3 and len(uploads(site)) == 2
    assert sent(site) == [local(site, 1)]


@pytest.mark.parametrize('leave', [True, False])
@pytest.mark.parametrize('model', ['flow-bot', 'run-bot'])
def test_a_file_that_is_gone_and_silence(site, model, leave):
    """Older servers hang: the next try brings the file again."""
    site.stream(model, messages=said(picture()))
    site.dify.uploads.clear()
    site.dify.silence_s = 60.0 if leave else 0.3
    with site.open(model, messages=said(picture())) as connection:
        site.dify.wait(lambda: len(site.dify.runs) == 2)
        if leave:
            connection.leave('rst')
        else:
            assert connection.head().status == 502
            connection.rest()
    site.dify.wait(lambda: site.dify.runs[1].finished)
    assert site.stream(model, messages=said(picture())).text == TEXT
    assert len(uploads(site)) == 2
