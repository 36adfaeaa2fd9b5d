"""LangChain's ChatOpenAI as judge."""

import asyncio

from langchain_openai import ChatOpenAI

from serve import KEY, converse, serve


def note(message, out):
    use = message.usage_metadata
    out['text'] = message.content
    out['finish'] = message.response_metadata.get('finish_reason')
    out['usage'] = use and [use['input_tokens'], use['output_tokens'],
                            use['total_tokens']]
    return message


def answer(ask, out):
    model = ChatOpenAI(
        model=ask['model'], base_url=ask['base_url'], api_key=KEY,
        max_retries=ask['retries'], stream_usage=True,
        extra_body=ask['more'] or None)

    def stream(messages, out):
        whole = None
        for chunk in model.stream(messages):
            whole = chunk if whole is None else whole + chunk
            note(whole, out)
        return whole

    async def gather(messages, out):
        whole = None
        async for chunk in model.astream(messages):
            whole = chunk if whole is None else whole + chunk
        return note(whole, out)

    def leave(messages, out):
        chunks = model.stream(messages)
        for _ in range(5):
            whole = next(chunks)
        chunks.close()
        return whole

    converse(ask, out, {
        'stream': stream, 'leave': leave,
        'reply': lambda messages, out: note(model.invoke(messages), out),
        'async': lambda messages, out: asyncio.run(gather(messages, out))})


serve(answer)
