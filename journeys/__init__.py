"""When is something said?  Journeys: their files, who enters, how members move through them."""
