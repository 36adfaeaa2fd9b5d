"""Files of a chat: uploaded once, named in the right order, refused in
time."""

import base64
import time

import pytest

import client
import dify_events
from conftest import KINDS, QUESTION
from fake_dify import CUT, Reply, error
from test_conversations import Chat, conversation
from test_kinds import start

TEXT = 'The answer is forty-two.'
PNG = b'\x89PNG\r\n\x1a\n' + b'CANARY--\r\n--opendify-\r\n\r\n' + bytes(40)
GIF = b'GIF89a' + bytes(range(256))
WAV = b'RIFF\x24\x00\x00\x00WAVEfmt CANARY'
PDF = b'%PDF-1.4 CANARY'
ADDRESS = 'http://127.0.0.1:9/cat.png'
ALL = {'allowed_file_types': ['image', 'audio', 'video', 'document'],
       'number_limits': 3}
UNNAMED = 'messages[0].content'


def base(data):
    return base64.b64encode(data).decode()


def picture(data=PNG, mime='image/png'):
    return remote(f'data:{mime};base64,{base(data)}')


def remote(url=ADDRESS):
    return {'type': 'image_url', 'image_url': {'url': url}}


def sound(data=WAV, kind='wav'):
    return {'type': 'input_audio',
            'input_audio': {'data': base(data), 'format': kind}}


def paper(data=PDF, name='report.pdf'):
    return {'type': 'file', 'file': {
        'file_data': 'data:application/pdf;base64,' + base(data),
        'filename': name}}


def text(words=QUESTION):
    return {'type': 'text', 'text': words}


def said(*parts):
    return [{'role': 'user', 'content': [text(), *parts]}]


def begin(site, rules=ALL, **how):
    how.setdefault('location', 'client_max_body_size 20m;')
    start(site, **how)
    for model in KINDS:
        site.app(model).file_upload = rules
    return site


@pytest.fixture
def eyes(bare_site):
    """One app of each kind; each takes up to three files of any kind."""
    return begin(bare_site)


def uploads(site):
    return site.dify.find('/files/upload', 'POST')


def sent(site):
    return site.dify.runs[-1].json.get('files')


def local(site, number, kind='image'):
    return {'type': kind, 'transfer_method': 'local_file',
            'upload_file_id': site.dify.uploads[number].id}


def far(url=ADDRESS, kind='image'):
    return {'type': kind, 'transfer_method': 'remote_url', 'url': url}


# --- what Dify gets --------------------------------------------------------

@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', KINDS)
def test_a_picture_by_address(eyes, model, stream):
    ask = eyes.stream if stream else eyes.fold
    assert ask(model, messages=said(remote())).text == TEXT
    assert sent(eyes) == [far()]
    assert not uploads(eyes)


PARTS = {
    'picture': (picture(), 'image', 'image.png', 'image/png', PNG),
    'gif': (picture(GIF, 'image/png'), 'image', 'image.gif', 'image/gif',
            GIF),
    'sound': (sound(), 'audio', 'audio.wav', 'audio/wav', WAV),
    'mp3': (sound(kind='mp3'), 'audio', 'audio.mp3', 'audio/mpeg', WAV),
    'paper': (paper(), 'document', 'report.pdf', 'application/pdf', PDF),
    'odd name': (paper(name='a"b/c\\d.pdf'), 'document', None,
                 'application/pdf', PDF),
}


@pytest.mark.parametrize('name', PARTS)
@pytest.mark.parametrize('model', KINDS)
def test_data_is_uploaded(eyes, cut, model, name):
    part, kind, filename, mime, data = PARTS[name]
    answer = eyes.stream(model, messages=said(part), user='ü "1"\\')
    assert answer.text == TEXT
    (one,) = eyes.dify.uploads
    assert (one.mime, one.data, one.user) == (mime, data, 'ü "1"\\')
    assert filename in (None, one.name)
    assert one.extension == (filename or 'a.pdf').rpartition('.')[2]
    assert one.key == KINDS[model][0]
    assert sent(eyes) == [local(eyes, 0, kind)]
    run = eyes.dify.runs[0]
    assert run.json['user'] == one.user
    assert [f['upload'] for f in run.files] == [one]


