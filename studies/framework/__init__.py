"""What all studies share: the file format, the lab that plays worlds, partitions that change, and objectives."""
