"""Everything goes wrong at once; a record that is not ours says what came of it."""