def test_an_upload_call(eyes):
    eyes.stream(messages=said(picture()), user='u-1')
    (call,) = uploads(eyes)
    assert call.path == '/v1/files/upload'
    assert call.header('authorization') == 'Bearer ' + KINDS['chat-bot'][0]
    assert call.header('content-type').startswith('multipart/form-data; ')
    names = sorted(name.lower() for name, _ in call.headers)
    assert names == ['authorization', 'content-length', 'content-type',
                     'host']


@pytest.mark.parametrize('model', KINDS)
def test_several_files_keep_their_order(eyes, cut, model):
    eyes.fold(model, messages=said(sound(), remote(), picture()))
    assert [u.data for u in eyes.dify.uploads] == [WAV, PNG]
    assert sent(eyes) == [local(eyes, 0, 'audio'), far(), local(eyes, 1)]


def test_files_without_a_word(eyes):
    eyes.stream(messages=[{'role': 'user', 'content': [picture()]}])
    assert sent(eyes) == [local(eyes, 0)]
    assert eyes.dify.runs[0].json['query']


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
def test_the_same_picture_again(eyes, model):
    for _ in range(3):
        eyes.stream(model, messages=said(picture()), user='u-1')
        assert sent(eyes) == [local(eyes, 0)]
    assert len(uploads(eyes)) == 1


def test_another_user_another_app(eyes):
    for model, user in (('chat-bot', 'u-1'), ('chat-bot', 'u-2'),
                        ('flow-bot', 'u-1'), ('chat-bot', 'u-1')):
        eyes.stream(model, messages=said(picture()), user=user)
    assert [(u.key, u.user) for u in eyes.dify.uploads] == [
        (KINDS['chat-bot'][0], 'u-1'), (KINDS['chat-bot'][0], 'u-2'),
        (KINDS['flow-bot'][0], 'u-1')]
    assert sent(eyes) == [local(eyes, 0)]


def test_other_bytes_are_another_file(eyes):
    for data in (PNG, PNG + b'x', PNG):
        eyes.stream(messages=said(picture(data)))
    assert [u.data for u in eyes.dify.uploads] == [PNG, PNG + b'x']
    assert sent(eyes) == [local(eyes, 0)]


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
def test_only_files_of_the_newest_turn(eyes, model):
    chat = Viewer(eyes, model)
    first = chat.show('CANARY one', picture())
    second = chat.show('CANARY two')
    assert conversation(second) == first.ids.conversation
    assert 'files' not in second.json
    third = chat.show('CANARY three', sound(), remote())
    assert conversation(third) == first.ids.conversation
    assert third.json['files'] == [local(eyes, 1, 'audio'), far()]
    assert len(uploads(eyes)) == 2


@pytest.mark.parametrize('model', KINDS)
def test_replayed_with_the_files_before(eyes, model):
    """The newest turn's first, then earlier ones while there is room."""
    messages = [
        {'role': 'user', 'content': [text('CANARY a'), picture(GIF)]},
        {'role': 'assistant', 'content': 'one'},
        {'role': 'user', 'content': [text('CANARY b'), picture(PNG),
                                     remote()]},
        {'role': 'assistant', 'content': 'two'},
        {'role': 'user', 'content': [text('CANARY c'), sound()]}]
    eyes.stream(model, messages=messages)
    assert [u.data for u in eyes.dify.uploads] == [WAV, PNG]
    assert sent(eyes) == [local(eyes, 0, 'audio'), local(eyes, 1), far()]
    messages[-1]['content'] = 'CANARY d'
    eyes.stream(model, messages=messages)
    assert [u.data for u in eyes.dify.uploads] == [WAV, PNG, GIF]
    assert sent(eyes) == [local(eyes, 1), far(), local(eyes, 2)]


def test_replayed_where_files_are_not_taken(bare_site):
    """Earlier ones stay out without a word."""
    site = begin(bare_site, rules=None)
    site.stream(messages=said(picture()) + [
        {'role': 'assistant', 'content': 'x'},
        {'role': 'user', 'content': 'CANARY on'}])
    assert sent(site) is None and not uploads(site)


@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'new-agent'])
def test_files_of_a_conversation_that_is_gone(eyes, model):
    """Uploaded before Dify says so, named again in the new one."""
    chat = Viewer(eyes, model)
    chat.show('CANARY one', picture(GIF))
    eyes.dify.conversations.clear()
    run = chat.show('CANARY two', picture(PNG))
    refused = eyes.dify.runs[-2]
    assert refused.status == 404 and conversation(run) is None
    assert refused.json['files'] == [local(eyes, 1)]
    assert run.json['files'] == [local(eyes, 1), local(eyes, 0)]
    assert len(uploads(eyes)) == 2
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


