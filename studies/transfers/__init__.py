"""Whether moving stock between regions pays, by a threshold rule or an LP, when its trucks are paid for."""
