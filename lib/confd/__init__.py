"""confd: any master candidate answers questions about the cluster, in signed datagrams."""
