"""Tables of a network: sites, lanes, regions, holidays."""

from regional_dispatch.envs.world.tables.schema.column import MILES_PER_KM, Column, Table

LATITUDE = Column(
    "latitude", "number", "Degrees north", "45.76", "refused", "degrees", required=True, also=("lat",),
    low=-90, high=90, mend="check it; are latitude and longitude swapped?",
)  # fmt: skip
LONGITUDE = Column(
    "longitude", "number", "Degrees east", "4.84", "refused", "degrees", required=True, also=("lon", "lng", "long"),
    low=-180, high=180, mend="west of Greenwich is negative",
)  # fmt: skip
SITES = Table(
    "sites",
    "network.sites",
    "One row per site: fulfillment centers (FC), sort centers (SC), and stations, where orders are delivered.",
    (
        Column("name", "text", "Name, unique", "Depot Lyon", "refused", required=True,
               also=("site", "site_name", "site_id")),
        Column("kind", "text", "`fc`, `sc` or `station`; also in words, such as `fulfillment center`", "fc",
               "refused; at least one FC and one station are needed", required=True, also=("type", "site_type")),
        LATITUDE,
        LONGITUDE,
        Column("region", "text", "Region, for `partition: {kind: file, path: …}` with this same file", "South",
               "no region"),
        Column("state", "text", "State or province, for `partition: {kind: states}`", "CA", "no state",
               also=("province",)),
        Column("time_zone", "text", "IANA name of the site's clock", "Europe/Paris", "`calendar.time_zone`",
               also=("timezone", "tz")),
        Column("population", "positive", "People, or any measure of demand; a station's share of generated orders is "
               "its share of the sum", "520000", "0; where every station has 0, all have the same share", "people",
               also=("people", "inhabitants")),
        Column("lines_per_hour", "positive", "FC: order lines it picks", "60",
               "sized from mean demand by `capacity.pick_headroom`", "lines an hour", instead=("per_hour",)),
        Column("packages_per_hour", "positive", "SC: packages it sorts", "900",
               "sized from mean demand by `capacity.sort_headroom`", "packages an hour", instead=("per_hour",)),
        Column("per_hour", "positive", "Older name of `lines_per_hour` at an FC and `packages_per_hour` at an SC", "60",
               "", "an hour"),
        Column("trucks", "whole", "Trucks based at the site", "10",
               "`trucks.fleet_headroom` × trucks busy at mean demand, at least 2 at an FC or SC", "trucks"),
        Column("opens", "clock", "When work starts, on its own clock", "06:00", "open around the clock", "HH:MM"),
        Column("closes", "clock", "When work ends, on its own clock; before `opens`, it is the next day", "22:00",
               "open around the clock", "HH:MM"),
        Column("weekdays", "text", "Days it works", "Mo-Fr", "every day"),
        Column("postal", "text", "Station: prefixes of the postal codes it serves, separated by spaces or `;`", "69 38",
               "no postal codes", also=("postal_prefixes", "postal_codes", "zip3")),
    ),
)  # fmt: skip
LANES = Table(
    "lanes",
    "network.lanes",
    "One row per lane, in one direction. A lane runs from an FC to a station, from an FC to an SC, between SCs, or "
    "from an SC to a station. Without the table, lanes are those within reach (`network.direct_max_miles` and such).",
    (
        Column("origin", "text", "Name of the site it starts from", "Depot Lyon", "refused", required=True,
               also=("from",)),
        Column("destination", "text", "Name of the site it leads to", "Nice", "refused", required=True,
               also=("to", "dest")),
        Column("mode", "text", "Mode; two sites may have several lanes, each of another mode", "air", "`truck`"),
        Column("miles", "positive", "Road distance; a column `km` is read as kilometres", "290",
               "great circle × `network.circuity`, at least 10", "miles", also=("distance_miles", "mi"), high=100_000,
               scaled=(("km", MILES_PER_KM), ("distance_km", MILES_PER_KM), ("kilometers", MILES_PER_KM),
                       ("kilometres", MILES_PER_KM))),
        Column("transit_hours", "positive", "Time on the road", "2", "`miles` at `network.speed_mph`", "hours",
               also=("transit", "hours"), high=24 * 366),
        Column("departure_usd", "positive", "Cost of one departure of a real truck; `cost_eur` with "
               "`network.units: {money: EUR}`", "2400",
               "`trucks.usd_per_mile` × `miles` + `trucks.dock_usd`", "USD",
               also=("cost_usd", "cost")),
        Column("capacity", "whole", "What a real truck on this lane holds", "900", "`trucks.real_capacity_packages`",
               "packages", also=("capacity_packages",), low=1),
        Column("departures", "text", "Timetable: departures on the clock of the origin, with weekdays if not daily",
               "Mo-Fr 06:00;18:00", "trucks leave when the policy says so", also=("timetable", "departs")),
    ),
)  # fmt: skip
REGIONS = Table(
    "regions",
    "partition.path",
    "One row per site; an FC or SC without a row belongs to the region of the nearest station. The table of sites may "
    "serve, with its column `region`.",
    (
        Column("site", "text", "Name of a site; every station must be listed", "Nice", "refused", required=True,
               also=("name", "station")),
        Column("region", "text", "Name of its region", "South", "refused at a station"),
    ),
)  # fmt: skip
STATES = Table(
    "states",
    "partition.map",
    "One row per state or province that a site lies in.",
    (
        Column("state", "text", "State, as in the table of sites", "CA", "refused", required=True, also=("province",)),
        Column("region", "text", "Name of its region", "West", "refused", required=True),
    ),
)  # fmt: skip
