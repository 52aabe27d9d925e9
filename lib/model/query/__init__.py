"""What can be asked about the cluster: the filter language, the fields of each resource, evaluation."""
