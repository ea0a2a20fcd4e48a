"""The three values of IBKR's portal, as a person enters them, checked before they are believed."""

from __future__ import annotations

import re
from typing import Final

import tomli_w
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ibkr_tui.core.keys.sealed import open_secret
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError

_CONSUMER: Final = re.compile(r"[A-Z]{9}|[0-9a-f]{25}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{8,256}")


class TokenEntry:
    """Consumer key, access token and its secret. White space and quotes that copying brings along do not matter."""

    def __init__(self, consumer_key: str, access_token: Secret, access_token_secret: Secret) -> None:
        self.consumer_key = consumer_key.strip().strip("\"'")
        self.access_token = Secret(access_token.reveal().strip().strip("\"'"))
        self.access_token_secret = Secret("".join(access_token_secret.reveal().split()).strip("\"'"))

    def check(self, encryption_key: RSAPrivateKey) -> None:
        """Raise TOKEN_INVALID naming the field, or IBKR_KEY_INVALID when the secret is not for this key."""
        if not _CONSUMER.fullmatch(self.consumer_key):
            raise _refused(
                "consumer_key",
                "the consumer key is nine letters from A to Z, as you chose it in the portal (a third party has 25 "
                "hexadecimal digits)",
            )
        if not _TOKEN.fullmatch(self.access_token.reveal()):
            raise _refused("access_token", "the access token is empty or has characters it cannot have")
        try:
            open_secret(self.access_token_secret.reveal(), encryption_key)
        except BrokerError as error:
            if "base64" in error.message:
                raise _refused("access_token_secret", error.message) from None
            raise _refused(
                "access_token_secret",
                "the access token secret was not made for the new encryption key: upload the new public files first, "
                "then make a new token in the portal",
            ) from None

    def packed(self) -> bytes:
        """`credentials.toml` of a version."""
        return tomli_w.dumps(
            {
                "consumer_key": self.consumer_key,
                "access_token": self.access_token.reveal(),
                "access_token_secret": self.access_token_secret.reveal(),
            }
        ).encode()


def _refused(field: str, words: str) -> BrokerError:
    return BrokerError("TOKEN_INVALID", words, details={"field": field})
