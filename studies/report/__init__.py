"""How findings become a page: charts, maps, films, and a log of single decisions."""
