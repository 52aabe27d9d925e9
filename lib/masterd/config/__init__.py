"""The configuration in memory and on disk: snapshots, drafts, durable writes."""
