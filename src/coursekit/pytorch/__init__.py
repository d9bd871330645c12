"""The ideas of the course in PyTorch, under the names of the ideas. Only here is torch imported."""
