"""The contracts as documents: JSON Schema 2020-12 per event version, and AsyncAPI 3.0 over all topics."""

import inspect
from typing import Any, Final, cast

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from schemas.dead_letter import DeadLetter
from schemas.enriched_event import EnrichedEvent
from schemas.envelope import Envelope
from schemas.fields import Contract
from schemas.parameters import Parameters
from schemas.profile import Profile
from schemas.registry import REGISTRY, Entry
from schemas.score_change import Audience, ScoreChange, SegmentChange

Document = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SCHEMA_FORMAT: Final = "application/schema+json;version=2020-12"
_IDENTITY: Final = ("customer_id", "anonymous_id", "identifiers")

_INPUTS: Final = {
    "site-interaction": "What visitors do on the site and in the app.",
    "purchase": "Receipts, orders, refunds, deals and loyalty balances.",
    "support-ticket": "Tickets, their ratings, and surveys.",
    "customer": "Who a customer is, and which identifiers belong together.",
    "consent": "What a customer allows, blocks, and wants erased.",
}


_OUTPUTS: Final[dict[str, tuple[type[Contract], str]]] = {
    "score-change": (ScoreChange, "One message per crossing of a band."),
    "segment-change": (SegmentChange, "One message per entering or leaving of a segment."),
    "audience": (Audience, "Who is in which segment now, compacted by `segment:customer_key`."),
    "dead-letter": (DeadLetter, "Rejected records with their original bytes."),
    "enriched-event": (EnrichedEvent, "How each source record ended, ready to be loaded."),
    "warmth-parameters": (Parameters, "The fitted value model; the last record under the key `value` holds."),
}


class _Generator(GenerateJsonSchema):
    """JSON Schema without the titles that pydantic derives from field names: they repeat the names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic's signature
        return False


def json_schemas() -> dict[str, Document]:
    """Return every contract as JSON Schema 2020-12, by relative file name such as `purchase/order_completed.v1.json`."""
    inputs = {_file(entry.topic, entry.type, entry.version): _input_schema(entry) for entry in REGISTRY.values()}
    models = {topic: model for topic, (model, _) in _OUTPUTS.items()} | {"profile": Profile}
    outputs = {_file("out", name): _schema(f"out:{name}:1", TypeAdapter(model)) for name, model in models.items()}
    return inputs | outputs


def asyncapi() -> Document:
    """Return the AsyncAPI 3.0 document of all topics; payloads refer to the files of `json_schemas`."""
    inputs = {topic: _channel(topic, says, _input_messages(topic)) for topic, says in _INPUTS.items()}
    outputs = {topic: _channel(topic, says, [_name(topic)]) for topic, (_, says) in _OUTPUTS.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Warmth",
            "version": "1.0.0",
            "description": "Customer events in; score changes, segment changes and audiences out.",
        },
        "defaultContentType": "application/json",
        "channels": inputs | outputs,
        "operations": {
            **{f"receive-{topic}": _operation("receive", topic, channel) for topic, channel in inputs.items()},
            **{f"send-{topic}": _operation("send", topic, channel) for topic, channel in outputs.items()},
        },
        "components": {"messages": _messages()},
    }


def _name(name: str, version: int = 1) -> str:
    return f"{name}.v{version}"


def _file(folder: str, name: str, version: int = 1) -> str:
    return f"{folder}/{_name(name, version)}.json"


def _schema(name: str, adapter: TypeAdapter[Any]) -> Document:
    return {"$schema": DIALECT, "$id": f"urn:warmth:{name}", **adapter.json_schema(schema_generator=_Generator)}


def _input_schema(entry: Entry) -> Document:
    schema = _schema(f"{entry.topic}:{entry.type}:{entry.version}", entry.adapter)
    schema.setdefault("title", "".join(word.capitalize() for word in entry.type.split("_")))
    schema.setdefault("description", _summary(entry))
    for event in (schema, *schema["$defs"].values()):
        if entry.type == event.get("properties", {}).get("type", {}).get("const"):
            event["properties"]["type"] |= _type_annotations()
    if "customer_id" not in schema.get("required", ()):
        schema["anyOf"] = [{"required": [name]} for name in _IDENTITY]
    return schema


def _summary(entry: Entry) -> str:
    """Return what an event says; of a union, what each of its variants says."""
    return " ".join(inspect.cleandoc(model.__doc__ or "") for model in entry.models)


def _type_annotations() -> Document:
    """Return what the envelope says of `type`, which each event narrows to its own name."""
    info = Envelope.model_fields["type"]
    return {"description": info.description, **cast("Document", info.json_schema_extra)}


def _input_messages(topic: str) -> list[str]:
    return [_name(entry.type, entry.version) for entry in REGISTRY.values() if entry.topic == topic]


def _channel(topic: str, description: str, messages: list[str]) -> Document:
    return {
        "address": topic,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operation(action: str, topic: str, channel: Document) -> Document:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in channel["messages"]],
    }


def _messages() -> Document:
    inputs = {
        _name(entry.type, entry.version): _message(entry.type, _summary(entry), _file(*entry[:3]))
        for entry in REGISTRY.values()
    }
    outputs = {_name(topic): _message(topic, says, _file("out", topic)) for topic, (_, says) in _OUTPUTS.items()}
    return inputs | outputs


def _message(name: str, summary: str, file: str) -> Document:
    return {"name": name, "summary": summary, "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"./{file}"}}}
