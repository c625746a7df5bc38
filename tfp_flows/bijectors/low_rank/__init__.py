"""The identity and a term of low rank."""
