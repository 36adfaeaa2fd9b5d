"""Files that are refused, and clients that leave during an upload."""

import time

import pytest

import client
from attachments import (
    ALL, CONTENT, GIF, PNG, WAV, base, begin, local, paper, picture, remote,
    said, sent, sound, text, uploads)
from conftest import KINDS
from fake_dify import CUT, Reply, error
from test_conversations import Chat, conversation

TEXT = 'The answer is forty-two.'


@pytest.fixture
def site(bare_site):
    """Each app takes up to three files of any kind."""
    return begin(bare_site)


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
        assert found['param'] == f'{CONTENT}[2]'
    assert not site.dify.runs and len(uploads(site)) == 1
    site.dify.upload_script = None
    assert site.stream(model, messages=messages).text == TEXT


def test_the_second_of_two_is_refused(site):
    site.dify.upload_limits['audio'] = 5
    messages = said(picture(), sound())
    found = site.error(400, messages=messages)
    assert found['param'] == f'{CONTENT}[2]'
    site.dify.upload_limits['audio'] = 500
    site.stream(messages=messages)
    assert [u.data for u in site.dify.uploads] == [PNG, WAV]


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
        assert found['param'] == CONTENT + param
        assert found['type'] == 'invalid_request_error'
    assert not uploads(site) and not site.dify.runs


@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'flow-bot',
                                   'write-bot'])
def test_an_app_that_takes_no_files(bare_site, model):
    site = begin(bare_site, None)
    for part in (picture(), remote(), sound()):
        found = site.error(400, model, messages=said(part))
        assert found['param'] == f'{CONTENT}[1]'
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
def test_the_form_of_an_old_server(site, model):
    site.app(model).parameters = '0.15'
    assert site.stream(model, messages=said(picture())).text == TEXT
    assert sent(site) == [local(site, 0)]
    found = site.error(400, model, messages=said(paper()))
    assert found['param'] == f'{CONTENT}[1]'
    assert len(uploads(site)) == 1 and len(site.dify.runs) == 1


@pytest.mark.parametrize('part, param', [
    (remote('data:image/png;base64,@@@'), 'image_url.url'),
    (remote('data:image/png;base64,' + base(PNG)[:-1]), 'image_url.url'),
    (remote('data:image/png;base64,'), 'image_url.url'),
    (remote('ftp://example.com/x.png'), 'image_url.url'),
    (remote('file:///etc/passwd'), 'image_url.url'),
    (remote(''), 'image_url.url'),
    ({'type': 'image_url'}, 'image_url'),
    ({'type': 'input_audio', 'input_audio': {
        'data': 'CANARY!', 'format': 'wav'}}, 'input_audio.data'),
    (sound(kind='flac'), 'input_audio.format'),
    ({'type': 'file', 'file': {'file_id': 'file-1'}}, 'file.file_id'),
    ({'type': 'file', 'file': {'filename': 'x.pdf'}}, 'file.file_data'),
    ({'type': 'file', 'file': {'file_data': '%%%'}}, 'file.file_data'),
])
@pytest.mark.parametrize('stream', [True, False])
def test_a_bad_part(site, stream, part, param):
    found = site.error(400, stream=stream, messages=said(part))
    assert found['param'] == f'{CONTENT}[1].{param}'
    assert 'CANARY' not in found['message']
    assert not site.dify.calls


# --- the client leaves -----------------------------------------------------

@pytest.mark.parametrize('how', ['fin', 'rst', 'half'])
@pytest.mark.parametrize('stream', [True, False])
def test_leaving_during_an_upload(site, stream, how):
    site.dify.upload_script = Reply([(20.0, b'{}')], 201, 'application/json',
                                    framing='length')
    data = PNG + bytes(1 << 20)
    with site.open('chat-bot', stream, messages=said(
            picture(data), sound())) as connection:
        site.dify.wait(lambda: uploads(site))
        connection.leave(how)
        site.dify.wait(lambda: uploads(site)[0].state == 'client_closed')
    site.nginx.settle()
    assert not site.dify.runs and not site.dify.stops
    assert len(uploads(site)) == 1


def test_leaving_during_an_upload_keeps_the_conversation(site):
    chat = Chat(site)
    first = chat.say('CANARY one')
    site.dify.upload_script = Reply([(20.0, b'{}')], 201)
    messages = chat.messages + [
        {'role': 'user', 'content': [text('CANARY two'), picture()]}]
    with site.open(messages=messages) as connection:
        site.dify.wait(lambda: uploads(site))
        connection.leave('rst')
    site.dify.wait(lambda: uploads(site)[0].state == 'client_closed')
    site.dify.upload_script = None
    second = chat.say([text('CANARY two'), picture()])
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
    assert answer.error['param'] == f'{CONTENT}[1]'
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
