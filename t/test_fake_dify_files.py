"""Uploads to the fake Dify, and runs that name them."""

import json
import uuid

import pytest

import recordings
from fake_dify import error
from fake_files import Malformed, parse_multipart
from test_fake_dify import BODY, KEY, ask, compatible

PNG = b'\x89PNG\r\n\x1a\n--edge-\r\n\r\n' + bytes(80)
TYPE = 'multipart/form-data; boundary=edge'
DOCUMENT = {'number_limits': 2, 'allowed_file_types': ['image', 'document']}


def part(name, data, filename=None, mime=None):
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if mime:
        head += f'\r\nContent-Type: {mime}'
    return b'--edge\r\n' + head.encode() + b'\r\n\r\n' + data + b'\r\n'


def upload(dify, data=PNG, name='cat.png', mime='image/png', user='u-1',
           content_type=TYPE, body=None):
    if body is None:
        body = part('file', data, name, mime)
        body += part('user', user.encode()) if user else b''
        body += b'--edge--\r\n'
    return ask(dify, '/v1/files/upload', body=body, auth=[
        ('Authorization', f'Bearer {KEY}'), ('Content-Type', content_type)])


def local(upload_id, kind='image'):
    return {'type': kind, 'transfer_method': 'local_file',
            'upload_file_id': upload_id}


def remote(url='http://127.0.0.1:9/cat.png', kind='image'):
    return {'type': kind, 'transfer_method': 'remote_url', 'url': url}


@pytest.mark.parametrize('name, user, data', [
    ('files-upload-png', 'u-42', PNG),
    ('files-upload-missing-user', '', PNG),
    ('files-upload-empty-file', 'u-42', b'')])
def test_an_upload_is_as_recorded(dify, name, user, data):
    dify.app(KEY)
    theirs = recordings.Recording(name)
    got = upload(dify, data, user=user)
    assert got.status == theirs.status == 201
    compatible(got.json, json.loads(theirs.body))
    for member in ('name', 'extension', 'mime_type'):
        assert got.json[member] == json.loads(theirs.body)[member]
    one, = dify.uploads
    assert (one.id, one.key, one.data) == (got.json['id'], KEY, data)
    assert one.user == (user or 'DEFAULT-USER')
    assert not dify.runs


@pytest.mark.parametrize('name, how', [
    ('files-upload-too-big-image', {'data': bytes(101)}),
    ('files-upload-slash-in-name', {'name': 'a/b.png'}),
    ('files-upload-no-file', {
        'body': part('user', b'u-42') + b'--edge--\r\n'}),
    ('files-upload-json-body', {
        'body': b'{}', 'content_type': 'application/json'}),
])
def test_a_wrong_upload_is_refused_as_recorded(dify, name, how):
    dify.app(KEY)
    dify.upload_limits['image'] = 100
    theirs = recordings.Recording(name)
    got = upload(dify, **how)
    assert (got.status, got.body) == (theirs.status, theirs.body)
    assert not dify.uploads


def test_uploads_refused_by_options(dify):
    dify.app(KEY)
    dify.blocked_extensions = {'exe'}
    dify.unsupported_mimes = {'text/x-odd'}
    assert upload(dify, name='a.EXE').json['code'] == 'invalid_param'
    assert upload(dify, mime='text/x-odd').status == 415
    dify.upload_limits['document'] = 10
    assert upload(dify, bytes(11), 'a.txt', 'text/plain').status == 413
    assert upload(dify, bytes(11), 'a.png', 'text/plain').status == 201
    dify.upload_script = error('unknown', 500, 'Internal Server Error')
    assert upload(dify).status == 500
    assert len(dify.uploads) == 1


@pytest.mark.parametrize('body, content_type', [
    (part('user', b'u') + b'--edge--', 'multipart/form-data'),
    (part('user', b'u') + b'--edge--', TYPE + 'x'),
    (part('user', b'u'), TYPE),
    (part('user', b'u') + b'--edge--\r\ntail', TYPE),
    (b'\r\n' + part('user', b'u') + b'--edge--', TYPE),
    (part('user', b'u').replace(b'\r\n\r\n', b'\n\n') + b'--edge--', TYPE),
    (part('user', b'u').replace(b'edge\r\n', b'edge \r\n') + b'--edge--',
     TYPE),
    (part('user', b'u').replace(b'form-data', b'attachment') + b'--edge--',
     TYPE),
    (part('user', b'u').replace(b'\r\n\r\n', b'\r\nX-Odd: 1\r\n\r\n')
     + b'--edge--', TYPE),
])
def test_a_malformed_body_is_told(body, content_type):
    with pytest.raises(Malformed):
        parse_multipart(content_type, body)


