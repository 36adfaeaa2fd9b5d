"""The official Python SDK as judge, whatever its release."""

import asyncio
import functools

import openai

from serve import KEY, converse, serve, sources, tokens

USAGE = {'include_usage': True}


def note(chunk, out):
    assert chunk.object == 'chat.completion.chunk', chunk
    if chunk.usage:
        assert not chunk.choices
        out['usage'] = tokens(chunk.usage)
    for choice in chunk.choices:
        delta = choice.delta
        out['text'] += delta.content or ''
        out['reasoning'] += getattr(delta, 'reasoning_content', None) or ''
        out['sources'] += sources(getattr(delta, 'annotations', None))
        out['finish'] = choice.finish_reason or out['finish']


def note_reply(done, out):
    (choice,) = done.choices
    message = choice.message
    out.update(text=message.content, finish=choice.finish_reason,
               reasoning=getattr(message, 'reasoning_content', None) or '',
               sources=sources(message.annotations),
               usage=tokens(done.usage))
    return message


def said(out):
    return {'role': 'assistant', 'content': out['text']}


class Ways:
    def __init__(self, ask):
        self.how = {'model': ask['model']}
        self.extra = {'extra_body': ask['more']}
        options = {'base_url': ask['base_url'], 'api_key': KEY,
                   'max_retries': ask['retries']}
        self.client = openai.OpenAI(**options)
        self.async_client = functools.partial(openai.AsyncOpenAI, **options)

    def create(self, messages, **more):
        return self.client.chat.completions.create(
            messages=messages, **self.how, **self.extra, **more)

    def stream(self, messages, out):
        with self.create(messages, stream=True,
                         stream_options=USAGE) as chunks:
            for chunk in chunks:
                note(chunk, out)
        return said(out)

    def reply(self, messages, out):
        return note_reply(self.create(messages), out)

    def helper(self, messages, out):
        """It moved out of beta."""
        api = self.client.chat.completions
        if not hasattr(api, 'stream'):
            api = self.client.beta.chat.completions
        with api.stream(messages=messages, stream_options=USAGE, **self.how,
                        **self.extra) as events:
            events.until_done()
            return note_reply(events.get_final_completion(), out)

    def asynchronous(self, messages, out):
        asyncio.run(self._asynchronous(messages, out))
        return said(out)

    async def _asynchronous(self, messages, out):
        async with self.async_client() as client:
            chunks = await client.chat.completions.create(
                messages=messages, stream=True, stream_options=USAGE,
                **self.how, **self.extra)
            async for chunk in chunks:
                note(chunk, out)

    def leave(self, messages, out):
        with self.create(messages, stream=True) as chunks:
            for _ in range(5):
                next(chunks)
        return said(out)

    def complete(self, messages, out):
        done = self.client.completions.create(
            prompt=messages[-1]['content'], **self.how, **self.extra)
        (choice,) = done.choices
        out.update(text=choice.text, finish=choice.finish_reason,
                   usage=tokens(done.usage))
        return said(out)

    def complete_stream(self, messages, out):
        for chunk in self.client.completions.create(
                prompt=messages[-1]['content'], stream=True,
                stream_options=USAGE, **self.how, **self.extra):
            assert chunk.object == 'text_completion', chunk
            out['usage'] = tokens(chunk.usage) or out['usage']
            for choice in chunk.choices:
                out['text'] += choice.text
                out['finish'] = choice.finish_reason or out['finish']
        return said(out)


def answer(ask, out):
    ways = Ways(ask)
    with ways.client:
        if ask['what'] == 'models':
            out['ids'] = [model.id for model in ways.client.models.list()]
            out['one'] = ways.client.models.retrieve(ask['model']).id
            return
        names = {'async': 'asynchronous'}
        name = names.get(ask['what'], ask['what'])
        converse(ask, out, {ask['what']: getattr(ways, name)})


serve(answer)
