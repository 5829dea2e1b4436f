"""Is it better for this person? Measurements before and after adaptation, and reports that show them."""
