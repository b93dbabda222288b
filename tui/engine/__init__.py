"""Making it so: generators that carry out a plan in small steps; they never decide."""
