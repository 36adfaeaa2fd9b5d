// One question through the openai package (or, as second argument says,
// another release of it): JSON on standard input, JSON on standard output.

import { readFileSync } from 'node:fs';

const { default: OpenAI } = await import(process.argv[2] ?? 'openai');
const ask = JSON.parse(readFileSync(0, 'utf8'));
const client = new OpenAI({ baseURL: ask.base_url, apiKey: 'sk-CANARYsdk' });
const how = {
  model: ask.model,
  messages: ask.messages ?? [{ role: 'user', content: ask.question }],
};
const usage = { stream_options: { include_usage: true } };
const out = { text: '', finish: null, usage: null };

async function stream() {
  const chunks = await client.chat.completions.create({
    ...how, ...usage, stream: true,
  });
  for await (const chunk of chunks) {
    if (chunk.object !== 'chat.completion.chunk') {
      throw new Error(`not a chunk: ${JSON.stringify(chunk)}`);
    }
    if (chunk.usage) out.usage = chunk.usage.total_tokens;
    for (const choice of chunk.choices) {
      out.text += choice.delta.content ?? '';
      out.finish = choice.finish_reason ?? out.finish;
    }
  }
}

async function reply() {
  const done = await client.chat.completions.create(how);
  out.text = done.choices[0].message.content;
  out.finish = done.choices[0].finish_reason;
  out.usage = done.usage.total_tokens;
}

async function helper() {
  const api = client.chat.completions.stream
    ? client.chat.completions : client.beta.chat.completions;
  const done = await api.stream({ ...how, ...usage }).finalChatCompletion();
  out.text = done.choices[0].message.content;
  out.finish = done.choices[0].finish_reason;
  out.usage = done.usage.total_tokens;
}

async function models() {
  out.ids = [];
  for await (const model of client.models.list()) out.ids.push(model.id);
  out.one = (await client.models.retrieve('chat-bot')).id;
}

async function leave() {
  const chunks = await client.chat.completions.create({
    ...how, stream: true,
  });
  let seen = 0;
  for await (const _ of chunks) if (++seen === 5) break;
}

try {
  await { stream, reply, helper, models, leave }[ask.what]();
} catch (fault) {
  if (!(fault instanceof OpenAI.APIError)) throw fault;
  out.error = fault.constructor.name;
  out.message = fault.message;
  out.code = fault.code;
  out.status = fault.status ?? null;
  out.request_id = fault.requestID ?? fault.request_id ?? null;
}
process.stdout.write(JSON.stringify(out));
