"""What server and phone agree on: the manifest, the files of a bundle, the layout of the head state."""
