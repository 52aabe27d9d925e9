"""The nouns of a cluster: names, enums, config records, opcodes, parameters, queries.

Pure values and pure functions; nothing here touches a socket, a file, a process or
the clock.
"""
