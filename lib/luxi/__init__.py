"""LUXI: how programs on the master talk to its master daemon.

`methods` is the table of calls, `framing` the bytes on the wire, `client` the
synchronous client; the server is `ganeti.masterd.luxi_server`.
"""
