"""The client of PyPI against a runtime of ours: one line of JSON for each capability. usage: client.py URL"""

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime, timedelta

from arcp import (
    AgentNotAvailableError,
    AgentVersionNotAvailableError,
    ARCPError,
    BudgetExhaustedError,
    ClientInfo,
    DuplicateKeyError,
    JobNotFoundError,
    LeaseConstraints,
    LeaseExpiredError,
    ListJobsFilter,
    PermissionDeniedError,
    SessionResume,
    UnauthenticatedError,
    WebSocketTransport,
)
from arcp.client import ARCPClient

URL = sys.argv[1]


async def dial(token="alice", resume=None, **options):
    client = ARCPClient(client=ClientInfo(name="peer", version="1.0.0"), token=token, **options)
    transport = await WebSocketTransport.connect(URL)
    if resume is None:
        await client.connect(transport)
    else:
        await client.resume(transport, resume=resume)
    return client


async def kinds_of(handle):
    return [event["kind"] async for event in handle.events()]


async def raises(error, call):
    try:
        await call
    except error as caught:
        return caught
    raise AssertionError(f"{error.__name__} was not raised")


async def handshake():
    client = await dial()
    assert client.session_id and client.welcome.accepted_at
    assert set(client.negotiated_features) == set(client.features), client.negotiated_features
    names = {agent.name for agent in client.welcome.capabilities.agents}
    assert "echo" in names, names
    await client.close()


async def wrong_token():
    await raises(UnauthenticatedError, dial(token="nobody"))


async def result():
    client = await dial()
    handle = await client.submit(agent="echo", input={"hi": "there"})
    assert (await handle.done).result == {"echoed": {"hi": "there"}}
    assert (await handle.done).final_status == "success"
    await client.close()


async def no_input():
    client = await dial()
    handle = await client.submit(agent="echo")
    await handle.done
    await client.close()


async def events():
    client = await dial()
    handle = await client.submit(agent="chatty", lease_request={"tool.call": ["*"]})
    seen = [event async for event in handle.events()]
    bodies = {event["kind"]: event["body"] for event in seen}
    assert bodies["tool_call"]["name"] == "search" and bodies["tool_call"]["arguments"] == {"q": 1}
    assert bodies["tool_result"]["output"] == "hit"
    assert bodies["progress"] == {"current": 1, "total": 2, "units": "steps"}
    assert {"thought", "status", "metric", "artifact_ref"} <= bodies.keys(), bodies.keys()
    await handle.done
    await client.close()


async def text_chunks():
    client = await dial()
    handle = await client.submit(agent="text")
    assert (await handle.collect_chunks()).decode() == "one two three"
    assert (await handle.done).result_size == 13
    await client.close()


async def byte_chunks():
    client = await dial()
    handle = await client.submit(agent="bytes")
    chunks = [chunk async for chunk in handle.chunks()]
    assert {chunk["encoding"] for chunk in chunks} == {"base64"}, chunks
    await handle.done
    await client.close()


async def budget():
    client = await dial()
    lease = {"cost.budget": ["USD:5.00"], "tool.call": ["search"]}
    handle = await client.submit(agent="spender", lease_request=lease)
    assert handle.budget == {"USD": "USD:5"}, handle.budget
    metrics = [event["body"] async for event in handle.events() if event["kind"] == "metric"]
    assert any(body["name"] == "cost.budget.remaining" for body in metrics), metrics
    await handle.done
    await client.close()


async def budget_exhausted():
    client = await dial()
    lease = {"cost.budget": ["USD:0.01"], "tool.call": ["*"]}
    handle = await client.submit(agent="spender", lease_request=lease)
    await raises(BudgetExhaustedError, handle.done)
    await client.close()


async def lease_violation():
    client = await dial()
    handle = await client.submit(agent="chatty", lease_request={"tool.call": ["other"]})
    await raises(PermissionDeniedError, handle.done)
    await client.close()


async def lease_expires():
    client = await dial()
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    handle = await client.submit(agent="wait", lease_constraints=LeaseConstraints(expires_at=soon))
    assert handle.lease_constraints.expires_at == soon
    await raises(LeaseExpiredError, handle.done)
    await client.close()


async def cancel():
    client = await dial()
    handle = await client.submit(agent="wait")
    await client.cancel_job(handle.job_id, reason="enough")
    assert (await handle.done).final_status == "cancelled"
    await client.close()


async def timed_out():
    client = await dial()
    handle = await client.submit(agent="wait", max_runtime_sec=1)
    assert (await handle.done).final_status == "timed_out"
    await client.close()


async def failure():
    client = await dial()
    handle = await client.submit(agent="fails")
    error = await raises(ARCPError, handle.done)
    assert error.code == "INTERNAL_ERROR" and "on purpose" in error.message
    await client.close()


async def versions():
    client = await dial()
    assert (await client.submit(agent="versioned")).agent_ref == "versioned@2.0.0"
    assert (await client.submit(agent="versioned@1.0.0")).agent_ref == "versioned@1.0.0"
    await raises(AgentVersionNotAvailableError, client.submit(agent="versioned@9.9.9"))
    await client.close()


