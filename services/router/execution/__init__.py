"""How a decision is carried out when one call may not be all: fallback, hedges, mirrors, limits; many
predictions at once, and one of them token by token."""
