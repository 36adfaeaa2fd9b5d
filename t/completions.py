"""POST /v1/completions: asking it, and a strict reader of its answers."""

import json

import client
from client import Answer

PATH = '/v1/completions'


def ask(site, model, prompt, stream=True, headers=(), **more):
    return client.ask(site.port, 'POST', PATH, {
        'model': model, 'prompt': prompt, 'stream': stream, **more}, headers)


def _check_head(value, answer, model):
    assert value['object'] == 'text_completion'
    assert type(value['created']) is int
    assert value['id'].startswith('cmpl-')
    assert answer.id in ('', value['id']), 'the id changed'
    answer.id = value['id']
    assert value['model'] == model


def _read_choice(choice, answer):
    assert list(choice) == ['text', 'index', 'logprobs', 'finish_reason']
    assert choice['index'] == 0 and choice['logprobs'] is None
    assert not answer.finish, 'a choice after the finish'
    answer.text += choice['text']
    answer.finish = choice['finish_reason'] or ''
    assert answer.finish in client.FINISH | {''}


def check_stream(response, model, include_usage=False):
    """An Answer, after checking every rule of a stream."""
    assert response.status == 200, (response.status, response.body[:300])
    kind = response.header('content-type')
    assert kind == 'text/event-stream; charset=utf-8', kind
    *blocks, done = client.events(response.body)
    assert done == '[DONE]'
    answer = Answer()
    for data in filter(None, blocks):
        value = json.loads(data)
        assert answer.error is None, 'an event after the error'
        if 'error' in value:
            answer.error = client.check_error_object(value['error'])
            continue
        _check_head(value, answer, model)
        if not value['choices']:
            assert include_usage and answer.usage is None and answer.finish
            answer.usage = value['usage']
            continue
        assert not value.get('usage'), 'usage beside a choice'
        (choice,) = value['choices']
        _read_choice(choice, answer)
    assert bool(answer.finish) != bool(answer.error), answer
    assert (answer.usage is not None) or answer.error or not include_usage
    return answer


def check_reply(response, model):
    assert response.status == 200, (response.status, response.body[:300])
    answer = Answer()
    _check_head(response.json, answer, model)
    (choice,) = response.json['choices']
    _read_choice(choice, answer)
    assert answer.finish
    answer.usage = response.json.get('usage')
    return answer


def stream(site, model, prompt, include_usage=False, **more):
    if include_usage:
        more['stream_options'] = {'include_usage': True}
    return check_stream(ask(site, model, prompt, **more), model,
                        include_usage)


def fold(site, model, prompt, **more):
    return check_reply(ask(site, model, prompt, False, **more), model)
