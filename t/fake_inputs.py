"""The form of an app: GET /parameters, and what a run may put into it."""

from fake_http import Reply
from fake_replies import Refused, json_reply

TEXTS = ('text-input', 'paragraph', 'select')
METHODS = ['local_file', 'remote_url']
TRUTHS = ('true', 'false', 'yes', 'no', 'on', 'off', '1', '0')


def field(declared):
    """One input, as its name or as a dict with `type` and `variable`."""
    if isinstance(declared, str):
        declared = {'variable': declared, 'required': True, 'max_length': 48}
    out = {'label': declared['variable'].title(), 'type': 'text-input',
           'required': False, **declared}
    if out['type'] in ('file', 'file-list'):
        return {'allowed_file_types': ['image', 'document'],
                'allowed_file_extensions': [],
                'allowed_file_upload_methods': METHODS,
                'max_length': 5, **out}
    return {'default': '', **out}


def fields(app):
    return [field(declared) for declared in app.inputs]


def file_rules(app):
    """What `file_upload` says; App.file_upload None: switched off."""
    chosen = app.file_upload or {}
    limit = chosen.get('number_limits', 3)
    enabled = app.file_upload is not None
    return {
        'enabled': enabled, 'allowed_file_extensions': [],
        'allowed_file_types': ['image'],
        'allowed_file_upload_methods': METHODS, 'number_limits': limit,
        'image': {'enabled': enabled, 'number_limits': limit,
                  'detail': 'high', 'transfer_methods': METHODS},
        'fileUploadConfig': {'image_file_size_limit': 10}, **chosen}


def _control(app, one):
    out = dict(one)
    kind = out.pop('type')
    if app.mode in ('advanced-chat', 'workflow'):
        out['type'] = kind  # a Start node's variable names it again
    return {kind: out}


def parameters(app, limits):
    """GET /parameters; App.parameters '0.15': the old file_upload."""
    if isinstance(app.parameters, Reply):
        return app.parameters
    flow = app.mode in ('advanced-chat', 'workflow')
    off, rules = {'enabled': False}, file_rules(app)
    if app.parameters == '0.15':
        rules = {'image': rules['image']}
    sizes = {kind: size >> 20 for kind, size in limits.items()}
    return json_reply({
        'opening_statement': '', 'suggested_questions': [],
        'suggested_questions_after_answer': {
            'enabled': app.suggested is not None},
        'speech_to_text': off,
        'text_to_speech': {**off, 'language': '', 'voice': ''},
        'retriever_resource': {'enabled': True}, 'annotation_reply': off,
        'more_like_this': off,
        'user_input_form': [_control(app, one) for one in fields(app)],
        'sensitive_word_avoidance': off if flow else {
            **off, 'type': '', 'configs': []},
        'file_upload': rules,
        'system_parameters': {
            'image_file_size_limit': sizes['image'],
            'video_file_size_limit': sizes['video'],
            'audio_file_size_limit': sizes['audio'],
            'file_size_limit': sizes['document'],
            'workflow_file_upload_limit': 10}})


# --- what a run sends ------------------------------------------------------

def check_inputs(app, inputs):
    """Raises Refused with Dify's text."""
    for one in fields(app):
        name, value = one['variable'], inputs.get(one['variable'])
        if value is None:
            if one['required']:
                raise Refused(f'{name} is required in input form')
            continue
        if one['type'] in TEXTS and not isinstance(value, str):
            raise Refused(f"(type '{one['type']}') {name} in input form "
                          'must be a string')
        wrong = _wrong(one, value)
        if wrong:
            raise Refused(f'{name} in input form must be {wrong}')


def _wrong(one, value):
    kind, most = one['type'], one.get('max_length')
    if kind == 'select' and value not in one['options']:
        return f"one of the following: {one['options']}"
    if kind in ('text-input', 'paragraph') and most and len(value) > most:
        return f'less than {most} characters'
    if kind == 'number' and not _number(value):
        return 'a valid number'
    if kind == 'file' and not isinstance(value, dict):
        return 'a file'
    if kind == 'file-list':
        if not isinstance(value, list) \
                or not all(isinstance(item, dict) for item in value):
            return 'a list of files'
        if most and len(value) > most:
            return f'less than {most} files'
    if kind == 'checkbox' and value not in (0, 1) \
            and str(value).lower() not in TRUTHS:
        return 'a boolean'
    if kind == 'json_object' and not isinstance(value, dict):
        return 'a dict'
    return None


def _number(value):
    if isinstance(value, str):
        try:
            return not value.strip() or float(value) is not None
        except ValueError:
            return False
    return isinstance(value, (int, float))
