import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

// An OpenAI-compatible endpoint with no model behind it: it answers chat completions, streamed or whole, with plausible
// text and exact usage. Enough for the demo to need no account; set OPENAI_BASE_URL and OPENAI_API_KEY for a real one.

interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly content: string }[];
  readonly stream?: boolean;
  readonly max_completion_tokens?: number;
}

const sentences = [
  "A reservation holds budget before the agent acts. ",
  "The commit books what the call really cost and gives back the rest. ",
  "When the budget nears its end, the authority answers with caps. ",
  "An agent that honours them does less with each call and goes on. ",
  "The call that would exceed the budget never starts. ",
];

/** Starts the endpoint on a free port of the loopback interface. */
export async function startModelServer(): Promise<{ readonly baseUrl: string; close(): void }> {
  const server: Server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { baseUrl: `http://127.0.0.1:${port}/v1`, close };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  if (request.url !== "/v1/chat/completions") return void response.writeHead(404).end();
  const { model, messages, stream = false, max_completion_tokens: limit = 1_000 } = JSON.parse(body) as ChatRequest;
  const words = write(messages.length, limit);
  const usage = {
    prompt_tokens: messages.reduce((sum, { content }) => sum + Math.ceil(content.length / 4), 3),
    completion_tokens: words.length,
    total_tokens: 0,
  };
  usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  const base = { id: "chatcmpl-demo", created: 0, model };
  const finish_reason = words.length === limit ? "length" : "stop";
  if (!stream) {
    const message = { role: "assistant", content: words.join("") };
    const whole = { ...base, object: "chat.completion", choices: [{ index: 0, message, finish_reason }], usage };
    return void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(whole));
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const chunk = { ...base, object: "chat.completion.chunk" };
  const send = (part: object): boolean => response.write(`data: ${JSON.stringify({ ...chunk, ...part })}\n\n`);
  for (const content of words) send({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
  send({ choices: [{ index: 0, delta: {}, finish_reason }] });
  send({ choices: [], usage });
  response.end("data: [DONE]\n\n");
}

/** One word is one token here; how many there are differs from turn to turn, as with a real model. */
function write(turn: number, limit: number): string[] {
  const wanted = 180 + ((turn * 137) % 320);
  const words = sentences.join("").split(/(?<= )/);
  return Array.from({ length: Math.min(wanted, limit) }, (_, at) => words[at % words.length] ?? "");
}
