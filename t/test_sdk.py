"""Client libraries are the judges of streams, replies, errors, retries and
conversations."""

import base64

import pytest

import dify_events
from conftest import KEYS, MODELS, QUESTION
from fake_dify import CUT, TOO_MANY, error
from judge import LIBRARIES, Judge

# Of a library's start, most of all.
pytestmark = pytest.mark.timeout(180)

TEXT = 'The answer is forty-two.'
# With an app of every kind.
APPS = {**KEYS, 'writer': ('app-CANARYwriter', 'completion'),
        'runner': ('app-CANARYrunner', 'workflow')}
TOKENS = {'flow-bot': [14, 6, 20], 'runner': [6, 6, 12]}
PIXEL = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA'
    'WjR9awAAAABJRU5ErkJggg==')
PDF = b'%PDF-1.4\n%%EOF\n'

OFFICIAL = [name for name, one in LIBRARIES.items() if one.official]
ALIKE = [name for name, one in LIBRARIES.items() if one.should_retry]


@pytest.fixture(scope='module', params=LIBRARIES)
def judge(request):
    found = Judge(request.param)
    yield found
    found.stop()


@pytest.fixture
def site(request, bare_site):
    """Idle connections of a judge would be taken for open requests."""
    site = bare_site.start(apps=APPS, server='keepalive_timeout 0;',
                           location=getattr(request, 'param', ''))
    for key, mode in APPS.values():
        if mode in ('completion', 'workflow'):
            site.dify.apps[key].inputs = ('query',)
    return site


@pytest.fixture
def sdk(site, judge):
    def ask(what, model='chat-bot', questions=(QUESTION,), retries=2, **more):
        return judge.ask({
            'base_url': f'http://127.0.0.1:{site.port}/v1', 'what': what,
            'model': model, 'questions': questions, 'retries': retries,
            'more': more})

    ask.library = judge.library
    return ask


def only(names):
    return pytest.mark.parametrize('judge', names, indirect=True)


def check_good(found, model):
    assert found['text'] == TEXT, found
    assert found['finish'] == 'stop', found
    assert found['usage'] == TOKENS.get(model, [10, 6, 16]), found


def test_every_kind_of_app(site, cut, sdk):
    for model in APPS:
        for what in sdk.library.ways:
            check_good(sdk(what, model), model)


@only(OFFICIAL)
def test_legacy_completions(site, sdk):
    for model in APPS:
        for what in ('complete', 'complete_stream'):
            check_good(sdk(what, model), model)
    for run in site.dify.runs:
        told = run.json.get('query') or run.json['inputs']['query']
        assert told == QUESTION


def test_reasoning_and_sources(site, sdk):
    found = dify_events.resource(doc_metadata={'url': 'https://a.test/1'})
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['<think>', 'Hm', 'm.', '</think>\n', TEXT],
        resources=[found])
    reads = sdk.library
    for what in reads.ways:
        answer = sdk(what)
        check_good(answer, 'chat-bot')
        assert answer['reasoning'] == ('Hmm.' if reads.reasoning else '')
        assert answer['sources'] == (
            [['https://a.test/1', 'hours.md']] if reads.sources else [])


def test_an_image(site, sdk):
    site.app('chat-bot').file_upload = {}
    data = 'data:image/png;base64,' + base64.b64encode(PIXEL).decode()
    content = [{'type': 'text', 'text': QUESTION},
               {'type': 'image_url', 'image_url': {'url': data}}]
    check_good(sdk('stream', questions=[content]), 'chat-bot')
    check_good(sdk('reply', questions=[content]), 'chat-bot')
    (upload,) = site.dify.uploads
    assert upload.data == PIXEL and upload.mime == 'image/png'
    for run in site.dify.runs:
        assert run.json['query'] == QUESTION
        assert [file['upload'] for file in run.files] == [upload]


@only(OFFICIAL)
def test_a_document(site, sdk):
    site.app('flow-bot').file_upload = {
        'allowed_file_types': ['image', 'document']}
    data = 'data:application/pdf;base64,' + base64.b64encode(PDF).decode()
    check_good(sdk('stream', 'flow-bot', [[
        {'type': 'text', 'text': QUESTION},
        {'type': 'file', 'file': {'filename': 'a.pdf', 'file_data': data}},
    ]]), 'flow-bot')
    (upload,) = site.dify.uploads
    assert upload.data == PDF and upload.name == 'a.pdf'
    (sent,) = site.dify.runs[0].files
    assert sent['type'] == 'document' and sent['upload'] is upload