def test_parts_are_read_to_the_byte():
    body = part('file', PNG, 'a%22b.png', 'image/png') + part('user', b'')
    one, two = parse_multipart('multipart/form-data; boundary="edge"',
                               body + b'--edge--')
    assert (one.filename, one.mime, one.data) == ('a"b.png', 'image/png', PNG)
    assert (two.name, two.filename, two.data) == ('user', None, b'')


@pytest.mark.parametrize('extra', ['user', 'other'])
def test_an_odd_part_is_a_fault(dify, extra):
    dify.app(KEY)
    body = part('file', PNG, 'cat.png', 'image/png') + part('user', b'u')
    assert upload(dify, body=body + part(extra, b'x') + b'--edge--'
                  ).status == 400
    assert dify.faults.pop().startswith('upload: parts')


# --- runs with files -------------------------------------------------------

@pytest.mark.parametrize('name, item', [
    ('chat-files-malformed-id', local('nope')),
    ('chat-files-no-type', {'kind': None}),
    ('chat-files-document-on-image-app', {'kind': 'document'}),
])
def test_wrong_files_are_refused_as_recorded(dify, name, item):
    dify.app(KEY, file_upload={})
    theirs = recordings.Recording(name)
    if 'kind' in item:
        file_name = json.loads(theirs.body)['message'].split(': ')[1]
        item = local(upload(dify, name=file_name).json['id'], **item)
    got = ask(dify, body={**BODY, 'files': [item]})
    assert (got.status, got.body) == (theirs.status, theirs.body)


@pytest.mark.parametrize('mode', ['chat', 'advanced-chat', 'workflow'])
@pytest.mark.parametrize('foreign', [True, False])
def test_a_file_of_nobody_or_another(dify, mode, foreign):
    dify.silence_s = 0.05
    dify.app(KEY, mode, file_upload={})
    found = str(uuid.uuid4())
    if foreign:
        found = upload(dify, user='another').json['id']
    path = '/v1/workflows/run' if mode == 'workflow' else '/v1/chat-messages'
    body = {**BODY, 'files': [local(found)]}
    got = ask(dify, path, body=body)
    if mode != 'chat':
        assert got.body == b'event: ping\n\n'
        got = ask(dify, path, body={**body, 'response_mode': 'blocking'})
    assert got.status == 400
    assert got.json['message'] == 'Invalid upload file'
    dify.shared_uploads = True
    assert (ask(dify, path, body=body).status == 200) == (
        foreign or mode != 'chat')


def test_too_many_files(dify):
    dify.silence_s = 0.05
    app = dify.app(KEY, 'advanced-chat', file_upload=DOCUMENT)
    body = {**BODY, 'files': [remote()] * 3, 'response_mode': 'blocking'}
    theirs = recordings.Recording('chatflow-files-blocking-too-many')
    assert ask(dify, body=body).body == theirs.body
    body['files'] = [remote(kind='document')] * 3
    assert ask(dify, body=body).json['message'] == \
        'Number of files exceeds the maximum limit 2'
    app.mode, body['files'] = 'chat', [remote('data:image/png;base64,iV')]
    assert ask(dify, body=body).json['message'].startswith('Reached maximum')


def test_a_run_shows_its_files(dify):
    dify.app(KEY, file_upload=DOCUMENT, inputs=(
        {'variable': 'doc', 'type': 'file'},))
    first = upload(dify).json['id']
    files = [local(first), remote(), {'type': 'image'}]
    got = ask(dify, body={**BODY, 'files': files,
                          'inputs': {'doc': local(first, 'document')}})
    assert got.status == 200
    taken = dify.runs[0].files
    assert [item['transfer_method'] for item in taken] == [
        'local_file', 'remote_url', 'local_file']
    assert taken[0]['upload'] is taken[2]['upload'] is dify.uploads[0]
    assert taken[1]['upload'] is None


def test_an_app_without_uploads_ignores_files(dify):
    dify.app(KEY)
    got = ask(dify, body={**BODY, 'files': [local('nope')]})
    assert got.status == 200 and not dify.runs[0].files
