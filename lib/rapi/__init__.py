"""The remote API: what the master daemon offers, over HTTPS, to users of the users file."""