async def unknown_agent():
    client = await dial()
    await raises(AgentNotAvailableError, client.submit(agent="nobody"))
    await client.close()


async def idempotency():
    client = await dial()
    key = uuid.uuid4().hex
    first = await client.submit(agent="echo", input=1, idempotency_key=key)
    await first.done
    again = await client.submit(agent="echo", input=1, idempotency_key=key)
    assert again.job_id == first.job_id
    assert (await again.done).result == {"echoed": 1}
    await raises(DuplicateKeyError, client.submit(agent="echo", input=2, idempotency_key=key))
    await client.close()


async def concurrent():
    client = await dial()
    handles = await asyncio.gather(*(client.submit(agent="echo", input=n) for n in range(50)))
    results = await asyncio.gather(*(handle.done for handle in handles))
    assert [result.result["echoed"] for result in results] == list(range(50))
    await client.close()


async def list_jobs():
    client = await dial(token="lister")
    ids = {(await client.submit(agent="wait")).job_id for _ in range(3)}
    page = await client.list_jobs(filter=ListJobsFilter(status=("pending", "running")), limit=2)
    assert len(page.jobs) == 2 and page.next_cursor and page.jobs[0].submitted_at
    rest = await client.list_jobs(cursor=page.next_cursor)
    assert {job.job_id for job in (*page.jobs, *rest.jobs)} == ids
    await client.close()


async def subscribe():
    owner, watcher = await dial(), await dial()
    handle = await owner.submit(agent="ticker")
    subscription = await watcher.subscribe(handle.job_id, history=True)
    assert subscription.job_id == handle.job_id
    ticks = [event async for event in subscription.handle.events() if event["kind"] == "progress"]
    assert [tick["body"]["current"] for tick in ticks] == [1, 2, 3, 4, 5], ticks
    assert (await subscription.handle.done).result == "ticked"
    await raises(JobNotFoundError, watcher.subscribe("job_01H00000000000000000000000"))
    await owner.close()
    await watcher.close()


async def resume():
    client = await dial()
    handle = await client.submit(agent="ticker")
    async for event in handle.events():
        if event["kind"] == "progress":
            break
    state = SessionResume(
        session_id=client.session_id,
        resume_token=client.welcome.resume_token,
        last_event_seq=client.latest_event_seq,
    )
    await client._transport.close()
    again = ARCPClient(client=ClientInfo(name="peer", version="1.0.0"), token="alice")
    transport = await WebSocketTransport.connect(URL)
    # The library keeps no handles over a resume: what is replayed is seen at the transport.
    received = []
    receive = transport.recv

    async def tapped():
        frame = await receive()
        received.append(frame)
        return frame

    transport.recv = tapped
    welcome = await again.resume(transport, resume=state)
    assert welcome.session_id == state.session_id
    while not any(frame["type"] == "job.result" for frame in received):
        await asyncio.sleep(0.05)
    numbers = [frame["event_seq"] for frame in received if "event_seq" in frame]
    assert numbers == list(range(state.last_event_seq + 1, state.last_event_seq + 1 + len(numbers))), numbers
    await again.close()


async def acknowledge():
    client = await dial(auto_ack=True)
    handle = await client.submit(agent="ticker")
    await handle.done
    await client.ack(client.latest_event_seq)
    assert (await (await client.submit(agent="echo")).done).final_status == "success"
    await client.close()


async def heartbeat():
    client = await dial()
    assert client.welcome.heartbeat_interval_sec == 1
    await asyncio.sleep(3)
    assert (await (await client.submit(agent="echo")).done).final_status == "success"
    await client.close()


async def delegate():
    client = await dial()
    handle = await client.submit(agent="boss", lease_request={"agent.delegate": ["echo"]})
    bodies = {event["kind"]: event["body"] async for event in handle.events()}
    assert bodies["delegate"]["agent"].startswith("echo") and bodies["delegate"]["child_job_id"], bodies
    assert (await handle.done).result == {"echoed": "child"}
    await client.close()


async def trace():
    client = await dial()
    handle = await client.submit(agent="echo", trace_id="0123456789abcdef0123456789abcdef")
    assert handle.trace_id == "0123456789abcdef0123456789abcdef"
    await handle.done
    await client.close()


CAPABILITIES = (
    handshake, wrong_token, result, no_input, events, text_chunks, byte_chunks, budget, budget_exhausted,
    lease_violation, lease_expires, cancel, timed_out, failure, versions, unknown_agent, idempotency, concurrent,
    list_jobs, subscribe, resume, acknowledge, heartbeat, delegate, trace,
)  # fmt: skip


async def main():
    async def play(capability):
        try:
            await asyncio.wait_for(capability(), 15)
            error = None
        except BaseException as caught:  # noqa: BLE001
            error = f"{type(caught).__name__}: {caught}"
        print(json.dumps({"capability": capability.__name__, "error": error}), flush=True)

    await asyncio.gather(*(play(capability) for capability in CAPABILITIES))


asyncio.run(main())
