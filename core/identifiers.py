"""Identifiers as people write them, brought to one spelling; what stands for nobody is told apart."""

from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Final, Literal

import phonenumbers
from pydantic import AfterValidator, Field

from core.conditions import Spec, compile_pattern, compile_patterns

VISITOR: Final = "a:"
IDENTIFIER: Final = "card:"
PREFIXES: Final = (VISITOR, IDENTIFIER)
ANONYMOUS: Final = "anonymous"
Kind = Literal["anonymous", "card", "phone", "email", "device"]
_KNOWN: Final = 65_536
"""Spellings that are remembered: a telephone number costs 20 µs, and customers come again."""
_SPACES: Final = " -\t\N{NO-BREAK SPACE}\N{NON-BREAKING HYPHEN}"
_WITHOUT_SPACES: Final = str.maketrans("", "", _SPACES)


def _region(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("is no region that has telephone numbers; write two capitals, such as RU")
    return code


def _patterns(said: list[str]) -> list[str]:
    for pattern in said:
        compile_pattern(pattern)
    return said


class IdentitySpec(Spec):
    """What ids may do, as `identity.yaml` says it.

    `merging` names the kinds of which one value makes two customers one. `customers_per_id` is how many customers may claim
    one value before it stops to join any further; `ids_per_customer` how many values of a kind one customer may claim.
    """

    merging: frozenset[Kind] = frozenset({"card", "phone", "email"})
    customers_per_id: dict[Kind, Annotated[int, Field(ge=1, le=1_000)]] = Field({})
    ids_per_customer: dict[Kind, Annotated[int, Field(ge=1, le=1_000)]] = Field({})
    blocked: list[Annotated[str, Field(min_length=1, max_length=300)]] = Field([])
    blocked_matches: Annotated[list[str], AfterValidator(_patterns)] = Field([])
    phone_region: Annotated[str, AfterValidator(_region)] = "RU"
    dots_do_not_count: list[str] = Field([])


_CUSTOMERS_PER_ID: Final = 5
_IDS_PER_CUSTOMER: Final = 100


class Identifiers:
    """Keys of profiles that stand for identifiers.

    Args:
        spec: What ids may do.
        secret: Key of the hash that stands for an identifier, at most 64 bytes.
    """

    def __init__(self, spec: IdentitySpec, secret: bytes) -> None:
        self.merging = spec.merging
        self._spec = spec
        self._secret = secret
        self._exact = frozenset(value.strip().casefold() for value in spec.blocked)
        self._is_of_nobody = compile_patterns(spec.blocked_matches)
        self.is_blocked = lru_cache(_KNOWN)(self._is_blocked)
        self.key = lru_cache(_KNOWN)(self._key)

    def most_customers(self, kind: Kind) -> int:
        """Return how many customers may claim one value of a kind."""
        return self._spec.customers_per_id.get(kind, _CUSTOMERS_PER_ID)

    def most_ids(self, kind: Kind) -> int:
        """Return how many values of a kind one customer may claim."""
        return self._spec.ids_per_customer.get(kind, _IDS_PER_CUSTOMER)

    def spelt(self, kind: Kind, value: str) -> str | None:
        """Return the one spelling of an identifier, None where it stands for nobody."""
        if self.is_blocked(value):
            return None
        plain = value.strip().casefold()
        if kind == "phone":
            plain = self._phone(plain)
        elif kind == "email":
            plain = self._email(plain)
        elif kind == "card":
            plain = plain.translate(_WITHOUT_SPACES)
        return None if not plain or self.is_blocked(plain) else plain

    def _key(self, kind: Kind, value: str) -> str | None:
        """Return the key of the profile that an identifier stands for, None where it stands for nobody.

        Without the secret the key can be neither made nor undone.
        """
        spelt = self.spelt(kind, value)
        if spelt is None:
            return None
        return IDENTIFIER + blake2b(f"{kind}:{spelt}".encode(), key=self._secret, digest_size=16).hexdigest()

    def _is_blocked(self, value: str) -> bool:
        """Tell whether a value stands for nobody: one that is blocked, or one character again and again."""
        plain = value.strip().casefold()
        bare = plain.strip(_SPACES)
        if not bare or (len(plain) > 1 and not bare.strip(_SPACES + bare[0])):
            return True
        return plain in self._exact or self._is_of_nobody(plain)

    def _phone(self, plain: str) -> str:
        """Return E.164, an empty text where that is no telephone number."""
        try:
            number = phonenumbers.parse(plain, self._spec.phone_region)
        except phonenumbers.NumberParseException:
            return ""
        if not phonenumbers.is_possible_number(number):
            return ""
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    def _email(self, plain: str) -> str:
        """Return an address without what its provider does not look at, an empty text where it is none."""
        name, at, domain = plain.rpartition("@")
        if not (at and name and domain):
            return ""
        if domain in self._spec.dots_do_not_count:
            name = name.partition("+")[0].replace(".", "")
        return f"{name}@{domain}" if name else ""
