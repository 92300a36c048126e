"""An agent of LangChain whose gates reserve and commit at a live server; no provider is asked. Prints what its turns came to."""

import json
import os

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langchain_runcycles import CyclesFanOutGate, CyclesModelGate, CyclesToolGate
from runcycles import Action, Amount, CyclesClient, CyclesConfig, Subject, Unit


def microcents(amount: int) -> Amount:
    return Amount(unit=Unit.USD_MICROCENTS, amount=amount)


@tool
def send_sms(to: str) -> str:
    """Sends a text message."""
    return f"sent to {to}"


class ScriptedModel(FakeMessagesListChatModel):
    def bind_tools(self, tools, **options):
        return self


call = {"name": "send_sms", "args": {"to": "alice"}, "id": "call-1", "type": "tool_call"}
model = ScriptedModel(responses=[AIMessage(content="", tool_calls=[call]), AIMessage(content="done")])
config = CyclesConfig(base_url=os.environ["CYCLES_BASE_URL"], api_key=os.environ["CYCLES_API_KEY"], tenant="acme")
subject = Subject(tenant="acme", agent="writer")

with CyclesClient(config) as client:
    gates = [
        CyclesFanOutGate(5, client=client, subject=subject, action=Action(kind="model.turn", name="turn")),
        CyclesModelGate(
            client,
            subject=subject,
            action=Action(kind="llm.completion", name="scripted"),
            mode="reserve",
            estimate=microcents(1_000),
            cost_fn=lambda result: microcents(700),
        ),
        CyclesToolGate(
            client,
            subject=subject,
            action=Action(kind="tool.call", name="send_sms"),
            mode="reserve",
            estimate=microcents(500),
            cost_fn=lambda request, result: microcents(80),
        ),
    ]
    agent = create_agent(model=model, tools=[send_sms], middleware=gates)
    result = agent.invoke({"messages": [{"role": "user", "content": "Text alice."}]})

print(json.dumps([str(message.content) for message in result["messages"]]))
