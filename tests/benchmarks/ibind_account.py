"""What `call get_account` does, in ibind 0.2.2: log in, read. `ibind_account.py CREDENTIALS REST_URL`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ibind import IbkrClient
from ibind.oauth.oauth1a import OAuth1aConfig


def main(credentials: str, rest_url: str) -> None:
    """Log in, read, log out."""
    given = json.loads(Path(credentials).read_text())
    config = OAuth1aConfig(
        oauth_rest_url=rest_url + "/",
        access_token=given["access_token"],
        access_token_secret=given["access_token_secret"],
        consumer_key=given["consumer_key"],
        dh_prime=given["dh_prime"],
        dh_generator=str(given["dh_generator"]),
        encryption_key_fp=given["encryption_key_path"],
        signature_key_fp=given["signature_key_path"],
        realm=given["realm"],
    )
    client = IbkrClient(account_id=given["account_id"], use_oauth=True, oauth_config=config)
    client.receive_brokerage_accounts()
    client.portfolio_accounts()
    found = client.portfolio_summary().data["netliquidation"]["amount"]
    sys.stdout.write(json.dumps({"net": found}) + "\n")
    sys.stdout.flush()
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
