"""Events pulled from somebody else's SQL database, by cursor: nothing twice, nothing lost, on from where it stopped."""
