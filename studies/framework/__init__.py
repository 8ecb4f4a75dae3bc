"""What all studies share: the file format, the cells they play, and the cut of one nation into regions."""
