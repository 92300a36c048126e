"""The runtime of PyPI with agents for each capability; prints its port. usage: runtime.py"""

import asyncio
import logging

import structlog

from arcp import RuntimeInfo, serve_websocket
from arcp.runtime import ARCPRuntime, StaticBearerVerifier

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


async def echo(value, ctx):
    await ctx.log("info", "echoing")
    return {"echoed": value}


async def chatty(value, ctx):
    await ctx.thought("hm")
    await ctx.status("working", "on it")
    await ctx.tool_call({"tool_call_id": "c1", "name": "search", "arguments": {"q": 1}})
    await ctx.tool_result({"tool_call_id": "c1", "output": "hit"})
    await ctx.progress(1, total=2, units="steps")
    await ctx.metric({"name": "rows", "value": 3, "attributes": {"a": 1}})
    return "said"


async def text(value, ctx):
    stream = ctx.stream_result()
    for word in ("one ", "two ", "three"):
        await stream.write(word)
    await stream.close()


async def spender(value, ctx):
    for _ in range(3):
        await ctx.metric({"name": "cost.search", "value": 1, "unit": "USD"})
    return "spent"


async def wait(value, ctx):
    await asyncio.sleep(3600)


async def fails(value, ctx):
    raise ValueError("on purpose")


async def ticker(value, ctx):
    for n in range(1, 6):
        await ctx.progress(n, total=5)
        await asyncio.sleep(0.1)
    return "ticked"


async def main():
    runtime = ARCPRuntime(
        runtime=RuntimeInfo(name="peer", version="1.1.3"),
        bearer=StaticBearerVerifier({"alice": "alice", "lister": "lister"}),
        heartbeat_interval_sec=1,
    )
    for agent in (echo, chatty, text, spender, wait, fails, ticker):
        runtime.register_agent(agent.__name__, agent)
    for version in ("1.0.0", "2.0.0"):
        runtime.register_agent_version("versioned", version, echo)
    runtime.set_default_agent_version("versioned", "2.0.0")
    server = await serve_websocket(runtime.accept, host="127.0.0.1", port=0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
