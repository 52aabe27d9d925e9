"""THE TABLE of the remote API, one module per noun; `all` puts them together."""
