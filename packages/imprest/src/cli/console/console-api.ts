import { type ConsoleHub, explain } from "./hub.ts";

/** Longer than any id that an authority gives. */
const longestId = 256;

/** Answers what the page asks for: GET of paths under `/api/`. Who may ask is decided before. */
export function consoleApi(hub: ConsoleHub): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const [name = "", ...rest] = pathname.slice("/api/".length).split("/");
    if (name === "reservations" && rest.length === 1) return await reservation(hub, rest[0] ?? "", request.signal);
    if (rest.length > 0) return refusal(404, "There is no such answer.");
    switch (name) {
      case "state":
        return Response.json(hub.state);
      case "budgets":
        return Response.json(hub.budgets);
      case "activities":
        return Response.json(hub.activities);
      case "waiting":
        return Response.json(hub.waiting);
      case "burn":
        return burn(hub, searchParams);
      case "live":
        return live(hub, request);
      default:
        return refusal(404, "There is no such answer.");
    }
  };
}

function burn(hub: ConsoleHub, query: URLSearchParams): Response {
  const span = query.get("span");
  if (span !== "hour" && span !== "day") return refusal(400, "The span is hour or day.");
  const found = hub.burn(query.get("id") ?? "", span);
  return found === undefined ? refusal(404, "There is no such budget.") : Response.json(found);
}

async function reservation(hub: ConsoleHub, segment: string, signal: AbortSignal): Promise<Response> {
  let id: string;
  try {
    id = decodeURIComponent(segment);
  } catch {
    return refusal(400, "The id cannot be read.");
  }
  if (id === "" || id.length > longestId) return refusal(400, "The id cannot be one.");
  try {
    const life = await hub.life(id, signal);
    return life === undefined ? refusal(404, "There is no such reservation.") : Response.json(life);
  } catch (error) {
    return refusal(502, explain(error));
  }
}

/** A browser that comes back sends the header by itself. */
function live(hub: ConsoleHub, { headers, signal }: Request): Response {
  const after = headers.get("last-event-id");
  // A number that is none of ours is one that nothing can be resumed from.
  const number = after === null ? undefined : /^\d{1,15}$/.test(after) ? Number(after) : -1;
  const stream = hub.live(number, signal);
  if (stream === undefined) return refusal(503, "Too many pages are open; close one.");
  return new Response(stream, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
}

function refusal(status: number, why: string): Response {
  return new Response(`${why}\n`, { status, headers: { "Content-Type": "text/plain; charset=utf-8" } });
}