def test_earlier_files_that_dify_does_not_have_yet(eyes):
    """The replay uploads them: the continued turn had not to."""
    chat = Viewer(eyes)
    chat.show('CANARY one', picture(GIF))
    eyes.dify.conversations.clear()
    eyes.dify.uploads.clear()
    other = Viewer(eyes)
    other.messages = chat.messages
    run = other.show('CANARY two')
    assert [u.data for u in eyes.dify.uploads] == [GIF]
    assert run.status == 200 and run.json['files'] == [local(eyes, 0)]


# --- Dify has forgotten it -------------------------------------------------

@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'new-agent',
                                   'write-bot'])
def test_a_file_that_is_gone(eyes, cut, model, stream):
    ask = eyes.stream if stream else eyes.fold
    ask(model, messages=said(picture(), sound()))
    eyes.dify.uploads.clear()
    assert ask(model, messages=said(picture(), sound())).text == TEXT
    refused, run = eyes.dify.runs[-2:]
    assert refused.status == 400 and run.status == 200
    assert sent(eyes) == [local(eyes, 0), local(eyes, 1, 'audio')]
    assert len(uploads(eyes)) == 4
    ask(model, messages=said(picture(), sound()))
    assert len(uploads(eyes)) == 4 and len(eyes.dify.runs) == 4


def test_a_file_that_is_gone_in_a_conversation(eyes):
    chat = Viewer(eyes)
    first = chat.show('CANARY one', picture())
    eyes.dify.uploads.clear()
    second = chat.show('CANARY two', picture())
    assert conversation(second) == first.ids.conversation
    assert second.json['files'] == [local(eyes, 0)]
    assert second.json['query'] == 'CANARY two'


@pytest.mark.parametrize('model', ['chat-bot', 'write-bot'])
def test_a_file_that_stays_gone(eyes, model):
    """Sent anew once, not for ever."""
    eyes.stream(model, messages=said(picture()))
    eyes.app(model).script = lambda ask: error('invalid_param', 400,
                                               'Invalid upload file')
    found = eyes.error(400, model, messages=said(picture()))
    assert found['code'] == 'backend_rejected'
    assert len(eyes.dify.runs) == 3 and len(uploads(eyes)) == 2


@pytest.mark.parametrize('model', ['flow-bot', 'run-bot'])
def test_a_file_that_is_gone_ends_a_run(eyes, cut, model):
    """Newer servers say it in a run that fails before it begins."""
    def script(ask):
        if len(eyes.dify.runs) != 2:
            return dify_events.stream(ask.app.mode, ask.ids)
        return [(0.0, item) for item in (
            dify_events.PING, dify_events.workflow_started(ask.ids),
            dify_events.workflow_finished(ask.ids, None, 'failed',
                                          'Invalid upload file'))]
    eyes.app(model).script = script
    eyes.stream(model, messages=said(picture()))
    assert eyes.stream(model, messages=said(picture())).text == TEXT
    assert len(eyes.dify.runs) == 3 and len(uploads(eyes)) == 2
    assert sent(eyes) == [local(eyes, 1)]


@pytest.mark.parametrize('leave', [True, False])
@pytest.mark.parametrize('model', ['flow-bot', 'run-bot'])
def test_a_file_that_is_gone_and_silence(eyes, model, leave):
    """Older servers hang: the next try brings the file again."""
    eyes.stream(model, messages=said(picture()))
    eyes.dify.uploads.clear()
    eyes.dify.silence_s = 60.0 if leave else 0.3
    with eyes.open(model, messages=said(picture())) as connection:
        eyes.dify.wait(lambda: len(eyes.dify.runs) == 2)
        if leave:
            connection.leave('rst')
        else:
            assert connection.head().status == 502
            connection.rest()
    eyes.dify.wait(lambda: eyes.dify.runs[1].finished)
    assert eyes.stream(model, messages=said(picture())).text == TEXT
    assert len(uploads(eyes)) == 2


# --- refused by Dify -------------------------------------------------------

