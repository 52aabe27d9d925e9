"""What a field is read from: one row class per resource, filled by whoever gathers the data."""
