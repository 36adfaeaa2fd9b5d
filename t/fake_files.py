"""Files of the fake Dify: uploads, and the files that a run names."""

import re
import time
import uuid
from dataclasses import dataclass, field

from fake_inputs import fields, file_rules
from fake_replies import Refused, error, invalid, json_reply

MIB = 1 << 20
LIMITS = {'image': 10 * MIB, 'audio': 50 * MIB, 'video': 100 * MIB,
          'document': 15 * MIB}
KINDS = {'image': 'jpg jpeg png webp gif svg', 'video': 'mp4 mov mpeg webm',
         'audio': 'mp3 m4a wav amr mpga'}
DEFAULT_USER = 'DEFAULT-USER'


@dataclass
class Upload:
    key: str
    user: str
    name: str
    mime: str
    data: bytes
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def extension(self):
        return self.name.rpartition('.')[2].lower() if '.' in self.name \
            else ''


@dataclass
class Part:
    name: str
    filename: str
    mime: str
    data: bytes


class Malformed(ValueError):
    """No multipart/form-data to the letter (RFC 7578, RFC 2046)."""


def require(true, what):
    if not true:
        raise Malformed(what)


def parse_multipart(content_type, body):
    """The parts, in order; Malformed where a lenient server would guess."""
    found = re.fullmatch(r'multipart/form-data; *boundary='
                         r'(?:"([^"]{1,70})"|([^\s";,]{1,70}))', content_type)
    require(found, f'content type {content_type!r}')
    boundary = found.group(1) or found.group(2)
    require(re.fullmatch(r"[\w'()+,./:=? -]*[\w'()+,./:=?-]", boundary, re.A),
            f'boundary {boundary!r}')
    mark = b'--' + boundary.encode()
    require(body.startswith(mark + b'\r\n'), 'no boundary at the start')
    pieces = (b'\r\n' + body).split(b'\r\n' + mark)
    require(pieces[-1] in (b'--', b'--\r\n'), 'no closing boundary')
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece):
    require(piece.startswith(b'\r\n'), 'text after a boundary')
    require(b'\r\n\r\n' in piece, 'a part without the end of its head')
    head, data = piece[2:].split(b'\r\n\r\n', 1)
    headers = {}
    for line in head.decode().split('\r\n'):
        found = re.fullmatch(r'([\w-]+): *(\S.*)', line)
        require(found, f'header {line!r}')
        name = found.group(1).lower()
        require(name not in headers, f'{name} twice')
        headers[name] = found.group(2)
    found = re.fullmatch(r'form-data; name="([^"\r\n]+)"'
                         r'(?:; filename="([^"\r\n]*)")?',
                         headers.pop('content-disposition', ''))
    require(found, f'disposition in {head!r}')
    mime = headers.pop('content-type', '')
    require(not headers, f'headers {headers}')
    name = found.group(2)
    if name is not None:
        for quoted, plain in (('%22', '"'), ('%0D', '\r'), ('%0A', '\n')):
            name = name.replace(quoted, plain)
    return Part(found.group(1), name, mime, data)


def kind_of(extension):
    return next((kind for kind, known in KINDS.items()
                 if extension in known.split()), 'document')


def _dashed(word):
    try:
        return str(uuid.UUID(word))
    except (ValueError, TypeError, AttributeError):
        return None