REFUSED = {
    'large': (error('file_too_large', 413, 'File size exceeded. {message}'),
              400, 'invalid_value'),
    'large page': (Reply([(0.0, b'<html>413')], 413, 'text/html',
                         framing='length'), 400, 'invalid_value'),
    'type': (error('unsupported_file_type', 415, 'File type not allowed.'),
             400, 'invalid_value'),
    'name': (error('invalid_param', 400, 'Filename contains invalid'),
             400, 'invalid_value'),
    'key': (error('unauthorized', 401, 'Access token is invalid'),
            502, 'backend_credentials'),
    'failed': (error('unknown', 500, 'Internal Server Error'),
               502, 'backend_failed'),
    'closed': (Reply([(0.0, CUT)], framing='raw'),
               502, 'backend_unreachable'),
    'odd': (Reply([(0.0, b'{"id":["x"]}')], 201, 'application/json',
                  framing='length'), 502, 'backend_misconfigured'),
    'silent': (Reply([(30.0, b'')], 201, 'application/json',
                     framing='length'), 504, 'backend_timeout'),
}


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('how', REFUSED)
@pytest.mark.parametrize('model', ['chat-bot', 'run-bot'])
def test_an_upload_that_fails(bare_site, cut, model, how, stream):
    site = begin(bare_site, proxy='proxy_read_timeout 500ms;')
    site.dify.upload_script, status, code = REFUSED[how]
    messages = said(remote(), picture(), sound())
    found = site.error(status, model, stream, messages=messages)
    assert found['code'] == code
    assert '{' not in found['message']
    if status == 400:
        assert found['param'] == f'{UNNAMED}[2]'
    assert not site.dify.runs and len(uploads(site)) == 1
    site.dify.upload_script = None
    assert site.stream(model, messages=messages).text == TEXT


def test_the_second_of_two_is_refused(eyes):
    eyes.dify.upload_limits['audio'] = 5
    messages = said(picture(), sound())
    found = eyes.error(400, messages=messages)
    assert found['param'] == f'{UNNAMED}[2]'
    eyes.dify.upload_limits['audio'] = 500
    eyes.stream(messages=messages)
    assert [u.data for u in eyes.dify.uploads] == [PNG, WAV]


# --- refused by us ---------------------------------------------------------

@pytest.mark.parametrize('rules, parts, param', [
    ({'number_limits': 2}, [picture(), remote(), picture(GIF)], '[3]'),
    ({}, [remote(), sound()], '[2]'),
    ({'allowed_file_types': ['document']}, [picture()], '[1]'),
    ({'allowed_file_upload_methods': ['remote_url']},
     [remote(), picture()], '[2]'),
    ({'allowed_file_upload_methods': ['local_file']},
     [picture(), remote()], '[2]'),
    ({'allowed_file_types': ['custom'],
      'allowed_file_extensions': ['.DOCX']}, [paper()], '[1]'),
])
@pytest.mark.parametrize('model', KINDS)
def test_a_file_that_the_app_does_not_take(bare_site, model, rules, parts,
                                           param):
    """Before anything is uploaded."""
    site = begin(bare_site, rules)
    for stream in (True, False):
        found = site.error(400, model, stream, messages=said(*parts))
        assert found['param'] == UNNAMED + param
        assert found['type'] == 'invalid_request_error'
    assert not uploads(site) and not site.dify.runs


@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'flow-bot',
                                   'write-bot'])
def test_an_app_that_takes_no_files(bare_site, model):
    site = begin(bare_site, None)
    for part in (picture(), remote(), sound()):
        found = site.error(400, model, messages=said(part))
        assert found['param'] == f'{UNNAMED}[1]'
    assert not uploads(site) and not site.dify.runs


@pytest.mark.parametrize('model', ['new-agent', 'run-bot'])
def test_apps_whose_switch_means_nothing(bare_site, model):
    site = begin(bare_site, None)
    assert site.stream(model, messages=said(picture())).text == TEXT
    assert sent(site) == [local(site, 0)]


def test_an_app_that_takes_files_by_now(bare_site):
    """The remembered form says none; the one asked for anew counts, for
    earlier files too."""
    site = begin(bare_site, None)
    site.stream(messages=said())
    site.app('chat-bot').file_upload = ALL
    site.stream(messages=said(picture(GIF)) + [
        {'role': 'assistant', 'content': 'x'}, *said(picture())])
    assert sent(site) == [local(site, 0), local(site, 1)]
    assert [u.data for u in site.dify.uploads] == [PNG, GIF]
    assert len(site.dify.find('/parameters')) == 2


