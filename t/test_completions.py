"""Every kind of app under /v1/completions."""

import pytest

import client
import completions
import dify_events
from conftest import KINDS, QUESTION
from test_kinds import LONER, TEXT, counts, script, tokens


@pytest.mark.parametrize('model', KINDS)
def test_a_completion(kinds, cut, model):
    for include_usage in (True, False):
        answer = completions.stream(kinds, model, QUESTION, include_usage)
        assert (answer.text, answer.finish) == (TEXT, 'stop')
        assert answer.usage == (tokens(model) if include_usage else None)
    folded = completions.fold(kinds, model, QUESTION)
    assert (folded.text, folded.finish) == (TEXT, 'stop')
    assert counts(folded.usage) == counts(tokens(model))
    assert all(QUESTION in (run.json.get('query'),
                            run.json['inputs'].get('query'))
               for run in kinds.dify.runs)


@pytest.mark.parametrize('text', [
    'naïve 你好🎉 "quotes" \\ /', 'tab\there\nline\r\nend', 'a' * 70000,
    '{"error":{"message":"no"}}\n\ndata: [DONE]\n\n'])
def test_text_of_a_completion_is_unaltered(kinds, cut, text):
    for model in ('chat-bot', *LONER):
        script(kinds, model, lambda ask: dify_events.stream(
            ask.app.mode, ask.ids, [text, text]))
        assert completions.stream(kinds, model, QUESTION).text == text * 2
        assert completions.fold(kinds, model, QUESTION).text == text * 2


# --- what is refused --------------------------------------------------------

@pytest.mark.parametrize('change, param, code', [
    ({'prompt': None}, 'prompt', 'missing_required_parameter'),
    ({'prompt': 3}, 'prompt', 'invalid_value'),
    ({'prompt': {}}, 'prompt', 'invalid_value'),
    ({'prompt': []}, 'prompt', 'invalid_value'),
    ({'prompt': ['a', 'b']}, 'prompt', 'unsupported_value'),
    ({'prompt': [1, 2, 3]}, 'prompt', 'unsupported_value'),
    ({'prompt': [[1, 2]]}, 'prompt', 'unsupported_value'),
    ({'prompt': ''}, 'prompt', 'empty_query'),
    ({'prompt': ' \n'}, 'prompt', 'empty_query'),
    ({'prompt': ['']}, 'prompt', 'empty_query'),
    ({'echo': True}, 'echo', 'unsupported_value'),
    ({'suffix': 'x'}, 'suffix', 'unsupported_value'),
    ({'best_of': 2}, 'best_of', 'unsupported_value'),
    ({'logprobs': 0}, 'logprobs', 'unsupported_value'),
    ({'logprobs': 5}, 'logprobs', 'unsupported_value'),
    ({'n': 2}, 'n', 'unsupported_value'),
    ({'n': 0}, 'n', 'invalid_value'),
    ({'stream': 'yes'}, 'stream', 'invalid_value'),
    ({'stream_options': 1}, 'stream_options', 'invalid_value'),
    ({'inputs': []}, 'inputs', 'invalid_value'),
    ({'model': None}, 'model', 'missing_required_parameter'),
])
@pytest.mark.parametrize('stream', [True, False])
def test_a_wrong_member(site, stream, change, param, code):
    body = {'model': 'chat-bot', 'prompt': QUESTION, 'stream': stream}
    response = client.ask(site.port, 'POST', completions.PATH,
                          {**body, **change})
    assert response.status == 400, response.body
    assert response.error['type'] == 'invalid_request_error'
    assert (response.error['param'], response.error['code']) == (param, code)
    assert 'messages' not in response.error['message']
    assert not site.dify.calls


@pytest.mark.parametrize('extra', [
    {'echo': False}, {'logprobs': None}, {'suffix': ''}, {'suffix': None},
    {'best_of': 1}, {'n': 1}, {'max_tokens': 5, 'temperature': 0.1},
    {'prompt': [QUESTION]}, {'stop': ['x']}, {'logit_bias': {'50256': -1}},
])
def test_what_is_accepted_and_ignored(site, extra):
    body = {'model': 'chat-bot', 'prompt': QUESTION, **extra}
    response = client.ask(site.port, 'POST', completions.PATH, body)
    assert completions.check_reply(response, 'chat-bot').text == TEXT
    assert site.dify.runs[0].json['query'] == QUESTION


def test_other_refusals_of_completions(site):
    response = completions.ask(site, 'nope', QUESTION)
    assert response.status == 404
    assert response.error['code'] == 'model_not_found'
    response = client.ask(site.port, 'GET', completions.PATH)
    assert response.status == 405 and response.error
    assert response.header('allow') == 'POST'
    response = client.ask(site.port, 'POST', completions.PATH, b'{')
    assert response.status == 400
    assert response.error['code'] == 'invalid_json'


@pytest.mark.parametrize('model', KINDS)
def test_completions_over_http_2(kinds, model):
    body = {'model': model, 'prompt': QUESTION, 'stream': True}
    answer = client.ask_h2(kinds.h2_port, 'POST', completions.PATH, body)
    assert completions.check_stream(answer, model).text == TEXT


def test_completions_keep_no_conversation(site):
    """Its clients send no history: each prompt stands alone."""
    for _ in range(2):
        completions.fold(site, 'chat-bot', QUESTION)
        assert not site.dify.runs[-1].json.get('conversation_id')