class Files:
    """The part of FakeDify that knows files."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.uploads = []          # of Upload, oldest first
        self.upload_script = None  # a Reply instead
        self.upload_limits = dict(LIMITS)   # bytes, by kind of extension
        self.blocked_extensions = set()     # 400
        self.unsupported_mimes = set()      # 415
        # Before 1.14 a file of any user of the workspace would do.
        self.shared_uploads = False

    def _upload(self, app, call):
        content_type = call.header('content-type') or ''
        if not content_type.startswith('multipart/'):
            return error('no_file_uploaded', 400, 'Please upload your file.')
        try:
            parts = parse_multipart(content_type, call.body)
            known = sorted(part.name for part in parts)
            require(len(set(known)) == len(known)
                    and set(known) <= {'file', 'user'}, f'parts {known}')
        except ValueError as fault:
            self.faults.append(f'upload: {fault}')
            return error('bad_request', 400, str(fault))
        named = {part.name: part for part in parts}
        if 'user' in named:
            call.user = named['user'].data.decode()
        if self.upload_script is not None:
            return self.upload_script
        return self._store(app, call, named.get('file'))

    def _store(self, app, call, part):
        if part is None:
            return error('no_file_uploaded', 400, 'Please upload your file.')
        if not part.filename:
            return error('filename_not_exists_error', 400,
                         'The specified filename does not exist.')
        if not part.mime or part.mime in self.unsupported_mimes:
            return error('unsupported_file_type', 415,
                         'File type not allowed.')
        if re.search(r'[/\\]', part.filename):
            return invalid('Filename contains invalid characters')
        one = Upload(app.key, call.user or DEFAULT_USER, part.filename[:200],
                     part.mime, part.data)
        if one.extension in self.blocked_extensions:
            return invalid(f"File extension '.{one.extension}' is not "
                           'allowed for security reasons')
        if len(one.data) > self.upload_limits[kind_of(one.extension)]:
            return error('file_too_large', 413,
                         'File size exceeded. {message}')
        self.uploads.append(one)
        now = int(time.time())
        return json_reply({
            'id': one.id, 'name': one.name, 'size': len(one.data),
            'extension': one.extension, 'mime_type': one.mime,
            'created_by': str(uuid.uuid5(uuid.NAMESPACE_OID, one.user)),
            'created_at': now, 'preview_url': None,
            'source_url': f'http://127.0.0.1/files/{one.id}/file-preview'
                          f'?timestamp={now}&nonce=1e9a&sign=9zeZ%3D',
            'original_url': None, 'user_id': None,
            'tenant_id': str(uuid.UUID(int=7)), 'conversation_id': None,
            'file_key': None}, 201)

    # --- files of a run ----------------------------------------------------

    def _take_files(self, app, call, body):
        """Raises Refused; what is left is in call.files."""
        rules = file_rules(app)
        sent = body.get('files') or []
        if app.mode == 'workflow' or rules['enabled']:
            checked = None if app.mode == 'workflow' else rules
            call.files = self._resolve(call, sent, checked)
            if checked:
                _count(call.files, rules)
        for one in fields(app):
            value = body['inputs'].get(one['variable'])
            if one['type'] in ('file', 'file-list') and value:
                items = value if isinstance(value, list) else [value]
                call.files += self._resolve(call, items, one)

    def _resolve(self, call, items, rules):
        out = []
        for item in items:
            method, upload = item.get('transfer_method'), None
            if method == 'local_file':
                upload = self._uploaded(call, item.get('upload_file_id'))
                name = upload.name
            elif method == 'remote_url' and item.get('url'):
                name = item['url'].rpartition('/')[2]
                if not item['url'].startswith('http'):
                    raise Refused('Reached maximum retries (1) for URL '
                                  + item['url'])
            else:
                continue  # dropped without a word
            kind = item.get('type')
            if not kind or rules and (
                    kind not in rules['allowed_file_types']
                    or method not in rules['allowed_file_upload_methods']):
                raise Refused(f'File validation failed for file: {name}')
            out.append({**item, 'upload': upload})
        return out

    def _uploaded(self, call, upload_id):
        if _dashed(upload_id) is None:
            raise Refused('Invalid upload file id format')
        for one in self.uploads:
            if one.id == upload_id and (self.shared_uploads or (
                    one.user == call.user and one.key == call.key)):
                return one
        raise Refused('Invalid upload file')


def _count(files, rules):
    most = (rules.get('image') or {}).get('number_limits')
    images = [item for item in files if item['type'] == 'image']
    if most and len(images) > most:
        raise Refused('Number of image files exceeds the maximum limit '
                      f'{most}')
    if len(files) > rules['number_limits']:
        raise Refused('Number of files exceeds the maximum limit '
                      f"{rules['number_limits']}")
