"""A frozen DINOv2 that teaches: its features, a depth head on them, distillation."""
