"""People in: tables of frames or features, readers, faces, invented people, splits."""
