"""LiteLLM as judge."""

import asyncio
import functools
import os

os.environ['LITELLM_LOCAL_MODEL_COST_MAP'] = 'True'  # nothing is fetched

import litellm  # noqa: E402

from serve import KEY, converse, serve, sources, tokens  # noqa: E402

litellm.suppress_debug_info = True
STREAM = {'stream': True, 'stream_options': {'include_usage': True}}


def note(done, out):
    (choice,) = done.choices
    message = choice.message
    out.update(text=message.content, finish=choice.finish_reason,
               reasoning=getattr(message, 'reasoning_content', None) or '',
               sources=sources(getattr(message, 'annotations', None)),
               usage=tokens(done.usage))
    return message


def peek(chunk, out):
    """What is there if the stream ends in an error."""
    for choice in chunk.choices:
        out['text'] += choice.delta.content or ''
    return chunk


async def gather(how, messages):
    answer = await litellm.acompletion(messages=messages, **how, **STREAM)
    return [chunk async for chunk in answer]


def answer(ask, out):
    how = {'model': 'openai/' + ask['model'], 'api_base': ask['base_url'],
           'api_key': KEY, 'max_retries': ask['retries'],
           'extra_body': ask['more']}
    complete = functools.partial(litellm.completion, **how)

    def built(chunks, messages, out):
        return note(litellm.stream_chunk_builder(chunks, messages), out)

    def stream(messages, out):
        return built([peek(chunk, out) for chunk in complete(
            messages=messages, **STREAM)], messages, out)

    def leave(messages, out):
        chunks = complete(messages=messages, **STREAM)
        for _ in range(5):
            next(chunks)
        chunks.completion_stream.close()
        return {'role': 'assistant', 'content': ''}

    converse(ask, out, {
        'stream': stream, 'leave': leave,
        'reply': lambda messages, out: note(complete(messages=messages), out),
        'async': lambda messages, out: built(
            asyncio.run(gather(how, messages)), messages, out)})


serve(answer)
