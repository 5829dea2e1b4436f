"""A person's day with a phone, on a virtual clock."""
