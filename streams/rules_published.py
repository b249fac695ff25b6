"""Rules as topic `warmth-rules` has them: every version that was ever published, under its own key."""

import logging
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, field_validator

from core.identifiers import IdentitySpec
from core.rules import RuleSet, compile_rules
from core.traffic import Network
from streams.kafka.compacted import read_all
from streams.kafka.publishing import Publisher
from streams.kafka.topics import RULES
from streams.rules_files import RulesError, read_identity, read_networks, read_plan, read_rule_set

log = logging.getLogger("warmth.rules")


class RulesVersion(BaseModel):
    """All that a folder of rules says: rules, tracking plan, own networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    published_at: datetime
    rules: RuleSet
    plan: dict[str, frozenset[str]] = Field({})
    internal: list[Network] = Field([])
    identity: IdentitySpec = Field(IdentitySpec())

    @field_validator("internal", mode="before")
    @classmethod
    def _networks(cls, said: list[Any]) -> list[Network]:
        return [ip_network(str(network)) for network in said]

    @field_serializer("internal", when_used="json")
    def _texts(self, networks: list[Network]) -> list[str]:
        return [str(network) for network in networks]

    @property
    def version(self) -> int:
        """Number of the version; it grows with each publication."""
        return self.rules.version


def read_version(folder: Path) -> RulesVersion:
    """Return what the files of `folder` say.

    Raises:
        RulesError: A file is missing, is no YAML, or says what no rule can say.
    """
    return RulesVersion(
        published_at=datetime.now(UTC),
        rules=read_rule_set(folder),
        plan=read_plan(folder),
        internal=read_networks(folder),
        identity=read_identity(folder),
    )


def decode_version(value: bytes) -> RulesVersion:
    """Return the version in a record.

    Raises:
        RulesError: It is none that these workers can use.
    """
    try:
        version = RulesVersion.model_validate_json(value)
        compile_rules(version.rules)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RulesError(f"{RULES}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as error:
        raise RulesError(f"{RULES}: {error}") from None
    return version


async def published_versions(bootstrap: str) -> list[RulesVersion]:
    """Return all versions that were published and can be used, in their order; of two with one number, the first holds."""
    versions: dict[int, RulesVersion] = {}
    for entry in await read_all(bootstrap, [RULES]):
        try:
            version = decode_version(entry.value)
        except RulesError as error:
            log.warning("%s; it is left out", error)
            continue
        if version.version > max(versions, default=0):
            versions[version.version] = version
    return list(versions.values())


async def publish(bootstrap: str, version: RulesVersion) -> None:
    """Write a version to the topic.

    Raises:
        RulesError: Somebody else published at the same time.
    """
    value = version.model_dump_json(by_alias=True, exclude_none=True).encode()
    async with Publisher(bootstrap, 1) as publisher:
        await publisher.send(RULES, [(f"{version.version}:{version.published_at.isoformat()}".encode(), value)])
    if not any(one == version for one in await published_versions(bootstrap)):
        raise RulesError(f"version {version.version} was published by somebody else just now; look at the difference again")
