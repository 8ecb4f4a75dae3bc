"""What a study found as a page: findings, charts, maps, films, single decisions."""
