"""How far predicted depth is from true depth: protocols, metrics, intervals, reports."""
