"""A user of the remote API for a virtual cluster, with a password made by chance.

The password is in a file of the cluster's directory that its owner alone can read; the
users file holds what it is checked with.
"""

from __future__ import annotations

import os
import secrets

from ganeti.rapi.client_http import PORT
from ganeti.rapi.users import ha1
from ganeti.utils import files, net, text
from ganeti.vcluster import grow

PASSWORD_FILE = "rapi-password"
USER = "demo"
USERS_MODE = 0o640


def give_user(directory: str) -> bool:
    """Make the user unless there is one; return whether it was made.

    Raises OSError.
    """
    path = os.path.join(directory, PASSWORD_FILE)
    if os.path.exists(path):
        return False
    users = grow.master_of(directory).rapi_users
    others = files.read_text(users).splitlines(keepends=True) if os.path.exists(users) else []
    password = secrets.token_urlsafe(18)
    # After an interruption here there is a user whose password nobody knows, and who is replaced.
    kept = [line for line in others if line.split(None, 1)[:1] != [USER]]
    files.write_file(users, "".join([*kept, f"{USER} {{HA1}}{ha1(USER, password)} write\n"]), mode=USERS_MODE)
    files.write_file(path, f"{password}\n", mode=0o600)
    return True


def curl_line(directory: str) -> str:
    """Return a command that asks the remote API for the instances, as this user."""
    master = grow.master_of(directory)
    url = f"https://{net.resolve(master.hostname, master)}:{PORT}/2/instances"
    return f'curl -k -u "{USER}:$(cat {text.shell_quote(directory)}/{PASSWORD_FILE})" {url}'
