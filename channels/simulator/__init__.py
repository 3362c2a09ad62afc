"""A pretend world of providers: it takes messages strictly, misbehaves to order, and remembers everything."""
