"""How the store's tables came to be, one step a file; run by `state.sql.database` when a store is opened."""
