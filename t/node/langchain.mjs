// LangChain's ChatOpenAI as judge.

import { ChatOpenAI } from '@langchain/openai';

import { KEY, converse, describeStatus, serve } from './serve.mjs';

function note(message, out) {
  const use = message.usage_metadata;
  out.text = message.content;
  out.reasoning = message.additional_kwargs.reasoning_content ?? '';
  out.finish = message.response_metadata.finish_reason ?? null;
  out.usage = use && [use.input_tokens, use.output_tokens, use.total_tokens];
  return message;
}

async function answer(ask, out) {
  const model = new ChatOpenAI({
    model: ask.model, apiKey: KEY, maxRetries: ask.retries,
    streamUsage: true, configuration: { baseURL: ask.base_url },
    modelKwargs: ask.more,
  });

  await converse(ask, out, {
    async reply(messages) {
      return note(await model.invoke(messages), out);
    },
    async stream(messages) {
      let whole;
      for await (const chunk of await model.stream(messages)) {
        whole = whole ? whole.concat(chunk) : chunk;
        note(whole, out);
      }
      return whole;
    },
    async leave(messages) {
      let seen = 0;
      for await (const _ of await model.stream(messages)) {
        if (++seen === 5) break;
      }
      return [];
    },
  });
}

await serve(answer, (fault) =>
  (fault.status !== undefined || fault.error ? describeStatus(fault) : null));
