"""A systemd user unit for the core of a profile: restarted when it fails, ended in order, and allowed little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

_UNIT: Final = """\
# The core of ibkr-tui, profile {profile}: {kind}, account {account}. Made by `ibkr-tui core unit`.
#
#   ibkr-tui --profile {profile} core unit > ~/.config/systemd/user/{name}.service
#   systemctl --user daemon-reload
#   systemctl --user enable --now {name}
#   loginctl enable-linger          # so that it runs while nobody is logged in
#
# The app and `ibkr-tui call` attach to this core by themselves; quitting the app leaves it running.

[Unit]
Description=ibkr-tui core, profile {profile}
StartLimitIntervalSec=10min
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
{environment}Restart=on-failure
RestartSec=5s
# 2 is a configuration that a person has to mend; stopping by a signal is no failure.
RestartPreventExitStatus=2
SuccessExitStatus=129 130 131 143
# Orders under way get five seconds. A loop that has not moved for a minute is ended and started again:
# every order is written down before it is sent, so that its fate is found out after that.
TimeoutStopSec=20s
KillMode=mixed
WatchdogSec=60s
WatchdogSignal=SIGKILL
UMask=0077
LimitCORE=0
MemoryMax=512M
TasksMax=64

NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

# These need user namespaces. Where the kernel refuses them the unit ends with 226/NAMESPACE: take them out there.
PrivateUsers=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writable}
ProtectControlGroups=yes
ProtectKernelTunables=yes
# No PrivateTmp: where the state directory's path is too long for a socket, faces find it below /tmp.

[Install]
WantedBy=default.target
"""


class Place(msgspec.Struct, frozen=True):
    """What a unit is made of. `writable` are the directories that the core writes to."""

    profile: str
    kind: str
    account: str
    command: Sequence[str]
    writable: Sequence[Path]
    environment: Sequence[tuple[str, str]] = ()


def unit_name(profile: str) -> str:
    """The unit's name, without its suffix."""
    return f"ibkr-tui-{profile}"


def unit_text(place: Place) -> str:
    """The unit file."""
    environment = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in place.environment)
    return _UNIT.format(
        profile=place.profile,
        kind=place.kind,
        account=place.account,
        name=unit_name(place.profile),
        command=" ".join(_quoted(word, dollar=True) for word in place.command),
        environment=environment,
        writable=" ".join(_quoted(f"-{path}") for path in place.writable),
    )


def _quoted(word: str, *, dollar: bool = False) -> str:
    """A word as systemd reads it back: specifiers, variables, blanks and quotes mean nothing in it."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if dollar:
        plain = plain.replace("$", "$$")
    return f'"{plain}"' if any(char in word for char in " \t'\"\\;") or not word else plain
