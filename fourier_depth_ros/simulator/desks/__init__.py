"""Desks seen from near: solids, screens -> things of true size -> layout on a desk -> views."""
