"""The pages behind the welcome screen, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from textual.content import Content

from ibkr_tui.tui.rotation.words import CHECKLIST


def _page(*paragraphs: str) -> Content:
    """Lines that begin with `#` are headings, lines that begin with two spaces are literal."""
    lines: list[Content] = []
    for text in _unwrapped("\n".join(paragraphs).split("\n")):
        if text.startswith("# "):
            lines.append(Content.styled(text[2:], "bold $accent"))
        elif text.startswith("  "):
            lines.append(Content.styled(text, "$paper"))
        else:
            lines.append(Content(text))
    return Content("\n").join(lines)


def _unwrapped(lines: Sequence[str]) -> Iterator[str]:
    """Lines of prose that follow each other are one paragraph; the screen wraps it."""
    prose = ""
    for line in [*lines, ""]:
        if line and not line.startswith(("# ", "  ")):
            prose = f"{prose} {line}" if prose else line
            continue
        if prose:
            yield prose
        prose = ""
        yield line


def connect_page(config_file: Path) -> Content:
    """What OAuth needs, what the set-up does, and the other ways."""
    needs = "\n".join(f"  □ {what}: {why}" for what, why in CHECKLIST)
    keys = config_file.parent / "keys" / "paper"
    return _page(
        f"""# What you need
{needs}

# Enter begins, in this terminal
It asks for the account, then leads step by step. Leave it anywhere: `ibkr-tui setup` goes on from there.
  1 Writes {config_file}
  2 Makes the keys in {keys}
  3 Says what to upload in IBKR's portal, and takes the token it shows
  4 Logs in with them; only then they are in charge
What is secret stays in files that only you can read; it is never shown, logged or copied.

# You have keys already
In the environment (IBKR_CONSUMER_KEY, OAUTH_CONSUMER_KEY and their companions), all of them or none:
  IBKR_CONSUMER_KEY  IBKR_ACCESS_TOKEN  IBKR_ACCESS_TOKEN_SECRET
  IBKR_SIGNATURE_KEY_PATH  IBKR_ENCRYPTION_KEY_PATH  IBKR_DH_PRIME
  IBKR_ACCOUNT_ID_TESTNET
They work as they are (with _TESTNET for the paper, _LIVE for the live profile), or copy them once into a store:
  ibkr-tui config import-env
In a file of another OAuth client: name it in the profile, readable by you only.
  credentials_file = "keys/paper/credentials.json"
Press w for an example configuration that explains every setting.

# Then
  ibkr-tui doctor
  ibkr-tui"""
    )


def gateway_page(config_file: Path) -> Content:
    """How to use a Client Portal Gateway that runs on this machine."""
    return _page(
        f"""# 1 · Start IBKR's gateway
Download the Client Portal Gateway from IBKR's API pages, unpack it, and start it (it needs Java):
  bin/run.sh root/conf.yaml

# 2 · Log in
Open https://localhost:5000 in a browser on this machine, accept its self-made certificate, and log in with
the username of your paper account. The gateway asks again after about a day; this program then says so.

# 3 · The profile
{config_file}
Press w to write a configuration to begin with, then use this profile in it:
  default_profile = "gateway"

  [profiles.gateway]
  kind = "paper"
  account_id = "DU1234567"
  auth = "gateway"
  rest_url = "https://localhost:5000/v1/api"
  ws_url = "wss://localhost:5000/v1/api/ws"

# 4 · Try it
  ibkr-tui config check
  ibkr-tui call get_account
  ibkr-tui

IBKR allows one brokerage session a username: while this runs, the same username can't trade elsewhere."""
    )


def guards_page() -> Content:
    """What the program promises about money."""
    return _page(
        """# An order is never sent twice
It is written to a journal on disk before its first byte leaves. It is sent once. If the answer is lost the order
is UNKNOWN: it is looked for among IBKR's orders and trades until it is seen, and never sent again.

# A price is never shown as newer than it is
Each row has the age of its last change. What is not present says so in words: STALE, DELAYED, FROZEN, HALTED,
NO DATA. When the link is lost, every price is STALE at once.

# Nothing is sent by accident
An order needs a preview, then a fresh key press after it could be read. A paste or a held key never confirms.
IBKR's own questions are shown in its words; No is the default, and no answer is a No.

# Limits come first
Leverage after the order, its value and its quantity, and the age of the quote are checked before each order.
A refusal names the rule and what you can do.

# Paper and live can't be confused
The environment stands first on the top line, in its own colour, at every width. The account is pinned: paper
profiles take paper accounts only. A live profile reads and shows; it refuses every order until the live gate
is open: two flags, a risk policy, and a checklist of yours.

# Keys stay where they are
Secrets are read from files only you can read. They are never in a log, on the screen or in a crash report."""
    )
