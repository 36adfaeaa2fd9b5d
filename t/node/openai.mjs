// The official Node SDK as judge: `openai`, or the package that is the first
// argument.

import { KEY, converse, describeStatus, serve, sources } from './serve.mjs';

const { default: OpenAI } = await import(process.argv[2] ?? 'openai');
const USAGE = { stream_options: { include_usage: true } };

const tokens = (usage) => usage
  && [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens];

function note(chunk, out) {
  if (chunk.object !== 'chat.completion.chunk') {
    throw new Error(`not a chunk: ${JSON.stringify(chunk)}`);
  }
  out.usage = tokens(chunk.usage) ?? out.usage;
  for (const { delta, finish_reason: finish } of chunk.choices) {
    out.text += delta.content ?? '';
    out.reasoning += delta.reasoning_content ?? '';
    out.sources.push(...sources(delta.annotations));
    out.finish = finish ?? out.finish;
  }
}

function noteReply(done, out) {
  const [{ message, finish_reason: finish }] = done.choices;
  Object.assign(out, {
    text: message.content, reasoning: message.reasoning_content ?? '',
    sources: sources(message.annotations), finish, usage: tokens(done.usage),
  });
  return message;
}

const said = (out) => ({ role: 'assistant', content: out.text });

async function answer(ask, out) {
  const client = new OpenAI({
    baseURL: ask.base_url, apiKey: KEY, maxRetries: ask.retries,
  });
  const how = { model: ask.model, ...ask.more };
  const create = (more) => client.chat.completions.create({ ...how, ...more });
  const complete = ([{ content: prompt }], more) =>
    client.completions.create({ ...how, prompt, ...more });

  if (ask.what === 'models') {
    out.ids = [];
    for await (const model of client.models.list()) out.ids.push(model.id);
    out.one = (await client.models.retrieve(ask.model)).id;
    return;
  }

  await converse(ask, out, {
    async stream(messages) {
      const chunks = await create({ messages, stream: true, ...USAGE });
      for await (const chunk of chunks) note(chunk, out);
      return said(out);
    },
    async reply(messages) {
      return noteReply(await create({ messages }), out);
    },
    async helper(messages) {
      const api = client.chat.completions.stream
        ? client.chat.completions : client.beta.chat.completions;
      const events = api.stream({ ...how, messages, ...USAGE });
      // Of members it does not know it keeps the last piece alone.
      let reasoning = '';
      events.on('chunk', ({ choices: [choice] }) => {
        reasoning += choice?.delta.reasoning_content ?? '';
      });
      const message = noteReply(await events.finalChatCompletion(), out);
      out.reasoning = reasoning;
      return message;
    },
    async leave(messages) {
      let seen = 0;
      for await (const _ of await create({ messages, stream: true })) {
        if (++seen === 5) break;
      }
      return said(out);
    },
    async complete(messages) {
      const done = await complete(messages, {});
      out.text = done.choices[0].text;
      out.finish = done.choices[0].finish_reason;
      out.usage = tokens(done.usage);
      return said(out);
    },
    async complete_stream(messages) {
      const chunks = await complete(messages, { stream: true, ...USAGE });
      for await (const { choices, usage } of chunks) {
        out.usage = tokens(usage) ?? out.usage;
        for (const { text, finish_reason: finish } of choices) {
          out.text += text;
          out.finish = finish ?? out.finish;
        }
      }
      return said(out);
    },
  });
}

await serve(answer, (fault) =>
  (fault instanceof OpenAI.APIError ? describeStatus(fault) : null));
