"""Attached files fill the variables of an app that want files."""

import pytest

from attachments import (
    ALL, CONTENT, PDF, PNG, begin, far, local, paper, picture, remote, said,
    sent, sound, uploads)
from conftest import QUERY

DOC = {'variable': 'doc', 'type': 'file', 'required': True,
       'allowed_file_types': ['document']}
PHOTOS = {'variable': 'photos', 'type': 'file-list', 'max_length': 2,
          'allowed_file_types': ['image']}
FLOWS = ['flow-bot', 'run-bot']


def want(site, model, *fields):
    site.app(model).inputs = fields + ((QUERY,) if model == 'run-bot' else ())
    return site


def given(site):
    inputs = dict(site.dify.runs[-1].json['inputs'])
    inputs.pop('query', None)
    return inputs


@pytest.mark.parametrize('rules', [None, ALL])
@pytest.mark.parametrize('model', FLOWS)
def test_files_fill_variables(bare_site, model, rules):
    site = want(begin(bare_site, rules), model, PHOTOS, DOC)
    for stream in (True, False):
        ask = site.stream if stream else site.fold
        ask(model, messages=said(picture(), paper(), remote()))
        assert {u.data for u in site.dify.uploads} == {PNG, PDF}
        at = {u.data: n for n, u in enumerate(site.dify.uploads)}
        assert given(site) == {
            'doc': local(site, at[PDF], 'document'),
            'photos': [local(site, at[PNG]), far()]}
        assert not sent(site)
    assert len(uploads(site)) == 2


@pytest.mark.parametrize('model', FLOWS)
def test_what_is_left_goes_beside(bare_site, model):
    site = want(begin(bare_site), model, DOC)
    site.stream(model, messages=said(remote(), paper(), sound()))
    assert [f['type'] for f in sent(site)] == ['image', 'audio']
    assert given(site)['doc']['type'] == 'document'


def test_what_is_left_and_not_taken(bare_site):
    site = want(begin(bare_site, None), 'flow-bot', DOC)
    found = site.error(400, 'flow-bot', messages=said(paper(), picture()))
    assert found['param'] == f'{CONTENT}[2]'
    assert not uploads(site) and not site.dify.runs


@pytest.mark.parametrize('model', FLOWS)
def test_nothing_fits(bare_site, model):
    site = want(begin(bare_site), model, DOC)
    found = site.error(400, model, messages=said(picture()))
    assert found['param'] == 'inputs.doc'
    assert not uploads(site) and not site.dify.runs


def test_a_value_of_the_client_stays(bare_site):
    site = want(begin(bare_site), 'flow-bot', DOC)
    site.stream('flow-bot', messages=said(remote()),
                inputs={'doc': far('http://127.0.0.1:9/a.pdf', 'document')})
    assert given(site)['doc']['url'].endswith('a.pdf')
    assert sent(site) == [far()]


def test_a_later_question_keeps_the_file(bare_site):
    site = want(begin(bare_site), 'flow-bot', DOC)
    messages = said(paper())
    answer = site.stream('flow-bot', messages=messages)
    messages += [{'role': 'assistant', 'content': answer.text},
                 {'role': 'user', 'content': 'CANARY and now?'}]
    site.stream('flow-bot', messages=messages)
    assert given(site) == {'doc': local(site, 0, 'document')}
    assert len(uploads(site)) == 1
