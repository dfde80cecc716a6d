"""The tRPC dialect: the same engine, spoken to as the deployed engines are (procedures, superjson)."""
