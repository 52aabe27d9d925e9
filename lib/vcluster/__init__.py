"""Virtual clusters: hundreds of nodes on one machine, each with its own tree, address and figures."""
