"""A profile's key material, looked at piece by piece, so that the first thing that is wrong can be named."""

from __future__ import annotations

from ibkr_tui.core.keys.client_keys import load_client_keys
from ibkr_tui.core.keys.key_set import key_files, load_key_set, read_credentials_file
from ibkr_tui.core.keys.pem import load_key, parse_dh_hex, parse_dh_parameters, read_private
from ibkr_tui.core.settings import Profile

_GROUP_FILE = "Diffie-Hellman file"


def examine_files(profile: Profile) -> str:
    """That every file is there, is ours and nobody else's to read. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID."""
    files = key_files(profile)
    for what, path in files.items():
        read_private(path, what)
    return f"{len(files)} files, readable by you only"


def examine_keys(profile: Profile) -> str:
    """That both keys are RSA keys of the right size in a form that can be used. Raises as `examine_files`."""
    files = key_files(profile)
    sizes = [load_key(files[what], what).key_size for what in ("signature key", "encryption key")]
    return f"two RSA keys of {sizes[0]} bits"


def examine_group(profile: Profile) -> str:
    """That the Diffie-Hellman parameters are whole and hold a prime. Raises as `examine_files`."""
    if profile.environment is not None:
        return _sized(parse_dh_hex(profile.environment.dh_prime.reveal(), "IBKR_DH_PRIME"))
    if profile.credentials_file is not None:
        found = read_credentials_file(profile.credentials_file)
        return _sized(parse_dh_hex(found.dh_prime, str(profile.credentials_file)))
    path = key_files(profile)[_GROUP_FILE]
    text = read_private(path, _GROUP_FILE)
    prime, _ = parse_dh_parameters(text, path)
    note = "; its line ends are Windows', which works here, but IBKR's portal refuses the file" if b"\r" in text else ""
    return _sized(prime) + note


def examine_secret(profile: Profile) -> str:
    """That all of it together is one set: the access token's secret opens with the encryption key. Raises as above."""
    load_key_set(profile).prepend()
    return "the access token's secret opens with the encryption key"


def examine_client(profile: Profile) -> str:
    """That an OAuth 2.0 client's file and key are whole and private. Raises as above."""
    keys = load_client_keys(profile.credentials_file, profile.login_account)
    return f"the client's RSA key of {keys.key.key_size} bits"


def _sized(prime: int) -> str:
    return f"a prime of {prime.bit_length()} bits"
