"""Account ids for eyes that need not know them: first two and last two characters, as long as before."""

from __future__ import annotations

import re
from typing import Final

DOT: Final = "·"
_ACCOUNT: Final = re.compile(r"(?<![A-Za-z0-9#])(?:DU|DF|U|F)[0-9]{5,9}(?![A-Za-z0-9])")
_ENDS: Final = 2


def mask_account(account: str) -> str:
    """`DU1234567` is `DU·····67`; of a text too short for that nothing is shown."""
    if len(account) <= 2 * _ENDS:
        return DOT * len(account)
    return account[:_ENDS] + DOT * (len(account) - 2 * _ENDS) + account[-_ENDS:]


def mask_accounts(text: str) -> str:
    """`text` with every account id of IBKR's in it masked; its length stays."""
    return _ACCOUNT.sub(lambda found: mask_account(found[0]), text)
