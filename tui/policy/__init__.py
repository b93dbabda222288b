"""What should be: pure functions from records, policy and now to a plan."""
