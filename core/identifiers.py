"""Identifiers as people write them, brought to one spelling; what stands for nobody is told apart."""

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Final, Literal

import phonenumbers
from pydantic import AfterValidator, Field

from core.conditions import Spec, compile_pattern, compile_patterns
from schemas.identifying import is_address
from schemas.sealed import HASHED, NOBODY, is_hashed

VISITOR: Final = "a:"
IDENTIFIER: Final = "card:"
PREFIXES: Final = (VISITOR, IDENTIFIER)
ANONYMOUS: Final = "anonymous"
Kind = Literal["anonymous", "card", "phone", "email", "device"]
_KINDS: Final[tuple[Kind, ...]] = ("card", "phone", "email", "device")
_KNOWN: Final = 65_536
"""Spellings that are remembered: a telephone number costs 20 µs, and customers come again."""
_PHONE: Final = re.compile(r"\s*\+?[\d(][\d\s().-]{8,22}\d\s*").fullmatch
_SHORTEST_BARE: Final = 11
_MOBILE: Final = frozenset({phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE})
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
        self.pseudonym = lru_cache(_KNOWN)(self._pseudonym)

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

        Without the secret the key can be neither made nor undone. What the edge has hashed already stays what it is.
        """
        blind = value if is_hashed(value) else self.blind(kind, value)
        return None if blind == NOBODY else IDENTIFIER + blind.removeprefix(HASHED)

    def names(self, any_id: str) -> Iterator[str]:
        """Yield the keys of profiles that an id can stand for: a customer's, a visitor's, those of each kind."""
        shown = self.pseudonym(any_id)
        yield shown
        yield VISITOR + shown
        keys = (self.key(kind, any_id) for kind in _KINDS)
        yield from (key for key in keys if key is not None)

    def blind(self, kind: Kind, value: str) -> str:
        """Return the blind index of an identifier: equal where two are the same one, and unreadable."""
        spelt = self.spelt(kind, value)
        return NOBODY if spelt is None else self._hash(kind, spelt)

    def _pseudonym(self, value: str) -> str:
        """Return a customer's or visitor's id as it may be read: a hash, if it has the form of an e-mail or phone."""
        if is_address(value):
            kind: Kind = "email"
        elif _PHONE(value) and self._is_phone(value.strip()):
            kind = "phone"
        else:
            return value
        spelt = self.spelt(kind, value)
        return value if spelt is None else self._hash(kind, spelt)

    def _hash(self, kind: Kind, spelt: str) -> str:
        return HASHED + blake2b(f"{kind}:{spelt}".encode(), key=self._secret, digest_size=16).hexdigest()

    def _is_phone(self, text: str) -> bool:
        """Tell whether a text is a telephone number; bare digits only if they are a mobile phone's, with its country."""
        is_bare = text.isdigit()
        if is_bare and len(text) < _SHORTEST_BARE:
            return False
        for written in (text, f"+{text}") if is_bare else (text,):
            try:
                number = phonenumbers.parse(written, self._spec.phone_region)
            except phonenumbers.NumberParseException:
                continue
            if phonenumbers.is_valid_number(number):
                return not is_bare or phonenumbers.number_type(number) in _MOBILE
        return False

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
