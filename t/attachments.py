"""Messages with files, what becomes of them at the fake, and a site whose
apps take them."""

import base64

from conftest import KINDS, QUESTION, start_kinds

PNG = b'\x89PNG\r\n\x1a\n' + b'CANARY--\r\n--opendify-\r\n\r\n' + bytes(40)
GIF = b'GIF89a' + bytes(range(256))
WAV = b'RIFF\x24\x00\x00\x00WAVEfmt CANARY'
PDF = b'%PDF-1.4 CANARY'
ADDRESS = 'http://127.0.0.1:9/cat.png'
ALL = {'allowed_file_types': ['image', 'audio', 'video', 'document'],
       'number_limits': 3}
CONTENT = 'messages[0].content'


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
    start_kinds(site, **how)
    for model in KINDS:
        site.app(model).file_upload = rules
    return site


def uploads(site):
    return site.dify.find('/files/upload', 'POST')


def sent(site):
    return site.dify.runs[-1].json.get('files')


def local(site, number, kind='image'):
    return {'type': kind, 'transfer_method': 'local_file',
            'upload_file_id': site.dify.uploads[number].id}


def far(url=ADDRESS, kind='image'):
    return {'type': kind, 'transfer_method': 'remote_url', 'url': url}
