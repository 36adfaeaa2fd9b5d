// The loop of a judge: one question a line, one answer a line, as JSON (the
// questions and answers of t/judges/serve.py).

import { createInterface } from 'node:readline';

export const KEY = 'sk-CANARYsdk';

// What a library prints is no answer.
console.log = console.info = console.error;

const nothing = () => ({
  text: '', reasoning: '', sources: [], finish: null, usage: null,
});

// ways[what](messages, out) returns the messages of the assistant.
export async function converse(ask, out, ways) {
  const messages = [];
  for (const question of ask.questions) {
    Object.assign(out, nothing());
    messages.push({ role: 'user', content: question });
    messages.push(...[await ways[ask.what](messages, out)].flat());
    out.texts.push(out.text);
  }
}

// [url, title] of annotations.
export function sources(annotations) {
  return (annotations ?? []).map(({ type, url_citation: { url, title } }) => {
    if (type !== 'url_citation') throw new Error(`a source of ${type}`);
    return [url, title];
  });
}

// describe(fault): what the answer says of it, or null.
export async function serve(answer, describe) {
  for await (const line of createInterface({ input: process.stdin })) {
    const out = { texts: [], ...nothing() };
    try {
      await answer(JSON.parse(line), out);
    } catch (fault) {
      const found = describe(fault);
      if (!found) throw fault;
      Object.assign(out, found);
    }
    process.stdout.write(`${JSON.stringify(out)}\n`);
  }
}

export function describeStatus(fault) {
  return {
    error: fault.constructor.name, message: fault.message,
    code: fault.code ?? null, status: fault.status ?? null,
    request_id: fault.requestID ?? fault.request_id ?? null,
  };
}
