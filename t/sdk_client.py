"""One question through the openai package of the running interpreter:
JSON on standard input, JSON on standard output."""

import asyncio
import json
import sys

import openai


def read(stream, out):
    for chunk in stream:
        assert chunk.object == 'chat.completion.chunk', chunk
        note(chunk, out)


def note(chunk, out):
    if chunk.usage:
        assert not chunk.choices
        out['usage'] = chunk.usage.total_tokens
    for choice in chunk.choices:
        out['text'] += choice.delta.content or ''
        out['finish'] = choice.finish_reason or out['finish']


async def read_async(ask, how, out):
    client = openai.AsyncOpenAI(base_url=ask['base_url'],
                                api_key='sk-CANARYsdk')
    stream = await client.chat.completions.create(
        stream=True, stream_options={'include_usage': True}, **how)
    async for chunk in stream:
        note(chunk, out)
    await client.close()


def helper(client):
    """The .stream() helper moved out of beta."""
    completions = client.chat.completions
    if hasattr(completions, 'stream'):
        return completions.stream
    return client.beta.chat.completions.stream


def run(ask, client, how, out):
    what = ask['what']
    if what == 'models':
        out['ids'] = [model.id for model in client.models.list()]
        out['one'] = client.models.retrieve(out['ids'][0]).id
        out['one'] = client.models.retrieve('chat-bot').id
    elif what == 'stream':
        read(client.chat.completions.create(
            stream=True, stream_options={'include_usage': True}, **how), out)
    elif what == 'leave':
        stream = client.chat.completions.create(stream=True, **how)
        for _ in range(5):
            next(stream)
        stream.close()
    elif what == 'reply':
        reply = client.chat.completions.create(**how)
        (choice,) = reply.choices
        out.update(text=choice.message.content, finish=choice.finish_reason,
                   usage=reply.usage.total_tokens,
                   request_id=reply._request_id)
    elif what == 'helper':
        with helper(client)(stream_options={'include_usage': True},
                            **how) as stream:
            for _ in stream:
                pass
            done = stream.get_final_completion()
        (choice,) = done.choices
        out.update(text=choice.message.content, finish=choice.finish_reason,
                   usage=done.usage.total_tokens)
    else:
        asyncio.run(read_async(ask, how, out))


def main():
    ask = json.load(sys.stdin)
    client = openai.OpenAI(base_url=ask['base_url'], api_key='sk-CANARYsdk')
    how = {'model': ask['model'], 'messages': ask.get('messages') or [
        {'role': 'user', 'content': ask['question']}]}
    out = {'text': '', 'finish': None, 'usage': None}
    try:
        run(ask, client, how, out)
    except openai.APIError as fault:
        out.update(error=type(fault).__name__, message=fault.message,
                   code=fault.code,
                   request_id=getattr(fault, 'request_id', None))
    json.dump(out, sys.stdout)


main()
