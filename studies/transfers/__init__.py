"""When and how much stock to move between regions: a threshold rule and an LP against leaving it where it was put."""
