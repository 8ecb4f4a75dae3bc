"""The textbook picture of regionalisation: ten FCs, a hundred locations, ten thousand parcels, trucks of a hundred."""
