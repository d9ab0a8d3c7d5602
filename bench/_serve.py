"""The service in a process, with a pacing that no configuration file may ask for.

Owns: how the settings of a benchmark are made of one argument. Everything else is what
`paperdesk serve` does.
"""

from __future__ import annotations

import hashlib
import json
import sys

from paperdesk.bootstrap import serve
from paperdesk.config import ClientSettings, GatewaySettings, RateSettings, Settings
from paperdesk.config.settings import LedgerSettings, ServerSettings
from paperdesk.domain.client import Client
from paperdesk.domain.vocabulary import AccountId, ClientName, Scope


def settings(told: dict[str, str | int]) -> Settings:
    """Return the settings of one account behind one gateway, for one key."""
    account = AccountId(str(told["account"]))
    client = Client(ClientName("bench"), frozenset({Scope.ADMIN}), frozenset({account}))
    return Settings(
        default_account=account,
        server=ServerSettings(port=0),
        rates=RateSettings(*[1_000_000] * 5),  # refusals are not what is measured
        ledger=LedgerSettings(str(told["ledger_url"])),
        gateways=(
            GatewaySettings(
                accounts=(account,),
                port=int(told["gateway_port"]),
                max_requests_per_second=int(told["per_second"]),
            ),
        ),
        clients=(
            ClientSettings(client, hashlib.sha256(str(told["key"]).encode()).hexdigest()),
        ),
    )


if __name__ == "__main__":
    sys.exit(serve(settings(json.loads(sys.argv[1]))))
