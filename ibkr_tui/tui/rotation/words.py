"""What the Keys page says in full sentences: the portal's steps, what an account needs, and the help of each step."""

from __future__ import annotations

from typing import Final

CHECKLIST: Final = (
    ("An IBKR Pro account", "IBKR Lite has no Web API. Approved, and funded once."),
    ("A username for the API", "one brokerage session a username: TWS with the same name logs this program out."),
    ("Paper first", "the paper account has a username of its own: Portal → Settings → Paper Trading Account."),
    ("Self-service OAuth", "open for that username at IBKR's OAuth page; you log in there as that username."),
    ("Time", "about ten minutes here. IBKR may then take until its nightly or weekend reset to activate the key."),
)

UPLOADED: Final = "public_signature.pem, public_encryption.pem, dhparam.pem"


def portal_steps(account: str, folder: str) -> tuple[str, ...]:
    """What to do outside, in its order, and what goes where."""
    whose = f", as the user of {account}" if account else ""
    return (
        f"Portal → Settings → OAuth{whose}. On this machine, in {folder}:",
        f"Upload {UPLOADED}.",
        "Consumer key: choose nine letters A to Z, or keep the one you have.",
        "Generate Token: it shows token and secret once. Paste them here.",
    )


PRACTICE: Final = (
    "This is the demo: the portal is `ibkr-tui portal` in another terminal.",
    "`ibkr-tui portal register PRACTISED --delay 60` uploads these files under that consumer key.",
    "`ibkr-tui portal token PRACTISED` shows token and secret: enter them here.",
    "It is refused until a minute has passed, or `ibkr-tui portal activate`.",
)


MANAGED: Final = {
    "environment": (
        "The credentials come from the environment (IBKR_CONSUMER_KEY and its companions). They win over the key "
        "store, so keys made here would not be used.",
        "To rotate here: run `ibkr-tui config import-env` once; it copies the set into the profile's key store. Then "
        "unset those names and start again.",
    ),
    "credentials_file": (
        "The profile names a credentials_file. That file is yours: this program reads it and never writes it.",
        'To rotate here: put key_store = "keys/NAME" in the profile instead of credentials_file, and set it up on '
        "this page; the old keys go on at IBKR until you replace them there.",
    ),
    "gateway": (
        "A person logs in at the gateway's own page, so there are no keys to make, keep or rotate.",
        "`ibkr-tui gateway login` says where that page is and waits for the login.",
    ),
    "OAuth 2.0": (
        "OAuth 2.0 keys are registered with IBKR by hand, together with their scopes.",
        "Make the new key, have IBKR register it, and name its files in the profile.",
    ),
}  # fmt: skip

_TITLE: Final = "Keys"
_SETS: Final = (
    "A set is two RSA keys, Diffie-Hellman parameters, a consumer key and an access token with its secret. Whole sets "
    "lie side by side; one pointer says which is in charge. Nothing is ever written over. Secrets rest as files that "
    "only your user can read, and are never shown, logged or copied."
)

KEYS_PANES: Final = {
    "keys_first": (
        _TITLE,
        "This profile has no keys yet. Enter makes a set on this machine: two RSA-2048 pairs and Diffie-Hellman "
        "parameters (the group of RFC 3526, as good as one of your own; s looks for your own, in some minutes). "
        "Then IBKR's portal gets the public halves, and you enter the token it shows. " + _SETS,
    ),
    "keys_idle": (
        _TITLE,
        "The set in charge logs you in. Enter begins a rotation: new keys are made beside it, and the set in charge "
        "stays in charge until the new one has logged in. You can leave at any step, close the terminal, lose the "
        "connection, and come back. b goes back to the previous set, p takes old sets off the disk. " + _SETS,
    ),
    "keys_upload": (
        "Keys · upload",
        "Three files belong to IBKR's portal: public_signature.pem, public_encryption.pem, dhparam.pem. They hold "
        "nothing secret. If your browser is on another machine, bring them over (`scp`), or copy their text with c: "
        "the terminal hands it to the clipboard of the machine you sit at, where it can (OSC 52). Save each as a file "
        "of the same name, with Unix line ends: the portal refuses others. Choose nine letters A to Z as the "
        "consumer key, or keep yours. Generate Token shows the access token and its secret once; it must come after "
        "the upload, because the secret is sealed for the new encryption key. Then Enter here.",
    ),
    "keys_prove": (
        "Keys · prove and switch",
        "The token is on the disk with the staged set, so nothing has to be typed again. Enter makes a test login "
        "with the staged set. When it works one rename puts the set in charge, and the core logs in with it, without "
        "a restart. A refusal changes nothing. “Not active yet” is normal: IBKR activates a new or changed consumer "
        "key at its nightly or weekend reset; k tries every ten minutes while this app is open. A wrong token or a "
        "wrong upload never mends by waiting: make a token again in the portal and press e. Note that IBKR has had "
        "the new files since the upload: the old set may stop working there before the new one works.",
    ),
    "keys_expired": (
        "Keys · expired",
        "A staged set that nobody finished is not left lying around: after a day it wants a decision. Renew gives it "
        "another day, with its keys, its files and any token as they are; do that when IBKR is still activating it. "
        "Drop takes it off the disk; the set in charge is not touched.",
    ),
    "keys_managed": (
        _TITLE,
        "The keys of this profile are kept elsewhere; the page says where, and how to move them here if you want to.",
    ),
    "keys_token": (
        "Keys · the new token",
        "Copy the three values from IBKR's portal. Token and secret are not shown here, leave nothing in the "
        "terminal's scrollback, and are gone from this form when it closes. White space and quotes that copying brings "
        "along do not matter. A secret that was made before the upload of the new files is refused: it was sealed for "
        "another encryption key. Enter in the last field makes the test login; Escape leaves everything as it was.",
    ),
    "keys_verifier": (
        "Keys · third parties",
        "A third party has got its consumer key, 25 hexadecimal digits, from IBKR, which registers its public files by "
        "hand. It asks for a request token with the staged signature key; a person logs in at IBKR's page and allows "
        "it; the address that the page leads to holds the verifier, which counts once and gives the access token. The "
        "verifier is not shown here. When it is refused, ask for a new request token with v. Whoever serves himself "
        "does none of this: he has nine letters and takes the token from the portal.",
    ),
}  # fmt: skip