@pytest.mark.parametrize('what', ['stream', 'reply'])
@pytest.mark.parametrize('model', MODELS)
def test_a_conversation(site, sdk, what, model):
    """The library's own messages, thoughts included, are the history."""
    mode = KEYS[model][1]
    site.app(model).script = lambda ask: dify_events.stream(
        mode, ask.ids, ['<think>Hm', 'm.</think>\n', f'To {ask.query}'],
        resources=[dify_events.resource()])
    questions = [f'CANARY {word}' for word in ('one', 'two', 'three')]
    found = sdk(what, model, questions)
    assert found['texts'] == [f'To {asked}' for asked in questions]
    runs = site.dify.runs
    assert [run.json['query'] for run in runs] == questions
    first = runs[0].ids.conversation
    assert [run.json.get('conversation_id') or None for run in runs] == [
        None, first, first]


pings = pytest.mark.parametrize('site', ['opendify_keepalive 100ms;'],
                                indirect=True, ids=['pings'])


@pings
def test_pings_are_invisible(site, sdk):
    site.app('chat-bot').script = lambda ask: [(0.35, b'')] + \
        dify_events.stream('chat', ask.ids, gap_s=0.15)
    check_good(sdk('stream'), 'chat-bot')


@pings
@pytest.mark.parametrize('end', ['failed', 'closed'])
def test_a_failure_after_pings_is_not_repeated(site, sdk, end):
    site.app('chat-bot').script = lambda ask: [
        (0.35, CUT)] if end == 'closed' else dify_events.failed(
            'chat', ask.ids, [], pause_s=0.35)
    found = sdk('stream')
    assert found['error'] and not found['text'], found
    if end == 'failed':
        assert 'fake upstream exploded' in found['message'], found
    assert len(site.dify.runs) == 1


@only(OFFICIAL)
def test_models(sdk):
    found = sdk('models')
    assert sorted(found['ids']) == sorted(APPS)
    assert found['one'] == 'chat-bot'


def check_error(found, library, status, error, code, text):
    assert found['status'] == status, found
    assert text in found['message'], found
    if library.official:
        assert found['error'] == error, found
    if library.codes:
        assert found['code'] == code and found['request_id'], found


@pytest.mark.parametrize('what', ['stream', 'reply'])
def test_an_unknown_model(sdk, what):
    check_error(sdk(what, 'no-such'), sdk.library, 404, 'NotFoundError',
                'model_not_found', 'no-such')


@pytest.mark.parametrize('what', ['stream', 'reply'])
def test_a_missing_input(site, sdk, what):
    site.app('flow-bot').inputs = ('city',)
    check_error(sdk(what, 'flow-bot'), sdk.library, 400, 'BadRequestError',
                'invalid_value', 'city')
    assert not site.dify.runs


@only(OFFICIAL)
def test_an_input(site, sdk):
    site.app('flow-bot').inputs = ('city',)
    check_good(sdk('stream', 'flow-bot', inputs={'city': 'Bern'}),
               'flow-bot')
    assert site.dify.runs[0].json['inputs'] == {'city': 'Bern'}


@pytest.mark.parametrize('what', ['stream', 'reply'])
def test_a_failed_run_is_not_repeated(site, sdk, what):
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, [])
    check_error(sdk(what), sdk.library, 400, 'BadRequestError',
                'model_error_500', 'fake upstream exploded')
    assert len(site.dify.runs) == 1


def test_a_failure_in_the_stream(site, sdk):
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, ['a', 'b'], pause_s=0.2)
    found = sdk('stream')
    assert found['error'] and found['text'] == 'ab', found
    assert 'fake upstream exploded' in found['message']
    assert len(site.dify.runs) == 1


def test_a_rate_limit_is_repeated(site, sdk):
    answers = iter([error('invalid_param', 400, TOO_MANY), None])

    def script(ask):
        return next(answers) or dify_events.stream('chat', ask.ids)

    site.app('chat-bot').script = script
    check_good(sdk('stream', retries=1), 'chat-bot')
    first, second = site.dify.runs
    assert second.started - first.started > 0.9


@pytest.mark.parametrize('what', ['stream', 'reply'])
def test_a_rate_limit(site, sdk, what):
    site.app('chat-bot').script = lambda ask: error('invalid_param', 400,
                                                    TOO_MANY)
    check_error(sdk(what, retries=0), sdk.library, 429, 'RateLimitError',
                'rate_limit_exceeded', 'Too many requests')
    assert len(site.dify.runs) == 1


@only(ALIKE)
@pytest.mark.parametrize('status, code', [
    (401, 'unauthorized'), (500, 'internal_server_error')])
def test_dify_failures_are_not_repeated(site, sdk, status, code):
    site.app('chat-bot').script = lambda ask: error(code, status, 'No.')
    found = sdk('stream')
    assert found['status'] == 502, found
    assert len(site.dify.runs) == 1


def test_leaving_a_stream(site, sdk):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a'] * 300, 0.02)
    sdk('leave')
    site.dify.wait(lambda: site.dify.runs[0].state == 'complete')
    assert len(site.dify.stops) == 1
