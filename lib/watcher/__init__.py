"""The watcher: run by cron on every node, puts right what went wrong since its last run."""
