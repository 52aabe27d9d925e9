"""The bottom of the tree: text, files, programs, addresses, certificates, retries, logs."""
