"""The sum tree: priorities by slot, and exact weighted draws from them."""