@pytest.mark.parametrize('model', KINDS)
def test_the_form_of_an_old_server(eyes, model):
    eyes.app(model).parameters = '0.15'
    assert eyes.stream(model, messages=said(picture())).text == TEXT
    assert sent(eyes) == [local(eyes, 0)]
    found = eyes.error(400, model, messages=said(paper()))
    assert found['param'] == f'{UNNAMED}[1]'
    assert len(uploads(eyes)) == 1 and len(eyes.dify.runs) == 1


@pytest.mark.parametrize('part, param', [
    (remote('data:image/png;base64,@@@'), 'image_url.url'),
    (remote('data:image/png;base64,' + base(PNG)[:-1]), 'image_url.url'),
    (remote('data:image/png;base64,'), 'image_url.url'),
    (remote('ftp://example.com/x.png'), 'image_url.url'),
    (remote('file:///etc/passwd'), 'image_url.url'),
    (remote(''), 'image_url.url'),
    ({'type': 'image_url'}, 'image_url'),
    ({'type': 'input_audio', 'input_audio': {
        'data': 'CANARY', 'format': 'wav'}}, 'input_audio.data'),
    (sound(kind='flac'), 'input_audio.format'),
    ({'type': 'file', 'file': {'file_id': 'file-1'}}, 'file.file_id'),
    ({'type': 'file', 'file': {'filename': 'x.pdf'}}, 'file.file_data'),
    ({'type': 'file', 'file': {'file_data': '%%%'}}, 'file.file_data'),
])
@pytest.mark.parametrize('stream', [True, False])
def test_a_bad_part(eyes, stream, part, param):
    found = eyes.error(400, stream=stream, messages=said(part))
    assert found['param'] == f'{UNNAMED}[1].{param}'
    assert 'CANARY' not in found['message']
    assert not eyes.dify.calls


# --- the client leaves -----------------------------------------------------

@pytest.mark.parametrize('how', ['fin', 'rst', 'half'])
@pytest.mark.parametrize('stream', [True, False])
def test_leaving_during_an_upload(eyes, stream, how):
    eyes.dify.upload_script = Reply([(20.0, b'{}')], 201, 'application/json',
                                    framing='length')
    data = PNG + bytes(1 << 20)
    with eyes.open('chat-bot', stream, messages=said(
            picture(data), sound())) as connection:
        eyes.dify.wait(lambda: uploads(eyes))
        connection.leave(how)
        eyes.dify.wait(lambda: uploads(eyes)[0].state == 'client_closed')
    eyes.nginx.settle()
    assert not eyes.dify.runs and not eyes.dify.stops
    assert len(uploads(eyes)) == 1


def test_leaving_during_an_upload_keeps_the_conversation(eyes):
    chat = Viewer(eyes)
    first = chat.show('CANARY one')
    eyes.dify.upload_script = Reply([(20.0, b'{}')], 201)
    messages = chat.messages + [
        {'role': 'user', 'content': [text('CANARY two'), picture()]}]
    with eyes.open(messages=messages) as connection:
        eyes.dify.wait(lambda: uploads(eyes))
        connection.leave('rst')
    eyes.dify.wait(lambda: uploads(eyes)[0].state == 'client_closed')
    eyes.dify.upload_script = None
    second = chat.show('CANARY two', picture())
    assert conversation(second) == first.ids.conversation


def test_pings_during_an_upload(bare_site):
    """The answer's status is out by then: the error is an event."""
    site = begin(bare_site, location='opendify_keepalive 100ms;')
    site.dify.upload_script = Reply(
        [(1.0, b'{"code":"file_too_large","message":"x","status":413}')],
        413, 'application/json', framing='length')
    response = site.ask(messages=said(picture()))
    answer = client.check_stream(response, 'chat-bot')
    assert answer.pings >= 1 and answer.text == ''
    assert answer.error['param'] == f'{UNNAMED}[1]'
    assert not site.dify.runs


def test_many_uploads_at_once(bare_site):
    site = begin(bare_site, workers=2)
    connections = [site.open(messages=said(picture(PNG + bytes([n]))),
                             user=f'u-{n}') for n in range(20)]
    began = time.monotonic()
    for connection in connections:
        connection.head()
        assert client.check_stream(connection.rest()).text == TEXT
        connection.leave('fin')
    assert time.monotonic() - began < 15
    for run in site.dify.runs:
        (file,) = run.files
        assert file['upload'].user == run.user
        assert file['upload'].data == PNG + bytes([int(run.user[2:])])
