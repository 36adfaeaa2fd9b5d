// Vercel's AI SDK as judge, through @ai-sdk/openai-compatible, or through
// @ai-sdk/openai if the first argument is "openai".

import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { AISDKError, RetryError, generateText, streamText } from 'ai';

import { KEY, converse, serve } from './serve.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

function modelOf({ base_url: baseURL, model }) {
  if (process.argv[2] === 'openai') {
    return createOpenAI({ baseURL, apiKey: KEY }).chat(model);
  }
  return createOpenAICompatible({
    name: 'dify', baseURL, apiKey: KEY, includeUsage: true,
  })(model);
}

// Of a message, from OpenAI's shape.
function part(one) {
  return one.type === 'image_url'
    ? { type: 'image', image: one.image_url.url } : one;
}

const converted = (messages) => messages.map((message) => (
  Array.isArray(message.content) && message.role === 'user'
    ? { ...message, content: message.content.map(part) } : message));

async function note(done, out) {
  const use = await done.usage;
  Object.assign(out, {
    text: await done.text, reasoning: await done.reasoningText ?? '',
    sources: (await done.sources).map(({ url, title }) => [url, title]),
    finish: await done.finishReason,
    usage: [use.inputTokens, use.outputTokens, use.totalTokens],
  });
  return done.responseMessages;
}

async function answer(ask, out) {
  const how = { model: modelOf(ask), maxRetries: ask.retries };

  await converse(ask, out, {
    async reply(messages) {
      return note(await generateText({
        ...how, messages: converted(messages),
      }), out);
    },
    async stream(messages) {
      const done = streamText({
        ...how, messages: converted(messages), onError() {},
      });
      for await (const piece of done.fullStream) {
        if (piece.type === 'text-delta') out.text += piece.text;
        if (piece.type === 'error') throw piece.error;
      }
      return note(done, out);
    },
    async leave(messages) {
      const abort = new AbortController();
      const { textStream } = streamText({
        ...how, messages, abortSignal: abort.signal,
      });
      let seen = 0;
      for await (const _ of textStream) if (++seen === 5) abort.abort();
      return [];
    },
  });
}

await serve(answer, (thrown) => {
  const fault = RetryError.isInstance(thrown) ? thrown.lastError : thrown;
  return AISDKError.isInstance(fault) ? {
    error: fault.constructor.name, message: fault.message,
    code: fault.code ?? fault.data?.error?.code ?? null,
    status: fault.statusCode ?? null,
    request_id: fault.responseHeaders?.['x-request-id'] ?? null,
  } : null;
});
